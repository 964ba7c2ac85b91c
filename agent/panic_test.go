package agent

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// panickingRunner has a bug in its first runs.
type panickingRunner struct {
	checks.Local
	left atomic.Int64
}

func (r *panickingRunner) Run(
	ctx context.Context, env checks.Env, warehouse string, jobs []checks.Job,
) iter.Seq2[int, []checks.Outcome] {
	if r.left.Add(-1) >= 0 {
		panic("a bug in a runner")
	}
	return r.Local.Run(ctx, env, warehouse, jobs)
}

// panickingExporter has a bug.
type panickingExporter struct{}

func (panickingExporter) Validate() error { return nil }

func (panickingExporter) Export(context.Context, []sentinel.Result) error {
	panic("a bug in an exporter")
}

func (panickingExporter) Close(context.Context) error { return nil }

// panickingResolver panics when it is first called.
type panickingResolver struct {
	datasets
	calls atomic.Int64
}

// Datasets implements Resolver.
func (r *panickingResolver) Datasets(ctx context.Context) ([]Dataset, []error) {
	if r.calls.Add(1) == 1 {
		panic("a bug in a resolver of datasets")
	}
	return r.datasets.Datasets(ctx)
}

// panickingAction is a repair that has a bug in each of its steps.
type panickingAction struct{}

func (panickingAction) Validate() error { return nil }

func (panickingAction) Plan(_ context.Context, _ *repair.Target, why repair.Trigger) (sentinel.Plan, error) {
	i := why.Incident
	return sentinel.Plan{Table: i.Table, Finding: i.Key, Scope: i.Key, Class: sentinel.ClassAuto}, nil
}

func (panickingAction) Stage(context.Context, *repair.Run) error { panic("a bug in a step") }

func (panickingAction) Apply(context.Context, *repair.Run) error { panic("a bug in a step") }

func (panickingAction) Rollback(context.Context, *repair.Run) error { panic("a bug in a step") }

// TestAPanickingRepairStepIsCounted: the panic is counted, and the log has its stack.
func TestAPanickingRepairStepIsCounted(t *testing.T) {
	t.Parallel()
	memory, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	var log strings.Builder
	a := New(Config{
		Store:   memory,
		Metrics: exporters.NewPrometheus("test"),
		Repair:  &repair.Config{Store: memory, Holder: "test", Clock: sentinel.ClockFunc(time.Now)},
		Clock:   sentinel.ClockFunc(time.Now),
		Log:     slog.New(slog.NewTextHandler(&log, nil)),
	})
	begin(t, a)
	policy := &repair.Policy{
		ID: "broken", Table: theTable, On: []string{"row_count"}, Mode: repair.Auto, Action: panickingAction{},
	}
	if err := policy.Validate(); err != nil {
		t.Fatal(err)
	}
	a.setPlan(Plan{Warehouses: map[string]*warehouse.DB{"w": nil}})
	a.engine.SetPolicies([]*repair.Policy{policy})
	bad := sentinel.Result{
		Check: "rows", Kind: "row_count", Table: theTable, Tick: time.Now(), Status: sentinel.Fail,
		Findings: []sentinel.Finding{{Status: sentinel.Fail}},
	}
	a.mu.Lock()
	incident := a.incidents.apply(bad, Meta{})[0]
	a.mu.Unlock()
	a.consider(t.Context(), []repair.Trigger{{Incident: incident}})
	for range 2 {
		if err := a.engine.Advance(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	metrics := httptest.NewRecorder()
	a.metrics.ServeHTTP(metrics, httptest.NewRequest("GET", "/metrics", nil))
	if want := `sentinel_panics_total{where="repair"} 1`; !strings.Contains(metrics.Body.String(), want) {
		t.Errorf("no %s in /metrics", want)
	}
	if !strings.Contains(log.String(), "panickingAction") {
		t.Errorf("the log has no stack of the step: %s", log.String())
	}
}

// TestPanicsAreIsolated: a tick that panics is written down as not run, an
// exporter that panics loses its results, and a source of datasets that panics is
// asked again. The agent goes on, and counts them.
func TestPanicsAreIsolated(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testenv.Exec(t, "sqlite", filepath.Join(dir, "w.db"), "PRAGMA journal_mode=WAL", "CREATE TABLE t (id integer)")
	l := &live{t: t, file: filepath.Join(dir, "w.db"), done: make(chan error, 1)}
	var err error
	if l.memory, err = store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "state.db")); err != nil {
		t.Fatal(err)
	}
	db, err := warehouse.Open(warehouse.Config{Name: "w", DSN: sentinel.NewSecret("sqlite:" + l.file), Clock: sentinel.ClockFunc(time.Now)})
	if err != nil {
		t.Fatal(err)
	}
	runner := &panickingRunner{}
	runner.left.Store(2)
	l.agent = New(Config{
		Store: l.memory, Metrics: exporters.NewPrometheus("test"), Runner: runner, Clock: sentinel.ClockFunc(time.Now),
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	list := []Check{everySecond(t, "rows", atLeastOne(t))}
	plan := Plan{
		Warehouses: map[string]*warehouse.DB{"w": db}, Resources: db,
		Exporters: []Exporter{{Name: "broken", Exporter: panickingExporter{}}},
		Resolver:  &panickingResolver{datasets: datasets{{Table: theTable, Location: time.UTC, Checks: list}}},
	}
	l.ctx, l.stop = context.WithCancel(t.Context())
	go func() { l.done <- l.agent.Run(l.ctx, plan) }()
	l.poll("ticks run after the bugs", func() bool {
		ticks := l.ticks()
		return len(ticks) >= 4 && ticks[0].Skipped == ""
	})
	bugs := 0
	for _, tick := range l.ticks() {
		if strings.HasPrefix(tick.Skipped, "a bug ended the tick") {
			bugs++
		}
	}
	if bugs != 2 {
		t.Errorf("%d ticks are written down as ended by a bug, want 2: %+v", bugs, l.ticks())
	}
	panicked := map[string]float64{}
	l.poll("the exporter's bugs are counted", func() bool {
		families, err := l.agent.metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() != "sentinel_panics_total" {
				continue
			}
			for _, m := range f.Metric {
				panicked[m.Label[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
		return panicked["exporter"] >= 1
	})
	if panicked["tick"] != 2 || panicked["datasets"] != 1 {
		t.Errorf("counted %v", panicked)
	}
	l.end()
}
