package agent

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
)

// heldCheck stops whoever first asks for its options, until it is let go.
type heldCheck struct {
	checks.RowCount
	once      sync.Once
	held, let chan struct{}
}

func (c *heldCheck) Common() *checks.Options {
	c.once.Do(func() { close(c.held); <-c.let })
	return c.RowCount.Common()
}

// TestAStopWhileDatasetsAreResolved: the datasets are found, the agent stops, and only then
// are they put in force. The plan ends all the same, and is closed once.
func TestAStopWhileDatasetsAreResolved(t *testing.T) {
	t.Parallel()
	memory := openStore(t)
	a := newAgent(memory, time.Now)
	begin(t, a)
	hourly, err := schedule.Parse("0 * * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	check := &heldCheck{held: make(chan struct{}), let: make(chan struct{})}
	check.ID = "rows"
	closed := &countedCloses{}
	plan := Plan{Resources: closed, Resolver: datasets{{Table: theTable, Checks: []Check{{Check: check, Schedule: hourly}}}}}
	ctx, stop := context.WithCancel(t.Context())
	l := newLoop(a, "w", plan)
	r := a.runPlan(ctx, plan, map[string]*loop{"w": l})
	<-check.held
	stop()
	l.abandon()
	close(check.let)
	select {
	case <-r.ended:
	case <-time.After(30 * time.Second):
		t.Fatal("the plan does not end")
	}
	if closed.n != 1 || len(l.entries) > 0 {
		t.Errorf("closed %d times; the loop has %d entries", closed.n, len(l.entries))
	}
	families, err := a.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			if f.GetName() == "sentinel_panics_total" && m.GetCounter().GetValue() > 0 {
				t.Errorf("a panic: %v", m)
			}
		}
	}
}

// countedCloses counts how often it is closed.
type countedCloses struct{ n int }

func (c *countedCloses) Close() error { c.n++; return nil }

// openStore opens a store of the test's own.
func openStore(t *testing.T) *store.Store {
	t.Helper()
	memory, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := memory.Close(); err != nil {
			t.Error(err)
		}
	})
	return memory
}

// TestATickOfAReplacedPlanRunsUnderTheNewOne: a reload comes during the delay of a tick, and
// the loop looks at what is due before the delay ends.
func TestATickOfAReplacedPlanRunsUnderTheNewOne(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 10, 0, 5, 0, time.UTC)
	l, dataset := newTestLoop(t, now)
	list := []Dataset{dataset("a", "0 * * * *"), dataset("b", "*/5 * * * *", "0 * * * *")}
	l.set(list)
	nothing := map[store.TickKey]time.Time{}
	due := l.due(now, nothing)
	if len(due) != 1 {
		t.Fatalf("due at %v", due)
	}
	l.replace(newRunning(Plan{CatchUp: "one"}), list)
	if early := l.due(now, nothing); len(early) > 0 {
		t.Fatalf("due while the batch waits: %v", early)
	}
	for tick, entries := range due {
		if !l.giveBack(tick, entries) {
			t.Fatal("the tick runs under the plan before")
		}
		again := l.due(now, nothing)
		if len(again[tick]) != len(entries) {
			t.Errorf("%d of %d entries are due again", len(again[tick]), len(entries))
		}
		for _, e := range again[tick] {
			if e.plan != l.plan || len(e.skipped) > 0 {
				t.Errorf("%s: not of the new plan, or skipped: %v", e.dataset.Table, e.skipped)
			}
		}
	}
}
