package agent

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// startWith is start with a clock and a warehouse of the test's own.
func startWith(t *testing.T, dir string, now func() time.Time, cfg warehouse.Config, list ...Check) *live {
	t.Helper()
	l := &live{t: t, file: filepath.Join(dir, "w.db"), done: make(chan error, 1)}
	memory, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	l.memory = memory
	l.agent = newAgent(memory, now)
	cfg.Name, cfg.DSN, cfg.Clock = "w", sentinel.NewSecret("sqlite:"+l.file), sentinel.ClockFunc(time.Now)
	db, err := warehouse.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l.ctx, l.stop = context.WithCancel(t.Context())
	go func() {
		l.done <- l.agent.Run(l.ctx, Plan{
			Warehouses: map[string]*warehouse.DB{"w": db}, Resources: db,
			Resolver: datasets{{Table: theTable, TimeColumn: "at", Location: time.UTC, Checks: list}},
		})
	}()
	return l
}

var theTable = sentinel.Table{Warehouse: "w", Schema: "main", Name: "t"}

// ticks are all that is recorded, newest first.
func (l *live) ticks() []store.TickRecord {
	l.t.Helper()
	ticks, err := l.memory.Ticks(l.t.Context(), theTable, 100_000)
	if err != nil {
		l.t.Fatal(err)
	}
	return ticks
}

// metric is the value of the only series of a metric; 0 without one.
func (l *live) metric(name string) float64 {
	l.t.Helper()
	families, err := l.agent.metrics.Gather()
	if err != nil {
		l.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name && len(f.Metric) == 1 {
			if f.GetType() == dto.MetricType_COUNTER {
				return f.Metric[0].GetCounter().GetValue()
			}
			return f.Metric[0].GetGauge().GetValue() + f.Metric[0].GetUntyped().GetValue()
		}
	}
	return 0
}

// TestC09AWrongClockIsReported: the agent's is ten minutes ahead of the warehouse's.
// Ages are the warehouse's, and the difference is a metric, of which an alert
// is made.
func TestC09AWrongClockIsReported(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testenv.Exec(t, "sqlite", filepath.Join(dir, "w.db"), "PRAGMA journal_mode=WAL",
		"CREATE TABLE t (at timestamp)", "INSERT INTO t VALUES (datetime('now', '-20 minutes'))")
	l := startWith(t, dir, func() time.Time { return time.Now().Add(10 * time.Minute) }, warehouse.Config{},
		everySecond(t, "fresh", &checks.Freshness{Fail: checks.Duration(time.Hour)}))
	l.poll("the difference is exported", func() bool {
		skew := l.metric("sentinel_warehouse_clock_skew_seconds")
		return skew < -590 && skew > -610
	})
	l.poll("the age is exported", func() bool { return l.metric("sentinel_freshness_seconds") > 0 })
	if age := l.metric("sentinel_freshness_seconds"); age < 1190 || age > 1260 {
		t.Errorf("an age of %v s, want 20 minutes", age)
	}
	l.end()
}

// TestC10AClockThatJumps: no tick is run twice, what was jumped over is written
// down, and checks go on once the clock has passed where it was.
func TestC10AClockThatJumps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testenv.Exec(t, "sqlite", filepath.Join(dir, "w.db"), "PRAGMA journal_mode=WAL", "CREATE TABLE t (at timestamp)")
	var by atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(by.Load())) }
	l := startWith(t, dir, now, warehouse.Config{}, everySecond(t, "rows", &checks.RowCount{}))
	l.poll("it runs", func() bool { return len(l.ticks()) >= 2 })
	newest := func() time.Time { return l.ticks()[0].Tick }

	by.Store(int64(-3 * time.Second))
	before := newest()
	l.poll("it goes on after a jump back", func() bool { return newest().After(before) })
	by.Store(int64(time.Minute))
	l.poll("it goes on after a jump forward", func() bool {
		return newest().Sub(before) > 50*time.Second &&
			l.ticks()[0].Skipped == ""
	})
	seen, skipped, all := map[time.Time]bool{}, 0, l.ticks()
	for _, tick := range all {
		if seen[tick.Tick] {
			t.Errorf("%s twice", tick.Tick)
		}
		seen[tick.Tick] = true
		if tick.Skipped != "" {
			skipped++
		}
	}
	if span := int(all[0].Tick.Sub(all[len(all)-1].Tick)/time.Second) + 1; len(seen) != span || skipped < 50 {
		t.Errorf("%d of %d seconds are accounted for, %d as not run", len(seen), span, skipped)
	}
	l.end()
}

