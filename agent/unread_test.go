package agent

import (
	"context"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/slo"
	"github.com/sentinel-dq/sentinel/store"
)

// TestAnUnreadStoreKeepsLevelsAndForecasts: while the store cannot be read, new datasets get
// no level and no forecast. What the store has of them is there once it can be read.
func TestAnUnreadStoreKeepsLevelsAndForecasts(t *testing.T) {
	t.Parallel()
	memory := openStore(t)
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	rows := everySecond(t, "fresh", &checks.Freshness{Fail: checks.Duration(time.Hour)})
	hourly, err := schedule.Parse("0 * * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	rows.Schedule = hourly
	list := []Dataset{{Table: theTable, Checks: []Check{rows}, Risk: &Risk{Check: "fresh", Age: time.Hour, Threshold: .5},
		SLO: &slo.Objective{Target: .99, Window: 24 * time.Hour}}}
	before := newAgent(memory, clock)
	begin(t, before)
	if err := before.setLevels(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	r := sentinel.Result{Check: "fresh", Kind: "freshness", Table: theTable, Tick: now, Status: sentinel.Fail}
	before.levels[theTable].take(r, now)
	states, err := before.levels[theTable].state(now)
	if err != nil {
		t.Fatal(err)
	}
	points := make([]sentinel.Result, 0, 3)
	for i := range 3 {
		at := now.Add(time.Duration(i-2) * time.Hour)
		points = append(points, sentinel.Result{
			Check: "fresh", Kind: "freshness", Table: theTable, Tick: at, Status: sentinel.Fail,
			Observations: []sentinel.Observation{{Metric: "newest_timestamp_seconds", Value: sentinel.Int(at.Unix())}},
		})
	}
	if _, err := memory.Record(t.Context(), store.Batch{States: states, Results: points}); err != nil {
		t.Fatal(err)
	}

	now = now.Add(30 * time.Minute)
	again := newAgent(memory, clock)
	begin(t, again)
	unreadable, cancel := context.WithCancel(t.Context())
	cancel()
	if err := again.setLevels(unreadable, list); err == nil || len(again.levels) > 0 {
		t.Errorf("an unreadable store: %v, and the levels %v", err, again.levels)
	}
	if err := again.setForecasts(unreadable, list); err == nil || len(again.forecasts) > 0 {
		t.Errorf("an unreadable store: %v, and the forecasts %v", err, again.forecasts)
	}
	if err := again.setLevels(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	if bad := again.levels[theTable].Reports(now)[1].Totals[slo.Bad]; bad != 30*time.Minute {
		t.Errorf("%s are bad, want 30 minutes", bad)
	}
	if err := again.setForecasts(t.Context(), list); err != nil || again.forecasts[theTable].Tracker.Observed().IsZero() {
		t.Errorf("the forecast has seen no arrival: %v", err)
	}
	kept := again.levels[theTable]
	if err := again.setLevels(unreadable, list); err == nil || again.levels[theTable] != kept {
		t.Error("levels that are known are dropped when the store cannot be read")
	}
}
