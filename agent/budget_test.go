package agent

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/budget"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func every5(t *testing.T) schedule.Schedule {
	t.Helper()
	s, err := schedule.Parse("*/5 * * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// budgeted are a dataset with a check that costs much and one of arrivals, and budgets.
func budgeted(t *testing.T, memory *store.Store) (Dataset, *Budgets) {
	t.Helper()
	b, err := ReadBudgets(t.Context(), memory)
	if err != nil {
		t.Fatal(err)
	}
	dear, daily, late := &checks.RowCount{}, &checks.RowCount{}, &checks.Freshness{}
	dear.ID, daily.ID, late.ID = "dear", "daily", "late"
	daily.Bucket = schedule.Day
	d := Dataset{Table: sentinel.Table{Warehouse: "w", Schema: "main", Name: "t"}}
	for _, c := range []checks.Check{dear, late, daily} {
		d.Checks = append(d.Checks, Check{Check: c, Schedule: every5(t)})
	}
	return d, b
}

func openState(t *testing.T) *store.Store {
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

// ran are the checks of a dataset with these ids.
func ran(d Dataset, ids ...string) (list []*Check) {
	for i := range d.Checks {
		if slices.Contains(ids, d.Checks[i].Common().ID) {
			list = append(list, &d.Checks[i])
		}
	}
	return list
}

// schedules are those of a dataset's checks with the budgets in force.
func schedules(b *Budgets, d Dataset) (out []string) {
	for _, c := range b.Rarer([]Dataset{d})[0].Checks {
		out = append(out, c.Schedule.String())
	}
	return out
}

// TestWhatIsDearTicksMoreRarely holds what is counted for which checks, and that it is the same
// after a restart.
func TestWhatIsDearTicksMoreRarely(t *testing.T) {
	t.Parallel()
	memory := openState(t)
	d, b := budgeted(t, memory)
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	limits := map[string]time.Duration{"w": 5 * time.Minute}
	b.Configure(limits, []Dataset{d}, true)
	sent := func(took time.Duration, ids ...string) checks.Spent {
		return checks.Spent{Warehouse: "w", Checks: ids, Took: took}
	}
	want := func(when string, all ...string) {
		t.Helper()
		if got := schedules(b, d); !slices.Equal(got, all) {
			t.Errorf("%s: %q, want %q", when, got, all)
		}
	}
	const all = "*/5 * * * *"
	b.take(d.Table, ran(d, "dear", "late", "daily"), []checks.Spent{
		sent(10*time.Second, "dear", "late"), sent(100*time.Millisecond, "daily"),
	}, now)
	if changed := b.Choose(); !changed || b.Choose() {
		t.Error("the choice is not made once")
	}
	want("one statement of two checks", all+" once in 1h", all, all)
	b.take(d.Table, ran(d, "late", "daily"), []checks.Spent{
		sent(time.Millisecond, "late"), sent(100*time.Millisecond, "daily"),
	}, now.Add(5*time.Minute))
	r := b.Reports(now)[0]
	if b.Choose() || r.Used != 10.201 || r.Over || len(r.Moved) != 1 || r.Moved[0].Checks[0] != "dear" ||
		r.Moved[0].Ticks != 24 || r.Moved[0].AllTicks != 288 || r.Moved[0].Cost != 10 {
		t.Errorf("the report is %+v", r)
	}
	states, err := b.states()
	if err != nil || len(states) != 2 {
		t.Fatal(states, err)
	}
	if _, err := memory.Record(t.Context(), store.Batch{States: states}); err != nil {
		t.Fatal(err)
	}
	before := b.Reports(now)
	_, b = budgeted(t, memory)
	b.Configure(limits, []Dataset{d}, true)
	if again := b.Reports(now); b.Choose() || again[0].Expected != before[0].Expected || again[0].Used != before[0].Used {
		t.Errorf("after a restart %+v, before %+v", again, before)
	}
	want("after a restart", all+" once in 1h", all, all)
	if b.Reports(now.AddDate(0, 0, 1))[0].Used != 0 {
		t.Error("tomorrow begins with what today has used")
	}
	limits["w"] = 10 * time.Millisecond
	if b.Choose(); !b.Reports(now)[0].Over {
		t.Error("nothing can be moved any more, and it is not said")
	}
	want("no budget is enough", all+" once in 24h", all+" once in 1h", all+" once in 12h")
	d.Checks[0].Schedule = d.Checks[0].Schedule.Rarer(2 * time.Hour).Configured()
	d.Checks = d.Checks[:2]
	b.Configure(map[string]time.Duration{"w": 24 * time.Hour}, []Dataset{d}, true)
	if b.Choose(); len(b.Reports(now)[0].Moved) != 0 {
		t.Errorf("the budget is large, and %+v are moved", b.Reports(now)[0].Moved)
	}
	want("a large budget", all, all)
	b.Configure(nil, nil, true)
	if len(b.parts) != 0 || len(b.Reports(now)) != 0 {
		t.Errorf("without a configured dataset %d are known", len(b.parts))
	}
}

// TestTicksThatABudgetLeavesOutAreWrittenDown holds that every tick is run or written down as
// left out, once, while the rate changes.
func TestTicksThatABudgetLeavesOutAreWrittenDown(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	l := newLoop(newAgent(nil, func() time.Time { return now }), "w", Plan{CatchUp: "one"})
	_, dataset := newTestLoop(t, now)
	d := dataset("a", "*/5 * * * *")
	fast := d.Checks[0].Schedule
	now0, seen := now, map[time.Time]string{}
	ticks, last := 0, now
	run := func() {
		for tick, due := range l.due(now, map[store.TickKey]time.Time{}) {
			ticks, last = ticks+1, tick
			for _, s := range due[0].skipped {
				ticks += s.ticks()
			}
			for _, r := range l.appendTicks(nil, due[0], tick) {
				if seen[r.Tick] != "" {
					t.Errorf("%v is written down twice: %q and %q", r.Tick, seen[r.Tick], r.Skipped)
				}
				seen[r.Tick] = r.Skipped + "."
			}
			l.release(due)
		}
	}
	for i, every := range []time.Duration{0, time.Hour, time.Hour, 20 * time.Minute, 6 * time.Hour, 0, 24 * time.Hour} {
		d.Checks = []Check{{Check: d.Checks[0].Check, Schedule: fast.Rarer(every)}}
		l.set([]Dataset{d})
		for range []int{3, 40, 7, 29, 150, 11, 600}[i] {
			run()
			now = now.Add(5 * time.Minute)
		}
	}
	if all := 1 + int(last.Sub(now0)/(5*time.Minute)); ticks != all {
		t.Errorf("%d of %d ticks are run or written down", ticks, all)
	}
	ran, left := 0, 0
	for _, why := range seen {
		switch {
		case why == ".":
			ran++
		case strings.HasPrefix(why, "left out for the budget of the warehouse: one tick in "):
			left++
		default:
			t.Errorf("skipped: %s", why)
		}
	}
	if ran < 20 || left < 10 {
		t.Errorf("%d ticks ran, and %d times some were left out", ran, left)
	}
}

// TestABudgetOfAWarehouse runs an agent on a clock of which a second is ten minutes, with a
// statement that takes long and one that does not.
func TestABudgetOfAWarehouse(t *testing.T) {
	t.Parallel()
	for _, dialect := range []string{"postgres", "sqlite"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			runWithBudget(t, testenv.NewDatabase(t, dialect))
		})
	}
}

