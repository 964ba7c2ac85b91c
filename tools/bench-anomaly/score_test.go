package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/anomaly/backtest"
)

// TestTheScorerAgreesWithTheReference: testdata/reference.json is what the
// reference scorer (NAB v1.1 and window metrics, in Python) says of the made-up
// results beside it, at a threshold of 0.6.
func TestTheScorerAgreesWithTheReference(t *testing.T) {
	t.Parallel()
	var want struct {
		NAB       map[string]struct{ Score float64 }
		Detection struct {
			Windows       int
			Detected      int
			FalseEpisodes int `json:"false_episodes"`
			Precision     float64
			Recall        float64
			F1            float64
			PerWeek       float64 `json:"false_alarms_per_series_week"`
			Weeks         float64 `json:"series_weeks"`
			Delay         int     `json:"delay_points_median"`
		}
	}
	data, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	labels, err := backtest.ReadLabels("testdata/labels.json")
	if err != nil {
		t.Fatal(err)
	}
	neutral, err := backtest.ReadLabels("testdata/neutral.json")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Score("testdata/results", labels, neutral, 0.6)
	if err != nil {
		t.Fatal(err)
	}
	near := func(name string, a, b, digits float64) {
		if math.Abs(a-b) > 0.5000001*digits {
			t.Errorf("%s: %v, the reference says %v", name, a, b)
		}
	}
	for profile, v := range want.NAB {
		near(profile, got.NAB[profile], v.Score, 0.01)
	}
	d := want.Detection
	if got.Windows != d.Windows || got.Detected != d.Detected || got.FalseEpisodes != d.FalseEpisodes || got.Delays[len(got.Delays)/2] != d.Delay {
		t.Errorf("%+v, the reference says %+v", got, d)
	}
	near("precision", got.Precision, d.Precision, 0.001)
	near("recall", got.Recall, d.Recall, 0.001)
	near("F1", got.F1, d.F1, 0.001)
	near("false alarms a week", got.FalsePerWeek, d.PerWeek, 0.001)
	near("weeks", got.SeriesWeeks, d.Weeks, 0.1)
}

func TestBacktestWritesWhatTheScorerReads(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	for _, d := range anomaly.Names() {
		files, err := backtest.WriteFolder("testdata/results", "testdata/labels.json", filepath.Join(out, d), anomaly.Config{Detector: d})
		if err != nil || files != 3 {
			t.Fatalf("%s: %d files, %v", d, files, err)
		}
		labels, err := backtest.ReadLabels("testdata/labels.json")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Score(filepath.Join(out, d), labels, nil, 0.5); err != nil {
			t.Error(err)
		}
	}
}
