package agent

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// live is an agent that runs on a SQLite warehouse, every second.
type live struct {
	t      *testing.T
	agent  *Agent
	file   string
	ctx    context.Context
	stop   context.CancelFunc
	done   chan error
	memory *store.Store
}

// newAgent makes an agent that logs nothing and repairs nothing. memory may be nil
// where the test does not start the agent.
func newAgent(memory *store.Store, now func() time.Time) *Agent {
	return New(Config{
		Store:   memory,
		Metrics: exporters.NewPrometheus("test"),
		Clock:   sentinel.ClockFunc(now),
		Log:     slog.New(slog.DiscardHandler),
	})
}

// datasets resolve to themselves.
type datasets []Dataset

func (d datasets) Datasets(context.Context) ([]Dataset, []error) { return d, nil }

func start(t *testing.T, dir string, list ...Check) *live {
	t.Helper()
	l := &live{t: t, file: filepath.Join(dir, "w.db"), done: make(chan error, 1)}
	memory, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	l.memory = memory
	l.agent = newAgent(memory, time.Now)
	l.ctx, l.stop = context.WithCancel(t.Context())
	go func() { l.done <- l.agent.Run(l.ctx, l.plan(list)) }()
	return l
}

func (l *live) plan(list []Check) Plan {
	db, err := warehouse.Open(warehouse.Config{Name: "w", DSN: sentinel.NewSecret("sqlite:" + l.file), Clock: sentinel.ClockFunc(time.Now)})
	if err != nil {
		l.t.Error(err)
	}
	return Plan{
		Warehouses: map[string]*warehouse.DB{"w": db}, Resources: db,
		Resolver: datasets{{Table: sentinel.Table{Warehouse: "w", Schema: "main", Name: "t"}, Location: time.UTC,
			Checks: list}},
	}
}

func (l *live) end() {
	l.t.Helper()
	l.stop()
	if err := <-l.done; err != nil {
		l.t.Error(err)
	}
	if err := l.memory.Close(); err != nil {
		l.t.Error(err)
	}
}

