package agent

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// series returns the series of /metrics, without their values.
func seriesOf(a *Agent) map[string]bool {
	w := httptest.NewRecorder()
	a.metrics.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	out := map[string]bool{}
	for line := range strings.Lines(w.Body.String()) {
		if name, _, ok := strings.Cut(line, "} "); ok && strings.HasPrefix(line, "sentinel_") {
			out[name+"}"] = true
		}
	}
	return out
}

// TestCountersBeginAtZero: no event of what is configured makes a series, because
// increase() does not see such an event.
func TestCountersBeginAtZero(t *testing.T) {
	t.Parallel()
	a := newAgent(nil, time.Now)
	table := sentinel.Table{Warehouse: "w", Schema: "main", Name: "t"}
	policy := &repair.Policy{ID: "p", Table: table, Kind: "exec"}
	a.expectEvents()
	a.setPlan(Plan{
		Warehouses:    map[string]*warehouse.DB{"w": {}},
		Notifications: &Notifications{Dispatcher: &notify.Dispatcher{Channels: []notify.Channel{{Name: "hook"}}}},
	})
	a.expectDatasets([]Dataset{{Table: table, Repairs: []*repair.Policy{policy}}})
	before := seriesOf(a)

	for status := sentinel.Pass; status <= sentinel.Error; status++ {
		if err := a.metrics.Export(t.Context(), []sentinel.Result{{Table: table, Status: status}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tier := range []string{"critical", "warning", "info"} {
		for _, kind := range []notify.Kind{notify.Opened, notify.Reopened, notify.Escalated, notify.Recovered} {
			a.countChange(notify.Change{Kind: kind, Incident: sentinel.Incident{Tier: tier, LastGood: time.Now()}})
		}
	}
	for _, where := range []string{"tick", "schedule", "levels", "risks", "repairs", "recorder"} {
		a.recovered(t.Context(), where, &panics.Error{Value: "a bug"})
	}
	for _, outcome := range []string{notify.OutcomeSent, notify.OutcomeRetried, notify.OutcomeDead} {
		deliveryObserver{a}.Sent("hook", outcome)
	}
	for _, state := range repairOutcomes {
		if !state.Final() {
			t.Errorf("%s is no outcome", state)
		}
		a.metrics.Add(exporters.Repairs, 1, "w", "main.t", policy.Kind, string(state))
	}
	a.metrics.TicksMissed(table, 1)
	a.metrics.JobSkipped(table, 1)
	for series := range seriesOf(a) {
		counts := strings.Contains(series, "_total{") || strings.Contains(series, "_count{")
		if counts && !before[series] {
			t.Errorf("an event makes %s", series)
		}
	}
}

// TestGaugesOfWhatIsRemovedEnd: a warehouse, a channel or a circuit breaker that a reload
// removes is not down, stuck or open without end.
func TestGaugesOfWhatIsRemovedEnd(t *testing.T) {
	t.Parallel()
	a := newAgent(nil, time.Now)
	table := sentinel.Table{Warehouse: "w", Schema: "main", Name: "t"}
	policy := &repair.Policy{ID: "p", Table: table, Kind: "exec"}
	a.setPlan(Plan{Warehouses: map[string]*warehouse.DB{"w": {}, "old": {}}})
	a.metrics.Set(exporters.WarehouseUp, 0, "old")
	a.metrics.Set(exporters.WarehouseUp, 1, "w")
	a.metrics.Set(exporters.ClockSkew, 100, "old")
	a.metrics.Set(exporters.BreakerState, 2, "old primary")
	a.metrics.Set(exporters.BreakerState, 2, "gone "+table.String())
	a.metrics.Set(exporters.BreakerState, 2, repair.BreakerName(policy))
	a.metrics.Set(exporters.NotificationsOverdue, 5000, "removed")
	a.setPlan(Plan{Warehouses: map[string]*warehouse.DB{"w": {}}})
	a.expectDatasets([]Dataset{{Table: table, Repairs: []*repair.Policy{policy}}})
	left := seriesOf(a)
	for _, gone := range []string{
		`sentinel_warehouse_up{warehouse="old"}`, `sentinel_warehouse_clock_skew_seconds{warehouse="old"}`,
		`sentinel_breaker_state{breaker="old primary"}`, `sentinel_breaker_state{breaker="gone w.main.t"}`,
		`sentinel_notifications_overdue_seconds{channel="removed"}`,
	} {
		if left[gone] {
			t.Errorf("%s is still there", gone)
		}
	}
	for _, kept := range []string{`sentinel_warehouse_up{warehouse="w"}`, `sentinel_breaker_state{breaker="p w.main.t"}`} {
		if !left[kept] {
			t.Errorf("%s is gone", kept)
		}
	}
}

// TestGaugesOfAReplacedPlanEnd: the last tick of a warehouse that a reload has removed ends
// after the reload, and says that it is down.
func TestGaugesOfAReplacedPlanEnd(t *testing.T) {
	t.Parallel()
	a := newAgent(nil, time.Now)
	before, now := newRunning(Plan{}), newRunning(Plan{Warehouses: map[string]*warehouse.DB{"w": {}}})
	a.putInForce(before, nil)
	a.putInForce(now, nil)
	a.setPlan(now.plan)
	a.metrics.Warehouse("old", false, 0, time.Second, "")
	a.closeWhenEnded(before)
	if seriesOf(a)[`sentinel_warehouse_up{warehouse="old"}`] {
		t.Error("the removed warehouse is down")
	}
}

// TestNextRunIsWhenACheckIsDue: from its first tick on, through the night, and while a
// tick has no result.
func TestNextRunIsWhenACheckIsDue(t *testing.T) {
	t.Parallel()
	day, err := schedule.Parse("*/5 8-18 * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 2, 18, 52, 0, 0, time.UTC)
	l := newLoop(newAgent(nil, func() time.Time { return now }), "w", Plan{})
	l.set([]Dataset{{Table: theTable, Checks: []Check{{Check: &checks.RowCount{}, Schedule: day}}}})
	e := l.entries[0]
	l.due(now, nil) // the last ticks are not read yet
	started := l.due(now, map[store.TickKey]time.Time{})
	if len(started) != 1 || !e.due.Equal(now) {
		t.Fatalf("a new check is due %s, want now; started %v", e.due, started)
	}
	finish := func(tick time.Time) {
		l.answered(tick, [][]*entry{{e}})
		e.running = false
	}
	finish(now.Truncate(5 * time.Minute))
	if want := now.Truncate(5 * time.Minute).Add(5 * time.Minute); !e.due.Equal(want) {
		t.Errorf("due %s, want %s", e.due, want)
	}
	now = now.Add(3 * time.Minute) // 18:55: the last tick of the day begins, and hangs
	l.due(now, nil)
	now = now.Add(time.Hour)
	l.due(now, nil)
	if want := time.Date(2026, 3, 2, 18, 55, 0, 0, time.UTC); !e.due.Equal(want) {
		t.Errorf("while the tick hangs: due %s, want %s", e.due, want)
	}
	finish(time.Date(2026, 3, 2, 18, 55, 0, 0, time.UTC))
	if want := time.Date(2026, 3, 3, 8, 0, 0, 0, time.UTC); !e.due.Equal(want) {
		t.Errorf("in the evening: due %s, want %s", e.due, want)
	}
}
