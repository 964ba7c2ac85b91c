package agent

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/hooks"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// watched is an agent whose clock the test moves, with one dataset that must
// arrive by six.
type watched struct {
	*testing.T
	agent *Agent
	now   time.Time
	table sentinel.Table
}

func watchOrders(t *testing.T, state string) *watched {
	t.Helper()
	w := &watched{
		T:     t,
		now:   time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC),
		table: sentinel.Table{Warehouse: "w", Schema: "main", Name: "orders"},
	}
	memory, err := store.Open(t.Context(), "sqlite:"+state)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := memory.Close(); err != nil {
			t.Error(err)
		}
	})
	now := func() time.Time { return w.now }
	w.agent = New(Config{
		Store:   memory,
		Metrics: exporters.NewPrometheus("test"),
		Repair:  &repair.Config{Store: memory, Holder: "test", Clock: sentinel.ClockFunc(now)},
		Clock:   sentinel.ClockFunc(now),
		Log:     slog.New(slog.DiscardHandler),
	})
	begin(t, w.agent)
	six, err := schedule.Parse("0 6 * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	w.agent.setForecasts(t.Context(), []Dataset{{Table: w.table, Risk: &Risk{
		Check: "fresh", Deadline: six, Threshold: 0.5, Clear: 0.4, Status: sentinel.Warn,
		Meta: Meta{Tier: "critical", Owner: "ann"},
	}}})
	return w
}

// begin starts an agent that records, and stops it at the end of the test.
func begin(t *testing.T, a *Agent) {
	t.Helper()
	if err := a.start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
	})
}

// run is one tick of the freshness check.
func (w *watched) run(newest time.Time, lag ...sentinel.Number) {
	w.Helper()
	r := sentinel.Result{
		Check: "fresh", Kind: "freshness", Table: w.table, Tick: w.now, Status: sentinel.Pass,
		Observations: []sentinel.Observation{{Metric: "newest_timestamp_seconds", Value: sentinel.Int(newest.Unix())}},
	}
	if len(lag) > 0 {
		r.Evidence.Lag = lag[0]
	}
	fresh := everySecond(w.T, "fresh", &checks.Freshness{Fail: checks.Duration(100 * time.Hour)})
	ctx := context.Background()
	t := &tickRun{agent: w.agent, loop: &loop{name: "w"}, at: w.now, observed: map[sentinel.Table]bool{}}
	b := &batch{checks: [][]*Check{{&fresh}}, entries: [][]*entry{nil}}
	outcomes := []checks.Outcome{{Job: checks.Job{Table: w.table, Tick: w.now}, Results: []sentinel.Result{r}}}
	t.observe(outcomes)
	rec, err := t.judge(ctx, b, outcomes, w.agent.loadDetectors(ctx, b, outcomes))
	if err != nil {
		w.Fatal(err)
	}
	t.record(ctx, rec)
	if err := t.finish(ctx); err != nil {
		w.Fatal(err)
	}
}

// days lets days pass with a load at a time of day, with a check every half hour.
func (w *watched) days(n int, load time.Duration) {
	w.Helper()
	for range n * 48 {
		w.now = w.now.Add(30 * time.Minute)
		newest := w.now.Truncate(24 * time.Hour).Add(load)
		if newest.After(w.now) {
			newest = newest.AddDate(0, 0, -1)
		}
		w.run(newest)
	}
}

// TestALaggingStandbyIsNoMiss: a load that came in time, and that a standby
// shows after the deadline.
func TestALaggingStandbyIsNoMiss(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lag    sentinel.Number
		missed bool
	}{
		"a primary":                 {sentinel.Number{}, true},
		"a standby that is behind":  {sentinel.Float(600), false},
		"a standby that has it all": {sentinel.Float(0), true},
		"a standby without a lag":   {sentinel.Float(math.NaN()), false},
	} {
		w := watchOrders(t, filepath.Join(t.TempDir(), "state.db"))
		w.days(5, 5*time.Hour)
		tracker := w.agent.forecasts[w.table].Tracker
		deadline := tracker.Open().Deadline
		w.now = deadline.Add(-time.Minute)
		w.run(deadline.AddDate(0, 0, -1).Add(-time.Hour), c.lag)
		w.now = deadline.Add(5 * time.Minute)
		w.run(deadline.Add(-10*time.Minute), c.lag) // before the run a minute before the deadline, which did not find it
		if missed := tracker.Model.Report().Misses > 0; missed != c.missed {
			t.Errorf("%s: taken for a miss: %t", name, missed)
		}
	}
}

