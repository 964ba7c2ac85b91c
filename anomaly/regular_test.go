package anomaly_test

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
)

// TestRegularSeriesShowSmallLosses holds that a loss of six spreads is seen in most of the
// series whose noise has a constant law, and a usual value in none.
func TestRegularSeriesShowSmallLosses(t *testing.T) {
	t.Parallel()
	week := [7]float64{1, 1.02, 1.01, .99, 1, .7, .6}
	for name, c := range map[string]struct {
		spread float64
		mean   func(i int) float64
	}{
		"flat":            {.01, func(int) float64 { return 10000 }},
		"weekdays":        {.01, func(i int) float64 { return 10000 * week[i%7] }},
		"trend":           {.01, func(i int) float64 { return (8000 + 40*float64(i)) * week[i%7] }},
		"working days":    {.02, func(i int) float64 { return []float64{10000, 10000, 10000, 10000, 10000, 300, 300}[i%7] }},
		"Poisson of 900":  {1. / 30, func(int) float64 { return 900 }},
		"much on Sundays": {.03, func(i int) float64 { return []float64{500, 500, 500, 500, 500, 500, 20000}[i%7] }},
	} {
		const series, points = 25, 200 // what is lost is a Friday's
		seen, wrong := 0, 0
		for seed := range uint64(series) {
			rng := rand.New(rand.NewPCG(seed, 29))
			d, conf := profile(t, anomaly.Config{})
			value := func(i int) float64 { return math.Round(c.mean(i) * (1 + c.spread*rng.NormFloat64())) }
			feed(d, conf, monday, 24*time.Hour, points, value)
			at := monday.AddDate(0, 0, points)
			if d.Observe(conf, sentinel.Point{Time: at, Value: value(points)}).State.Alarm() {
				wrong++
			}
			lost := math.Round(c.mean(points+1) * (1 - 6*c.spread))
			at = at.AddDate(0, 0, 1)
			if d.Observe(conf, sentinel.Point{Time: at, Value: lost}).State.Alarm() {
				seen++
			}
		}
		if seen < series*7/10 {
			t.Errorf("%s: a loss of six spreads is seen in %d of %d series", name, seen, series)
		}
		if wrong > 1 {
			t.Errorf("%s: a usual value is an alarm in %d of %d series", name, wrong, series)
		}
	}
}

// TestAnOldStateIsLearnedAgain restores a state of an earlier version, which has no model of
// regular series, with and without the recorded points.
func TestAnOldStateIsLearnedAgain(t *testing.T) {
	t.Parallel()
	state, err := os.ReadFile("testdata/state_v2.bin")
	if err != nil {
		t.Fatal(err)
	}
	for kept, again := range map[int]bool{1000: true, 100: false} {
		w := newWatch(t, anomaly.Config{Location: time.UTC})
		asked := 0
		err := w.Restore(
			w.c,
			anomaly.Series{Check: "c", Metric: "row_count"},
			state,
			func(since time.Time) (out []sentinel.Point, _ error) {
				asked++
				for i := 1000 - kept; i < 1000; i++ {
					if p := storedPoint(i); p.Time.After(since) {
						out = append(out, p)
					}
				}
				return out, nil
			},
		)
		if err != nil {
			t.Fatal(err)
		}
		r := w.see(map[string]float64{"": storedPoint(1000).Value}, storedPoint(1000).Time)
		if r.Status != sentinel.Pass || r.Scores[0].State != sentinel.Normal || again != (asked == 1) {
			t.Errorf("%d points recorded, asked %d times: %s %q", kept, asked, r.Status, r.Message)
		}
		late := w.see(map[string]float64{"": 0}, storedPoint(1001).Time)
		if late.Status != sentinel.Fail {
			t.Errorf("%d points recorded: no rows: %s %q", kept, late.Status, late.Message)
		}
	}
}

// TestAUsualValueIsNotStuck holds that a value that nearly all points have is no stuck
// value, wherever the odd ones lie, and that one in a series that varies is.
func TestAUsualValueIsNotStuck(t *testing.T) {
	t.Parallel()
	stuck := func(s sentinel.Score) bool { return s.State.Alarm() && strings.Contains(s.Reason, "times in a row") }
	for odd := range 120 {
		d, conf := profile(t, anomaly.Config{})
		for i, s := range feed(d, conf, monday, 24*time.Hour, 182, func(i int) float64 {
			if i == odd || i == odd+50 {
				return 50
			}
			return 48
		}) {
			if stuck(s) {
				t.Fatalf("odd at %d, alarm at %d: %s", odd, i, s.Reason)
			}
		}
	}
	d, conf := profile(t, anomaly.Config{})
	rng := rand.New(rand.NewPCG(1, 1))
	scores := feed(d, conf, monday, 24*time.Hour, 182, func(i int) float64 {
		if i >= 150 {
			return 48
		}
		return math.Round(48 + 3*rng.NormFloat64())
	})
	if !slices.ContainsFunc(scores[150:], stuck) {
		t.Error("a stuck value of a series that varies is not told")
	}
}
