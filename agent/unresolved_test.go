package agent

import (
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
)

// A repair waits while its policy cannot be known: before an agent has found its datasets,
// and while those of the warehouse cannot be found. It ends only once its policy is known
// not to be configured.
func TestRepairsWaitForTheirPolicies(t *testing.T) {
	t.Parallel()
	p := newProving(t, "sqlite", "staging")
	p.add("day", perDay(t, 8))
	p.begin()
	p.statuses()
	i, _ := p.incident("day")
	results, err := p.Store.LastResults(t.Context(), store.Filter{Check: "day"})
	p.Must(err)
	r, err := p.agent.engine.PlanRepair(t.Context(), p.policy, p.agent.trigger(i, results[0]))
	p.Must(err)
	p.Must(p.agent.Stop())
	clock := sentinel.ClockFunc(func() time.Time { return p.clock })
	p.agent = New(Config{
		Store: p.Store, Metrics: exporters.NewPrometheus("test"), Clock: clock, Log: slog.New(slog.DiscardHandler),
		Repair: &repair.Config{Store: p.Store, Holder: "next", Clock: clock},
	})
	begin(t, p.agent)
	p.agent.setPlan(p.plan)
	advance := func(when string, want sentinel.RepairState) {
		t.Helper()
		p.Must(p.agent.engine.Advance(t.Context()))
		if is := p.Get(r.ID); is.State != want {
			t.Errorf("%s: %s: %s, want %s", when, is.State, is.Message, want)
		}
	}
	was := p.Get(r.ID).State
	advance("before the datasets are known", was)
	p.agent.setDatasets(nil, &ResolveError{Warehouse: "w", Err: errors.New("down")})
	advance("while the warehouse is down", was)
	p.agent.setDatasets(nil, errors.New("it may be about any dataset"))
	advance("after another problem", was)
	p.agent.setDatasets(nil)
	advance("once it is not configured", sentinel.RepairCancelled)
}

// While the last ticks cannot be read, a new dataset waits: what it missed since would be
// lost. Those that are known go on.
func TestNewDatasetsWaitForTheirLastTicks(t *testing.T) {
	t.Parallel()
	memory, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	l, dataset := newTestLoop(t, now)
	l.agent = newAgent(memory, func() time.Time { return now })
	old, young := dataset("old", "*/5 * * * *"), dataset("young", "*/5 * * * *")
	l.set([]Dataset{old})
	if recorded, err := l.recorded(t.Context()); err != nil || recorded == nil {
		t.Fatalf("%v, %v", recorded, err)
	}
	_, due := jobsDue(l, now)
	l.release(due[now])
	if err := memory.Close(); err != nil {
		t.Fatal(err)
	}
	l.set([]Dataset{old, young})
	recorded, err := l.recorded(t.Context())
	if err == nil || recorded != nil {
		t.Fatalf("%v, %v", recorded, err)
	}
	next := now.Add(5 * time.Minute)
	names := func(at time.Time, recorded map[store.TickKey]time.Time) (all string) {
		for _, entries := range l.due(at, recorded) {
			for _, e := range entries {
				all += e.dataset.Table.Name + " "
			}
			l.release(entries)
		}
		return all
	}
	if got := names(next, recorded); got != "old " {
		t.Errorf("due: %q", got)
	}
	last := map[store.TickKey]time.Time{splitBySchedule(l.plan, &young)[0].key(): now.Add(-10 * time.Minute)}
	if got := names(next, last); got != "young " {
		t.Errorf("due once they are read: %q", got)
	}
	for _, e := range l.entries {
		if e.dataset.Table == young.Table && len(e.skipped) != 2 {
			t.Errorf("missed: %+v", e.skipped)
		}
	}
}
