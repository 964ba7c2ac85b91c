package anomaly_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
)

// lateRows counts hourly buckets every five minutes. Six tenths of the rows are there
// when a bucket closes; the rest arrive within twenty minutes.
func lateRows(w *watch, hours int, size func(hour int) float64, each func(hour int, r sentinel.Result)) {
	w.Helper()
	series := anomaly.Series{Check: "c", Metric: "row_count"}
	for h := range hours {
		bucket := monday.Add(time.Duration(h) * time.Hour)
		for minute := 0; minute < 60; minute += 5 {
			share := min(1, 0.6+0.4*float64(minute)/20)
			r := sentinel.Result{
				Check:   "c",
				Tick:    bucket.Add(time.Hour + time.Duration(minute)*time.Minute),
				Status:  sentinel.Pass,
				Message: "seen",
				Observations: []sentinel.Observation{
					{Metric: "row_count", Bucket: bucket, Value: sentinel.Int(int64(size(h) * share))},
				},
			}
			if !w.Has(w.c, series) {
				if err := w.Restore(w.c, series, nil, nothing); err != nil {
					w.Fatal(err)
				}
			}
			w.Score(w.c, &r)
			each(h, r)
		}
	}
}

// TestLatenessIsLearnt holds that a bucket that still grows is neither judged nor learnt,
// and that a bucket that stays short raises an alarm within its hour.
func TestLatenessIsLearnt(t *testing.T) {
	t.Parallel()
	w := newWatch(t, anomaly.Config{})
	rng := rand.New(rand.NewPCG(3, 4))
	sizes := make([]float64, 300)
	for i := range sizes {
		sizes[i] = 1000 * (0.97 + 0.06*rng.Float64())
	}
	sizes[290] = 500 // half of it never comes
	early, late, waited := 0, "", false
	lateRows(w, len(sizes), func(h int) float64 { return sizes[h] }, func(h int, r sentinel.Result) {
		switch {
		case h < 290 && r.Status == sentinel.Fail:
			early++
		case h == 290 && r.Status == sentinel.Fail && late == "":
			late = r.Message
		}
		waited = waited || h > 100 && strings.Contains(r.Message, "late rows usually come for another")
	})
	if early > 0 || !waited {
		t.Errorf("%d alarms of buckets that were still filling; waited: %t", early, waited)
	}
	if !strings.HasPrefix(late, "500 rows, expected ") {
		t.Errorf("half of an hour's rows: %q", late)
	}
}

// TestSingleCountPerBucketIsJudgedAtOnce counts each bucket once, which shows no late rows.
func TestSingleCountPerBucketIsJudgedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWatch(t, anomaly.Config{})
	usual := weekly(rand.New(rand.NewPCG(9, 10)))
	for i := range 500 {
		at := monday.Add(time.Duration(i) * time.Hour)
		r := sentinel.Result{Check: "c", Tick: at.Add(time.Hour), Status: sentinel.Pass, Message: "seen",
			Observations: []sentinel.Observation{{Metric: "row_count", Bucket: at, Value: sentinel.Float(usual(i))}}}
		if i == 0 {
			if err := w.Restore(w.c, anomaly.Series{Check: "c", Metric: "row_count"}, nil, nothing); err != nil {
				t.Fatal(err)
			}
		}
		w.Score(w.c, &r)
		if strings.Contains(r.Message, "late rows") || len(r.Scores) != 1 || !r.Scores[0].Time.Equal(at) {
			t.Fatalf("%s: %+v", r.Message, r.Scores)
		}
	}
}
