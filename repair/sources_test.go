package repair_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
)

// sources is an action that can take its rows from many sources, in order.
type sources struct {
	act
	names  []string
	broken bool
	staged string
}

func (a *sources) Stage(_ context.Context, r *repair.Run) error {
	for _, name := range a.names {
		if _, ok := r.Unhelpful(name); !ok {
			a.staged = name
			return nil
		}
	}
	return &repair.UnhelpfulError{Why: "no source helps"}
}

func (a *sources) Staged(context.Context, *repair.Run) (*repair.Staged, error) {
	if a.broken {
		panic("boom")
	}
	return &repair.Staged{Source: a.staged, Content: "rows of " + a.staged}, nil
}

// However many sources a repair has, each is tried once, and the repair ends.
func TestManySourcesAreTriedOnceEach(t *testing.T) {
	t.Parallel()
	b, _ := timed(t)
	a := &sources{}
	for i := range 35 {
		a.names = append(a.names, fmt.Sprint("source", i))
	}
	asked := map[string]int{}
	b.Agent.Prove = func(_ context.Context, _ sentinel.Repair, s *repair.Staged) (sentinel.Proof, error) {
		if asked[s.Source]++; asked[s.Source] > 1 {
			return sentinel.Proof{}, nil // ends the loop
		}
		return against("8 rows"), nil
	}
	r := b.RunRepair(b.Policy("sources", a, repair.Auto), b.OpenIncident("x"))
	if b.WantState(r, sentinel.WouldNotHelp, "no source helps"); len(asked) != 35 || a.applied.Load() != 0 {
		t.Errorf("%d sources were judged: %v", len(asked), asked)
	}
}

// Rows that were taken back are never applied again for their incident, however often they
// were looked at since.
func TestRowsTakenBackAreRemembered(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	a := &sources{names: []string{"staging", "archive"}}
	p := b.Policy("sources", a, repair.Auto)
	p.Attempts = 1000
	b.StillBad = func(context.Context) (bool, error) { return true, nil }
	why := b.OpenIncident("x")
	b.Agent.Prove = func(_ context.Context, _ sentinel.Repair, s *repair.Staged) (sentinel.Proof, error) {
		if s.Source == "archive" {
			return against("8 rows"), nil
		}
		return sentinel.Proof{}, nil
	}
	b.WantState(b.RunRepair(p, why), sentinel.RolledBack, "still bad")
	for try := range 40 {
		at.Add(int64(2 * time.Hour))
		r := b.RunRepair(p, why)
		if b.WantState(r, sentinel.WouldNotHelp, ""); a.applied.Load() != 1 {
			t.Fatalf("try %d: applied %d times", try, a.applied.Load())
		}
		if n := len(r.Unhelpful); n > 3 {
			t.Fatalf("try %d: %d notes: %+v", try, n, r.Unhelpful)
		}
	}
}

// A panic while the staged rows are read is an error of the repair, which then ends.
func TestPanicWhileReadingStagedRows(t *testing.T) {
	t.Parallel()
	b, at := timed(t)
	a := &sources{names: []string{"staging"}, broken: true}
	r := b.RunRepair(b.Policy("sources", a, repair.Auto), b.OpenIncident("x"))
	for range 20 {
		if r.State.Final() {
			break
		}
		at.Add(int64(time.Hour))
		r = b.AdvanceRepair(r.ID)
	}
	b.WantState(r, sentinel.DeadLetter, "reading the staged rows panicked: boom")
	if len(b.Agent.Panics()) == 0 || a.applied.Load() != 0 {
		t.Errorf("%d panics, applied %d times", len(b.Agent.Panics()), a.applied.Load())
	}
}