func (w *watched) warnings() (open []sentinel.Incident) {
	w.Helper()
	all, err := w.agent.store.OpenIncidents(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	for _, i := range all {
		if i.Kind == RiskKind && i.State != sentinel.Resolved {
			open = append(open, i)
		}
	}
	return open
}

// startsTheJobEarly: a warning starts the hook configured `on: risk`, once,
// while there is still time.
func (w *watched) startsTheJobEarly(batch store.Batch) {
	w.Helper()
	asked := make(chan string, 10)
	loader := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("Idempotency-Key")
	}))
	defer loader.Close()
	policy := &repair.Policy{ID: "early", Table: w.table, On: []string{"risk"}, Mode: repair.Auto, Kind: "webhook",
		Action: &hooks.Webhook{URL: sentinel.NewSecret(loader.URL)}}
	if err := policy.Validate(); err != nil {
		w.Fatal(err)
	}
	w.agent.setPlan(Plan{Warehouses: map[string]*warehouse.DB{"w": nil}})
	w.agent.engine.SetPolicies([]*repair.Policy{policy})
	w.agent.triggerRepairs(batch)
	for len(w.agent.triggers) > 0 {
		w.agent.consider(w.Context(), <-w.agent.triggers)
	}
	for range 2 {
		if err := w.agent.engine.Advance(w.Context()); err != nil {
			w.Fatal(err)
		}
	}
	if len(asked) != 1 || <-asked == "" {
		w.Errorf("the job was started %d times", len(asked))
	}
}

func TestAMissIsPredictedAndScored(t *testing.T) {
	t.Parallel()
	state := filepath.Join(t.TempDir(), "state.db")
	w := watchOrders(t, state)
	w.days(60, 5*time.Hour+20*time.Minute)
	if open := w.warnings(); len(open) != 0 {
		t.Fatalf("sixty days on time: %+v", open)
	}
	// Today nothing comes: what was here by 5:20 on every day is not here at 5:28.
	last := w.now.Truncate(24 * time.Hour).Add(-24*time.Hour + 5*time.Hour + 20*time.Minute)
	for range 10 {
		w.now = w.now.Add(30 * time.Minute)
		w.run(last)
	}
	if open := w.warnings(); len(open) != 0 {
		t.Fatalf("before it is due: %+v", open)
	}
	w.now = w.now.Add(28 * time.Minute) // 5:28, between two checks
	w.agent.mu.Lock()
	batch, err := w.agent.judgeRisks(w.now, nil)
	rec := w.agent.submit(t.Context(), batch, nil)
	w.agent.mu.Unlock()
	if err := errors.Join(err, w.agent.recorder.wait(t.Context(), rec)); err != nil {
		t.Fatal(err)
	}
	open := w.warnings()
	if len(open) != 1 || open[0].Tier != "critical" ||
		!strings.Contains(open[0].Message, "chance that w.main.orders misses") ||
		!strings.Contains(open[0].Message, "32m left") ||
		!strings.Contains(open[0].Message, "not arrived yet") {
		t.Fatalf("half an hour before the deadline: %+v", open)
	}
	w.startsTheJobEarly(batch)
	metrics := httptest.NewRecorder()
	w.agent.metrics.ServeHTTP(metrics, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{`sentinel_risk{warehouse="w",dataset="main.orders"} 0.`, "sentinel_deadline_timestamp_seconds{", "sentinel_risk_brier_score{", "sentinel_risk_model_active{"} {
		if !strings.Contains(metrics.Body.String(), want) {
			t.Errorf("no %s in /metrics", want)
		}
	}
	// It comes at last, too late: the warning ends, and is counted as right.
	w.now = w.now.Add(62 * time.Minute)
	w.run(w.now.Add(-5 * time.Minute))
	if open := w.warnings(); len(open) != 0 {
		t.Errorf("after the arrival: %+v", open)
	}
	r := w.agent.forecasts[w.table].Tracker.Model.Report()
	if r.Misses != 1 || r.Warned != 1 || r.Lead != 32*time.Minute {
		t.Errorf("report %+v", r)
	}

	// Another agent that takes over knows the same.
	again := &watched{T: t, agent: newAgent(w.agent.store, w.agent.now), now: w.now, table: w.table}
	begin(t, again.agent)
	again.agent.setForecasts(t.Context(), []Dataset{w.agent.forecasts[w.table].Dataset})
	if got := again.agent.forecasts[w.table].Tracker.Model.Report(); got.Misses != r.Misses || got.Brier != r.Brier {
		t.Errorf("after a restart %+v, before %+v", got, r)
	}
}

// TestARiskThatIsSwitchedOffIsNotExported: nothing of it stays on /metrics, and so no alert.
func TestARiskThatIsSwitchedOffIsNotExported(t *testing.T) {
	t.Parallel()
	w := watchOrders(t, filepath.Join(t.TempDir(), "state.db"))
	w.days(3, 5*time.Hour+20*time.Minute)
	exported := func() (names []string) {
		families, err := w.agent.metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			name := f.GetName()
			of := strings.HasPrefix(name, "sentinel_risk") || strings.HasSuffix(name, "deadline_timestamp_seconds") ||
				strings.Contains(name, "arrival")
			if of && len(f.Metric) > 0 {
				names = append(names, name)
			}
		}
		return names
	}
	w.agent.mu.Lock()
	_, err := w.agent.judgeRisks(w.now, nil)
	w.agent.mu.Unlock()
	if names := exported(); err != nil || len(names) < 6 {
		t.Fatalf("with a risk only %v are exported (%v)", names, err)
	}
	w.agent.setForecasts(t.Context(), nil)
	if names := exported(); len(names) > 0 {
		t.Errorf("without it %v are exported", names)
	}
}

