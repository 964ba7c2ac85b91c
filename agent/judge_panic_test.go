package agent

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/store"
)

// failingRunner yields failed results in one part. The id of a check is the name of
// its table.
type failingRunner struct{}

// Run implements checks.Runner.
func (failingRunner) Run(
	_ context.Context, _ checks.Env, _ string, jobs []checks.Job,
) iter.Seq2[int, []checks.Outcome] {
	outcomes := make([]checks.Outcome, len(jobs))
	for i, j := range jobs {
		r := sentinel.Result{Check: j.Table.Name, Kind: "row_count", Table: j.Table, Tick: j.Tick, Status: sentinel.Fail}
		r.Findings = []sentinel.Finding{{Key: "row_count", Status: sentinel.Fail, Message: "0 rows"}}
		outcomes[i] = checks.Outcome{Job: j, Results: []sentinel.Result{r}}
	}
	return func(yield func(int, []checks.Outcome) bool) { yield(0, outcomes) }
}

// brokenCheck panics when its options are read for the left-th time.
type brokenCheck struct {
	*checks.RowCount
	left int
}

// Common implements checks.Check.
func (c *brokenCheck) Common() *checks.Options {
	if c.left--; c.left == 0 {
		panic("a bug in a check")
	}
	return c.RowCount.Common()
}

// TestAPanicOfJudging: datasets judged before the panic are recorded as run, with
// their incidents. The others are recorded as skipped, once.
func TestAPanicOfJudging(t *testing.T) {
	t.Parallel()
	memory, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	a := newAgent(memory, time.Now)
	a.runner = failingRunner{}
	begin(t, a)
	name := func(i int) sentinel.Table {
		return sentinel.Table{Warehouse: "w", Schema: "main", Name: fmt.Sprintf("t_%d", i)}
	}
	broken := &brokenCheck{RowCount: atLeastOne(t)}
	plan := newRunning(Plan{})
	var due []*entry
	for i := range 3 {
		var c checks.Check = atLeastOne(t)
		if i == 1 {
			c = broken
		}
		d := &Dataset{Table: name(i), Location: time.UTC, Checks: []Check{everySecond(t, name(i).Name, c)}}
		due = append(due, splitBySchedule(plan, d)...)
	}
	l := newLoop(a, "w", Plan{CatchUp: "one"})
	at := time.Now().UTC().Truncate(time.Second)
	broken.left = 2 // the detectors read them first
	a.runTick(t.Context(), l, at, due)
	open, err := memory.OpenIncidents(t.Context())
	if err != nil || len(open) != 1 || open[0].Table != name(0) {
		t.Errorf("incidents after the panic: %+v, %v", open, err)
	}
	a.runTick(t.Context(), l, at.Add(time.Second), due)
	for i := range 3 {
		ticks, err := memory.Ticks(t.Context(), name(i), 9)
		if err != nil || len(ticks) != 2 {
			t.Errorf("ticks of %s: %+v, %v", name(i), ticks, err)
			continue
		}
		if got := ticks[1].Skipped != ""; got != (i > 0) || ticks[0].Skipped != "" {
			t.Errorf("ticks of %s: %+v", name(i), ticks)
		}
	}
}