func runWithBudget(t *testing.T, database testenv.Database) {
	database.Exec(t, "CREATE TABLE t (at timestamp)", "INSERT INTO t VALUES ('2026-06-01 12:00:00')")
	memory := openState(t)
	machine := sentinel.ClockFunc(time.Now)
	clock := sentinel.ScaledClock{Of: machine, Origin: machine.Now(), Start: time.Date(2026, 6, 1, 23, 1, 0, 0, time.UTC), Rate: 600}
	metrics := exporters.NewPrometheus("test")
	a := New(Config{Store: memory, Metrics: metrics, Clock: clock, Log: slog.New(slog.DiscardHandler)})
	db, err := warehouse.Open(warehouse.Config{
		Name: "w", DSN: sentinel.NewSecret(database.Warehouse), Clock: clock, Budget: 2 * time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	dear, late := &checks.SQL{}, &checks.Freshness{}
	dear.ID, late.ID = "dear", "late"
	dear.Query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT count(*) FROM n"
	table := sentinel.Table{Warehouse: "w", Schema: database.Schema, Name: "t"}
	plan := Plan{
		Warehouses: map[string]*warehouse.DB{"w": db}, Resources: db,
		Resolver: datasets{{
			Table: table, TimeColumn: "at", Location: time.UTC,
			Checks: []Check{{Check: dear, Schedule: every5(t)}, {Check: late, Schedule: every5(t)}},
		}},
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx, plan) }()
	var left []store.TickRecord
	for begin := time.Now(); len(left) == 0 && time.Since(begin) < time.Minute; time.Sleep(20 * time.Millisecond) {
		ticks, err := memory.Ticks(t.Context(), table, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range ticks {
			if strings.Contains(r.Skipped, forBudget) && strings.Contains(r.Schedule, " once in ") {
				left = append(left, r)
			}
		}
	}
	reports := a.Budgets()
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if len(left) == 0 {
		t.Fatalf("no tick was left out for the budget: %+v", reports)
	}
	r := reports[0]
	isDear := func(m budget.Moved) bool { return m.Table == table.String() && m.Checks[0] == "dear" }
	if r.Warehouse != "w" || r.Budget != 7200 || r.Used == 0 || r.Configured <= r.Expected || r.Datasets() != 1 ||
		!slices.ContainsFunc(r.Moved, isDear) {
		t.Errorf("the report is %+v", r)
	}
	page := httptest.NewRecorder()
	metrics.ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	text := page.Body.String()
	for _, m := range []string{
		`sentinel_budget_seconds{warehouse="w"} 7200`, `sentinel_budget_rarer_datasets{warehouse="w"} 1`,
		`sentinel_budget_ticks_skipped_total{warehouse="w"} `, `sentinel_budget_used_seconds{warehouse="w"} `,
	} {
		if !strings.Contains(text, m) {
			t.Errorf("no metric %s", m)
		}
	}
	if strings.Contains(text, `sentinel_budget_ticks_skipped_total{warehouse="w"} 0`) {
		t.Error("no skipped tick is counted")
	}
}