// After a deadline nothing is said of it until a check has looked: rows may have come since
// the last look. Then the time up to which it is known passes the deadline.
func TestADeadlineIsMissedWhenACheckHasLooked(t *testing.T) {
	t.Parallel()
	w := watchOrders(t, filepath.Join(t.TempDir(), "state.db"))
	w.days(3, 5*time.Hour+20*time.Minute)
	last := w.now.Truncate(24 * time.Hour).Add(-24*time.Hour + 5*time.Hour + 20*time.Minute)
	deadline := w.now.Truncate(24 * time.Hour).Add(6 * time.Hour)
	w.now = deadline.Add(-10 * time.Minute)
	w.run(last)
	known := func() (at time.Time, p float64, text string) {
		w.now = w.now.Add(15 * time.Minute)
		w.agent.mu.Lock()
		defer w.agent.mu.Unlock()
		if _, err := w.agent.judgeRisks(w.now, nil); err != nil {
			t.Fatal(err)
		}
		r, _ := w.agent.forecasts[w.table].Tracker.Risk(w.now)
		r.Table = w.table
		return w.agent.forecasts[w.table].Tracker.Observed(), r.Probability, RiskText(r, w.now)
	}
	if at, p, text := known(); !at.Before(deadline) || p == 1 || !strings.Contains(text, "no check has looked since") {
		t.Errorf("before a look: known until %s, risk %g, %s", at, p, text)
	}
	w.run(last)
	if at, p, text := known(); at.Before(deadline) || p != 1 || !strings.Contains(text, "has missed") {
		t.Errorf("after a look: known until %s, risk %g, %s", at, p, text)
	}
}

// A risk that is first seen at the deadline or later is no warning: the report counts a
// miss that nobody was warned of, and no lead is exported.
func TestARiskSeenAtTheDeadlineIsNoWarning(t *testing.T) {
	t.Parallel()
	w := watchOrders(t, filepath.Join(t.TempDir(), "state.db"))
	w.days(60, 5*time.Hour+20*time.Minute)
	last := w.now.Truncate(24 * time.Hour).Add(-24*time.Hour + 5*time.Hour + 20*time.Minute)
	w.now = w.now.Truncate(24 * time.Hour).Add(6 * time.Hour) // the agent looks first at six
	w.run(last)
	w.now = w.now.Add(10 * time.Minute)
	w.run(last)
	if open := w.warnings(); len(open) != 0 {
		t.Errorf("a warning after the deadline: %+v", open)
	}
	w.now = w.now.Add(20 * time.Minute)
	w.run(w.now.Add(-5 * time.Minute))
	if r := w.agent.forecasts[w.table].Tracker.Model.Report(); r.Misses != 1 || r.Warned != 0 || r.Lead != 0 {
		t.Errorf("report %+v", r)
	}
	metrics := httptest.NewRecorder()
	w.agent.metrics.ServeHTTP(metrics, httptest.NewRequest("GET", "/metrics", nil))
	if strings.Contains(metrics.Body.String(), "sentinel_risk_lead_seconds{") {
		t.Error("a lead is exported")
	}
}
