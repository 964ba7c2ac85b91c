package sentinel_test

import (
	"math"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// TestJudges holds, for each kind of finding, which results judge what it is about. A result
// that does not judge it leaves it as it is.
func TestJudges(t *testing.T) {
	t.Parallel()
	with := func(status sentinel.Status, keys ...string) sentinel.Result {
		r := sentinel.Result{Status: status}
		for _, k := range keys {
			r.Findings = append(r.Findings, sentinel.Finding{Key: k, Status: status})
		}
		return r
	}
	scored := func(state sentinel.ScoreState, segments ...string) sentinel.Result {
		r := sentinel.Result{}
		for _, s := range segments {
			r.Scores = append(r.Scores, sentinel.Score{Segment: s, State: state, Low: math.NaN(), High: math.NaN()})
			r.Observations = append(r.Observations, sentinel.Observation{Metric: "row_count", Segment: s})
		}
		return r
	}
	partly := scored(sentinel.Normal, "c=DE")
	partly.Findings = []sentinel.Finding{{Key: sentinel.UnjudgedSegmentsKey, Status: sentinel.Unknown}}
	data := []string{"", "change", "deadline", "c=DE", "change:c=DE", "deadline:c=DE", "missing_partition:2026-11-01"}
	scores := []string{"anomaly", "anomaly:c=DE"}
	drifts := []string{"column_removed:note", "view_changed"}
	all := append(append(append([]string{}, data...), scores...), drifts...)
	for name, c := range map[string]struct {
		result      sentinel.Result
		judged, not []string
	}{
		"error":          {with(sentinel.Error), nil, append(all, "future_timestamp", "missing_table", "empty")},
		"unknown":        {with(sentinel.Unknown), nil, append(all, "future_timestamp", "missing_table", "empty")},
		"pass":           {with(sentinel.Pass), append(append(drifts, data...), "missing_table", "empty", "null"), scores},
		"bad itself":     {with(sentinel.Fail, "", "anomaly"), []string{"", "anomaly", "change", "missing_table"}, nil},
		"missing table":  {with(sentinel.Warn, "missing_table"), []string{"missing_table"}, append(all, "empty", "null")},
		"dropped table":  {with(sentinel.Warn, "table_dropped"), []string{"table_dropped"}, drifts},
		"no rows":        {with(sentinel.Warn, "empty"), []string{"empty", "future_timestamp"}, append(data, scores...)},
		"no value":       {with(sentinel.Warn, "null"), []string{"null"}, []string{"", "anomaly"}},
		"unread schema":  {with(sentinel.Warn, "unread", "column_added:x"), []string{"column_added:x"}, drifts},
		"no rows of one": {with(sentinel.Warn, "empty:c=DE"), []string{"c=FR", "", "future_timestamp:c=DE"}, []string{"c=DE", "deadline:c=DE"}},
		"learning":       {scored(sentinel.Learning, ""), []string{"", "change"}, []string{"anomaly"}},
		"normal":         {scored(sentinel.Normal, ""), []string{"", "anomaly"}, nil},
		"one learning":   {scored(sentinel.Learning, "c=DE"), []string{"c=DE"}, []string{"anomaly:c=DE"}},
		"one normal":     {scored(sentinel.Normal, "c=DE"), []string{"c=DE", "anomaly:c=DE", "anomaly:c=FR"}, nil},
		"beyond limit":   {partly, []string{"c=DE", "anomaly:c=DE"}, []string{"c=FR", "change:c=FR", "anomaly:c=FR"}},
	} {
		for _, key := range c.judged {
			if !c.result.Judges(key) {
				t.Errorf("%s does not judge %q", name, key)
			}
		}
		for _, key := range c.not {
			if c.result.Judges(key) {
				t.Errorf("%s judges %q", name, key)
			}
		}
	}
}

// TestPredates: only a standby can be behind. One that nobody knows how far is behind by
// anything, unless it is the server of the DSN itself.
func TestPredates(t *testing.T) {
	t.Parallel()
	tick := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		evidence sentinel.Evidence
		of       time.Duration // of what has happened, before the tick
		want     bool
	}{
		"a primary":                     {sentinel.Evidence{}, 0, false},
		"a primary, a tick of the past": {sentinel.Evidence{}, -time.Hour, false},
		"a standby that has it":         {sentinel.Evidence{Lag: sentinel.Float(60)}, time.Minute, false},
		"a standby that is behind":      {sentinel.Evidence{Lag: sentinel.Float(60.5)}, time.Minute, true},
		"an unknown lag, elsewhere":     {sentinel.Evidence{Lag: sentinel.Float(math.NaN()), Server: "standby 1"}, 24 * time.Hour, true},
		"an unknown lag of the DSN's":   {sentinel.Evidence{Lag: sentinel.Float(math.NaN())}, 0, false},
	} {
		r := sentinel.Result{Tick: tick, Evidence: c.evidence}
		if got := r.Predates(tick.Add(-c.of)); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}
