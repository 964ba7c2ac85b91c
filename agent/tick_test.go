package agent

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/predict"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Ticks of more datasets than are held at once: all are recorded once, a model that
// has learnt is written down, and the first and the last have their incidents.
func TestATickOfManyDatasets(t *testing.T) {
	t.Parallel()
	const n = 600
	dir := t.TempDir()
	tables := []string{"PRAGMA journal_mode=WAL"}
	for i := range n {
		tables = append(tables, fmt.Sprintf("CREATE TABLE t_%d AS SELECT 1 AS id", i))
	}
	testenv.Exec(t, "sqlite", filepath.Join(dir, "w.db"), tables...)
	db, err := warehouse.Open(warehouse.Config{Name: "w", DSN: sentinel.NewSecret("sqlite:" + filepath.Join(dir,
		"w.db")), Clock: sentinel.ClockFunc(time.Now)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	memory, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	a := newAgent(memory, time.Now)
	begin(t, a)
	name := func(i int) sentinel.Table {
		return sentinel.Table{Warehouse: "w", Schema: "main", Name: fmt.Sprintf("t_%d", i)}
	}
	plan := newRunning(Plan{Warehouses: map[string]*warehouse.DB{"w": db}})
	var due []*entry
	for i := range n {
		d := &Dataset{Table: name(i), Location: time.UTC, Checks: []Check{everySecond(t, fmt.Sprint("rows ", i),
			atLeastOne(t))}}
		due = append(due, splitBySchedule(plan, d)...)
	}
	due[1].dataset.Risk = &Risk{Check: "rows 1", Age: time.Hour}
	learnt := &Forecast{Dataset: *due[1].dataset,
		Tracker: &predict.Tracker{Model: predict.New(predict.DefaultPrior()), Next: due[1].dataset.Risk.next},
		unsaved: true}
	learnt.Tracker.Observe(time.Now(), time.Now().Add(-time.Minute), predict.Context{})
	learnt.alarm.Raise = 2 // never
	a.forecasts = forecasts{name(1): learnt}
	l := newLoop(a, "w", Plan{Warehouses: map[string]*warehouse.DB{"w": db}, CatchUp: "one"})
	at := time.Now().Truncate(time.Second)
	a.runTick(t.Context(), l, at, due)
	if _, ok, err := memory.State(t.Context(), riskState, name(1).String()); !ok || err != nil {
		t.Errorf("the risk model is not written down: %v", err)
	}
	testenv.Exec(t, "sqlite", filepath.Join(dir, "w.db"), "DELETE FROM t_0", fmt.Sprintf("DELETE FROM t_%d", n-1))
	for range 2 { // the second time it is known already
		a.runTick(t.Context(), l, at.Add(time.Second), due)
	}
	results, err := memory.LastResults(t.Context(), store.Filter{})
	if err != nil || len(results) != n {
		t.Fatalf("%d results, %v", len(results), err)
	}
	for i := range n {
		ticks, err := memory.Ticks(t.Context(), name(i), 9)
		if err != nil || len(ticks) != 2 || !ticks[0].Tick.Equal(at.Add(time.Second)) {
			t.Errorf("ticks of %s: %+v, %v", name(i), ticks, err)
		}
	}
	open, err := memory.OpenIncidents(t.Context())
	if err != nil || len(open) != 2 {
		t.Errorf("incidents %+v, %v", open, err)
	}
}

// TestUnwrittenRecordsWait in order, up to a limit, and is written afterwards.
func TestUnwrittenRecordsWait(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	memory, err := store.Open(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	a := newAgent(memory, time.Now)
	begin(t, a)
	unlock := lockFile(t, path, "BEGIN IMMEDIATE")
	table, at := sentinel.Table{Warehouse: "w", Schema: "main", Name: "t"}, time.Now().UTC().Truncate(time.Second)
	const n = 5
	var last *record
	for i := range n {
		tick := at.Add(time.Duration(i) * time.Second)
		many := make([]sentinel.Result, backlogLimit/(n-1))
		for k := range many {
			many[k] = sentinel.Result{Check: "c", Kind: "row_count", Table: table, Tick: tick, Message: fmt.Sprint(i)}
		}
		last = a.submit(t.Context(), store.Batch{
			Results: many,
			Ticks:   []store.TickRecord{{Schedule: "@hourly", Table: table, Tick: tick}},
		}, nil)
	}
	if err := a.recorder.wait(t.Context(), last); err == nil {
		t.Error("it was recorded in a state that is locked")
	}
	unlock()
	if err := a.recorder.stop(); err != nil {
		t.Fatal(err)
	}
	a.recorder = startRecorder(a) // for the end of the test
	results, err := memory.LastResults(t.Context(), store.Filter{})
	if err != nil || len(results) != 1 || results[0].Message != fmt.Sprint(n-1) {
		t.Errorf("%+v, %v", results, err)
	}
	ticks, err := memory.Ticks(t.Context(), table, 2*n)
	if err != nil || len(ticks) != n-1 {
		t.Errorf("%d ticks, want those within the limit, without the oldest: %+v, %v", len(ticks), ticks, err)
	}
}