// TestC10AJumpIsNoticedWithinAMinute: the next tick is an hour away, and the
// clock, or a machine that slept, may bring it at once.
func TestC10AJumpIsNoticedWithinAMinute(t *testing.T) {
	t.Parallel()
	hourly, err := schedule.Parse("0 * * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		l := newLoop(newAgent(nil, time.Now), "w", Plan{})
		l.set([]Dataset{{Table: theTable, Checks: []Check{{Check: &checks.RowCount{}, Schedule: hourly}}}})
		<-l.changed
		began := time.Now()
		l.due(began, map[store.TickKey]time.Time{})
		l.wait(t.Context(), began)
		if took := time.Since(began); took > time.Minute {
			t.Errorf("reads the clock again after %s", took)
		}
	})
}

// TestC29TheAgentGoesOnWithoutItsState: somebody keeps the state locked. Checks
// go on, the metric says what is wrong, and all is written down afterwards.
func TestC29TheAgentGoesOnWithoutItsState(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testenv.Exec(t, "sqlite", filepath.Join(dir, "w.db"), "PRAGMA journal_mode=WAL", "CREATE TABLE t (at timestamp)")
	l := startWith(t, dir, time.Now, warehouse.Config{}, everySecond(t, "rows", &checks.RowCount{}))
	l.poll("it runs", func() bool { return len(l.ticks()) >= 2 })
	unlock := lockFile(t, filepath.Join(dir, "state.db"), "BEGIN IMMEDIATE")
	l.poll("the metric says so", func() bool { return l.metric("sentinel_store_up") == 0 })
	before := l.metric("sentinel_check_last_run_timestamp_seconds")
	l.poll("checks go on", func() bool { return l.metric("sentinel_check_last_run_timestamp_seconds") > before })
	unlock()
	l.poll("it is well again", func() bool { return l.metric("sentinel_store_up") == 1 })
	l.poll("it goes on recording", func() bool { return float64(l.ticks()[0].Tick.Unix()) > before+5 })
	all := l.ticks()
	if span := int(all[0].Tick.Sub(all[len(all)-1].Tick)/time.Second) + 1; len(all) != span {
		t.Errorf("%d of %d seconds are written down", len(all), span)
	}
	l.end()
}

// TestC39ACheckThatIsSlowerThanItsSchedule: ticks that come meanwhile are left
// out and counted; nothing piles up.
func TestC39ACheckThatIsSlowerThanItsSchedule(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "w.db")
	testenv.Exec(t, "sqlite", path, "CREATE TABLE t (at timestamp)")
	unlock := lockFile(t, path, "BEGIN EXCLUSIVE")
	l := startWith(t, dir, time.Now, warehouse.Config{LockTimeout: 20 * time.Second}, everySecond(t, "rows",
		&checks.RowCount{}))
	l.poll("ticks are left out", func() bool { return l.metric("sentinel_jobs_skipped_total") >= 2 })
	if ran := l.ticks(); len(ran) > 0 {
		t.Errorf("a check that has not ended is recorded: %+v", ran)
	}
	unlock()
	l.poll("it goes on", func() bool { return len(l.ticks()) > 3 && l.ticks()[0].Skipped == "" })
	left := 0
	for _, tick := range l.ticks() {
		if tick.Skipped == stillRunning {
			left++
		}
	}
	if left < 2 {
		t.Errorf("%d ticks are written down as left out: %+v", left, l.ticks())
	}
	l.end()
}

// lockFile keeps others from a SQLite file.
func lockFile(t *testing.T, path, begin string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), begin); err != nil {
		t.Fatal(err)
	}
	return func() {
		_, err := conn.ExecContext(context.Background(), "ROLLBACK")
		if err := errors.Join(err, conn.Close(), db.Close()); err != nil {
			t.Error(err)
		}
	}
}
