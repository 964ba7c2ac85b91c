package agent_test

import (
	"cmp"
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// running is an agent that checks one table every second until the test ends.
type running struct {
	t      *testing.T
	agent  *agent.Agent
	memory *store.Store
	table  sentinel.Table
	config warehouse.Config
}

// Datasets of a plan resolve to themselves.
type fixed []agent.Dataset

func (f fixed) Datasets(context.Context) ([]agent.Dataset, []error) { return f, nil }

func startRunning(t *testing.T, table sentinel.Table, config warehouse.Config, list ...checks.Check) *running {
	t.Helper()
	config.Name, config.Clock = "w", sentinel.ClockFunc(time.Now)
	r := &running{t: t, table: table, config: config}
	memory, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	r.memory = memory
	r.agent = agent.New(agent.Config{Store: memory, Metrics: exporters.NewPrometheus("test"),
		Clock: sentinel.ClockFunc(time.Now), Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	plan := r.plan(list...)
	go func() { done <- r.agent.Run(ctx, plan) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := memory.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// plan is a configuration with checks. One without an id is called "rows".
func (r *running) plan(of ...checks.Check) agent.Plan {
	r.t.Helper()
	var list []agent.Check
	for _, c := range of {
		c.Common().ID = cmp.Or(c.Common().ID, "rows")
		if err := c.Validate(); err != nil {
			r.t.Fatal(err)
		}
		list = append(list, agent.Check{Check: c, Schedule: scheduleOf(r.t, "@every 1s")})
	}
	db, err := warehouse.Open(r.config)
	if err != nil {
		r.t.Fatal(err)
	}
	return agent.Plan{Warehouses: map[string]*warehouse.DB{"w": db}, Resources: db,
		Resolver: fixed{{Table: r.table, TimeColumn: "at", Location: time.UTC, Checks: list}}}
}

// runs are the results of "rows" so far, oldest first.
func (r *running) runs() []store.Run {
	r.t.Helper()
	runs, err := r.memory.Runs(r.t.Context(), "rows", time.Unix(0, 0), 1000)
	if err != nil {
		r.t.Fatal(err)
	}
	slices.Reverse(runs)
	return runs
}

// until waits until something holds, at most a minute.
func (r *running) until(what string, holds func() bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	for !holds() {
		if !wait.For(ctx, 20*time.Millisecond) {
			last, err := r.memory.LastResults(r.t.Context(), store.Filter{Check: "rows"})
			r.t.Fatalf("not within a minute: %s; the last results are %+v, %v", what, last, err)
		}
	}
}

// open counts the findings that are open.
func (r *running) open() (n int) {
	r.t.Helper()
	open, err := r.memory.OpenIncidents(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, i := range open {
		n += len(i.OpenFindings())
	}
	return n
}

// TestAReloadForgetsNoRun: what counts for `confirm` are the last runs, before a reload and
// after it. The fifth bad run opens the incident.
func TestAReloadForgetsNoRun(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "w.db")
	testenv.Exec(t, "sqlite", file, "PRAGMA journal_mode=WAL", "CREATE TABLE t (id integer, at text)")
	check := func() checks.Check {
		c := &checks.RowCount{Fail: boundOf(t, "< 1")}
		c.Confirm = &checks.Confirm{Failures: 5, Of: 60}
		return c
	}
	r := startRunning(t, sentinel.Table{Warehouse: "w", Schema: "main", Name: "t"},
		warehouse.Config{DSN: sentinel.NewSecret("sqlite:" + file)}, check())
	for _, n := range []int{1, 2} {
		r.until("a bad run that is not confirmed", func() bool { return len(r.runs()) >= n })
		if err := r.agent.Reload(t.Context(), r.plan(check())); err != nil {
			t.Fatal(err)
		}
	}
	r.until("the incident", func() bool { return r.open() == 1 })
	for i, run := range r.runs() {
		want := sentinel.Unknown
		if i >= 4 {
			want = sentinel.Fail
		}
		if run.Status != want {
			t.Errorf("run %d is %s, want %s", i+1, run.Status, want)
		}
	}
}

// TestAStandbyBehindEndsNothing: a standby that is behind shows the table as it was before a
// finding. That is no word about the finding, whether the check counts by time or not.
func TestAStandbyBehindEndsNothing(t *testing.T) {
	t.Parallel()
	const limit = "> 3"
	rows := &checks.RowCount{Fail: boundOf(t, limit)}
	hour := &checks.RowCount{Bucketed: checks.Bucketed{Bucket: "hour"}, Fail: boundOf(t, limit)}
	statement := &checks.SQL{Query: "SELECT count(*) FROM public.t", Fail: boundOf(t, limit)}
	hour.ID, statement.ID = "hour", "statement"
	primary := testenv.NewPostgres(t)
	testenv.ExecOn(t, primary, "CREATE TABLE t (id int, at timestamptz)")
	standby := testenv.NewStandby(t, primary)
	r := startRunning(t, sentinel.Table{Warehouse: "w", Schema: "public", Name: "t"}, warehouse.Config{
		DSN: sentinel.NewSecret(primary.DSN), StandbyDSN: []sentinel.Secret{sentinel.NewSecret(standby.DSN)}},
		rows, hour, statement)
	r.until("a good run", func() bool { return len(r.runs()) > 0 })
	testenv.ExecOn(t, standby, "SELECT pg_wal_replay_pause()")
	testenv.ExecOn(t, primary, "INSERT INTO t SELECT g, date_trunc('hour', now()) - interval '5 minutes' "+
		"FROM generate_series(1, 5) g")
	r.until("too many rows for all three", func() bool { return r.open() == 3 })
	primary.Halt(true)
	first := 0
	r.until("runs on the standby", func() bool {
		n := r.onStandby()
		if first == 0 {
			first = n
		}
		return n > first+3
	})
	if n := r.open(); n != 3 {
		t.Errorf("a standby that is behind leaves %d findings open", n)
	}
	if err := primary.Start(); err != nil {
		t.Fatal(err)
	}
	testenv.ExecOn(t, primary, "DELETE FROM t")
	r.until("the end", func() bool { return r.open() == 0 })
}

// onStandby returns the number of runs if a standby has answered the last, else 0.
func (r *running) onStandby() int {
	r.t.Helper()
	last, err := r.memory.LastResults(r.t.Context(), store.Filter{Check: "rows"})
	if err != nil {
		r.t.Fatal(err)
	}
	if len(last) == 1 && last[0].Evidence.Server != "" {
		return len(r.runs())
	}
	return 0
}