func (l *live) poll(what string, met func() bool) {
	l.t.Helper()
	deadline := time.After(30 * time.Second)
	for !met() {
		select {
		case <-deadline:
			l.t.Fatalf("not within 30 s: %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (l *live) open() []sentinel.Incident {
	l.t.Helper()
	open, err := l.memory.OpenIncidents(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return open
}

func everySecond(t *testing.T, id string, c checks.Check) Check {
	t.Helper()
	s, err := schedule.Parse("@every 1s", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	c.Common().ID = id
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return Check{Check: c, Schedule: s, Meta: Meta{Tier: "critical", Owner: "ann"}}
}

func atLeastOne(t *testing.T) *checks.RowCount {
	t.Helper()
	one := int64(1)
	return &checks.RowCount{Min: &one}
}

func TestAnIncidentOpensAndResolvesOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testenv.Exec(t, "sqlite", filepath.Join(dir, "w.db"), "PRAGMA journal_mode=WAL", "CREATE TABLE t (id integer)")
	l := start(t, dir, everySecond(t, "rows", atLeastOne(t)))
	l.poll("an incident opens", func() bool { return len(l.open()) == 1 })
	first := l.open()[0]
	if first.Tier != "critical" || first.Owner != "ann" || first.Message != "0 rows, expected >= 1" || first.Monitor {
		t.Errorf("incident %+v", first)
	}
	l.poll("it goes on", func() bool { return l.open()[0].Ticks > 1 && l.open()[0].ID == first.ID })
	testenv.Exec(t, "sqlite", l.file, "INSERT INTO t VALUES (1)")
	l.poll("it resolves", func() bool { return len(l.open()) == 0 })
	all, err := l.memory.Incidents(t.Context(), store.IncidentFilter{Resolved: true})
	if err != nil || len(all) != 1 || all[0].State != sentinel.Resolved {
		t.Errorf("incidents %+v, %v", all, err)
	}
	l.end()
}

func TestAnAgentResumesAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testenv.Exec(t, "sqlite", filepath.Join(dir, "w.db"), "PRAGMA journal_mode=WAL", "CREATE TABLE t (id integer)")
	check := everySecond(t, "rows", atLeastOne(t))
	l := start(t, dir, check, everySecond(t, "shape", &checks.Schema{}))
	l.poll("an incident opens", func() bool { return len(l.open()) == 1 })
	id := l.open()[0].ID
	l.poll("it is ready", l.agent.Ready)
	l.end()
	testenv.Exec(t, "sqlite", l.file, "ALTER TABLE t ADD COLUMN extra integer")
	again := start(t, dir, check, everySecond(t, "shape", &checks.Schema{}))
	again.poll("the drift is seen against the baseline of before", func() bool {
		return len(again.open()[0].OpenFindings()) == 2
	})
	if len(again.open()) != 1 || again.open()[0].ID != id {
		t.Errorf("the incident of before is another one now: %+v", again.open())
	}
	if err := again.agent.Reload(t.Context(), again.plan([]Check{check})); err != nil {
		t.Error(err)
	}
	again.end()
	runs, err := func() ([]store.Run, error) {
		s, err := store.OpenReader(t.Context(), "sqlite:"+filepath.Join(dir, "state.db"))
		if err != nil {
			return nil, err
		}
		defer s.Close()
		return s.Runs(t.Context(), "rows", time.Unix(0, 0), 1000)
	}()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[time.Time]bool{}
	for _, r := range runs {
		if seen[r.Tick] {
			t.Errorf("tick %v twice", r.Tick)
		}
		seen[r.Tick] = true
	}
}

func result(status sentinel.Status, minute int, keys ...string) sentinel.Result {
	r := sentinel.Result{Check: "c", Status: status, Tick: time.Unix(int64(1_800_000_000+60*minute), 0)}
	for _, k := range keys {
		r.Findings = append(r.Findings, sentinel.Finding{Key: k, Status: status, Message: k})
	}
	return r
}

func TestC03OnlyAJudgedRunResolves(t *testing.T) {
	t.Parallel()
	inc := newIncidents(nil, &fixedPolicy{})
	states := func(r sentinel.Result) (out string) {
		for _, i := range inc.apply(r, Meta{Tier: "info"}) {
			out += string(i.State)
			for _, f := range i.Findings {
				out += " " + f.Key + map[bool]string{true: ":open", false: ":ended"}[f.Open()]
			}
		}
		return out
	}
	for i, step := range []struct {
		r    sentinel.Result
		want string
	}{
		{result(sentinel.Fail, 0, "a", "b"), "open a:open b:open"},
		{result(sentinel.Error, 1), ""},
		{result(sentinel.Unknown, 2), ""},
		{result(sentinel.Fail, 3, "a"), "open a:open b:ended"},
		{result(sentinel.Pass, 4), "resolved a:ended b:ended"},
		{result(sentinel.Fail, 5, "a"), "open a:open"},
		{result(sentinel.Pass, 6), "resolved a:ended"},
		{result(sentinel.Fail, 60, "a"), "open a:open"},
		{result(sentinel.Error, 61), ""},
		{result(sentinel.Error, 62), ""},
		{result(sentinel.Error, 63), "open a:open " + monitorKey + ":open"},
		{result(sentinel.Unknown, 64), "open a:open " + monitorKey + ":ended"},
	} {
		if got := states(step.r); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
		switch i {
		case 5:
			if inc.open[sentinel.Table{}].Flaps != 1 {
				t.Error("an incident that comes back soon is a flap of the same")
			}
		case 7:
			if again := inc.open[sentinel.Table{}]; again.Flaps != 0 ||
				!again.LastGood.Equal(result(sentinel.Pass, 6).Tick) {
				t.Errorf("an incident after the reopen window is a new one: %+v", again)
			}
		}
	}
	if n := inc.unresolved(); n["info"] != 1 || n["critical"] != 0 {
		t.Errorf("unresolved %v", n)
	}
}

func TestFindingsAreConfirmed(t *testing.T) {
	t.Parallel()
	c := confirmations{}
	rule := &checks.Confirm{Failures: 2, Of: 3}
	for i, step := range []struct {
		r    sentinel.Result
		want sentinel.Status
	}{
		{result(sentinel.Fail, 0, "a"), sentinel.Unknown}, {result(sentinel.Error, 1), sentinel.Error},
		{result(sentinel.Pass, 2), sentinel.Pass},
		{result(sentinel.Fail, 3, "a"), sentinel.Fail}, {result(sentinel.Fail, 4, "b"), sentinel.Unknown},
		{result(sentinel.Fail, 5, "b"), sentinel.Fail},
	} {
		r := step.r
		c.apply(rule, &r)
		if r.Status != step.want {
			t.Errorf("step %d: %s, want %s", i, r.Status, step.want)
		}
	}
	data, err := c.encode("c")
	if err != nil {
		t.Fatal(err)
	}
	restored := confirmations{}
	if err := restored.decode("c", data); err != nil {
		t.Fatal(err)
	}
	r := result(sentinel.Fail, 6, "b")
	if restored.apply(rule, &r); r.Status != sentinel.Fail {
		t.Errorf("after a restart: %s", r.Status)
	}
}

func TestMissedTicksAreCounted(t *testing.T) {
	t.Parallel()
	s, err := schedule.Parse("*/5 * * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	e := entry{sched: s, progress: &progress{last: at}}
	for after, want := range map[time.Duration]int{5 * time.Minute: 0, 10 * time.Minute: 1, 3 * time.Hour: 35} {
		if _, got := e.missed(at.Add(after), noAgent); got != want {
			t.Errorf("after %v: %d, want %d", after, got, want)
		}
	}
}

// BenchmarkIdleAgent reports the memory of an agent that waits for the next
// tick of 10,000 checks.
func BenchmarkIdleAgent(b *testing.B) {
	hourly, err := schedule.Parse("0 * * * *", time.UTC)
	if err != nil {
		b.Fatal(err)
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before := heap()
		l := newLoop(newAgent(nil, time.Now), "w", Plan{})
		var datasets []Dataset
		for i := range 2500 {
			d := Dataset{Table: sentinel.Table{Warehouse: "w", Schema: "main", Name: fmt.Sprint("t", i)},
				Location: time.UTC}
			for k, c := range []checks.Check{&checks.Freshness{}, &checks.RowCount{}, &checks.Schema{}, &checks.SQL{}} {
				c.Common().ID = fmt.Sprint("t", i, "/", k)
				d.Checks = append(d.Checks, Check{Check: c, Schedule: hourly, Meta: Meta{Tier: "warning"}})
			}
			datasets = append(datasets, d)
		}
		l.set(datasets)
		b.ReportMetric(float64(heap()-before)/10000, "B/check")
		runtime.KeepAlive(l)
	}
}

func TestC38CatchUpOfMissedTicks(t *testing.T) {
	t.Parallel()
	every, err := schedule.Parse("*/5 * * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	last := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	now := last.Add(32 * time.Minute)
	table := sentinel.Table{Warehouse: "w", Schema: "main", Name: "t"}
	recorded := map[store.TickKey]time.Time{{Schedule: every.String(), Table: table}: last}
	for catchUp, want := range map[string][]int{"": {30}, "one": {30}, "all": {5, 10, 15, 20, 25, 30}, "none": {}} {
		a := newAgent(nil, func() time.Time { return now })
		l := newLoop(a, "w", Plan{CatchUp: catchUp})
		l.set([]Dataset{{Table: table, Checks: []Check{{Check: &checks.RowCount{}, Schedule: every}}}})
		got := []int{}
		for range 10 {
			for tick, due := range l.due(now, recorded) {
				got = append(got, int(tick.Sub(last).Minutes()))
				l.release(due)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("catch_up %q: ran %v, want %v", catchUp, got, want)
		}
		now := now.Add(5 * time.Minute) // and goes on with the next one
		for tick := range l.due(now, recorded) {
			if tick.Sub(last) != 35*time.Minute {
				t.Errorf("catch_up %q: then %s", catchUp, tick)
			}
		}
	}
}

// What happens to thousands of datasets at once is one line in the log.
func TestTicksNotRunAreOneLogLine(t *testing.T) {
	t.Parallel()
	every, err := schedule.Parse("*/5 * * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	last := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	var log strings.Builder
	plain := slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
			return slog.Attr{}
		}
		return a
	}}
	l := newLoop(New(Config{
		Metrics: exporters.NewPrometheus("test"),
		Clock:   sentinel.ClockFunc(func() time.Time { return last }),
		Log:     slog.New(slog.NewTextHandler(&log, &plain)),
	}), "w", Plan{CatchUp: "one"})
	var datasets []Dataset
	recorded := map[store.TickKey]time.Time{}
	for i := range 1000 {
		table := sentinel.Table{Warehouse: "w", Schema: "main", Name: fmt.Sprint("t", i)}
		datasets = append(datasets, Dataset{Table: table, Checks: []Check{{Check: &checks.RowCount{},
			Schedule: every}}})
		recorded[store.TickKey{Schedule: every.String(),
			Table: table}] = last.Add(time.Duration(i%2) * -5 * time.Minute)
	}
	l.set(datasets)
	for _, minutes := range []time.Duration{32, 36} { // the first tick still runs at the second one
		l.due(last.Add(minutes*time.Minute), recorded)
	}
	want := `msg="ticks missed" datasets=1000 first=w.main.t0 ticks=6 since=2026-11-20T09:55:00.000Z
msg="ticks skipped: the last ones are still running" datasets=1000 first=w.main.t0 ticks=1 since=2026-11-20T10:30:00.000Z
`
	if log.String() != want {
		t.Errorf("got\n%swant\n%s", log.String(), want)
	}
}
