package main

import (
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
)

// These are the textbook detectors, under their common names. The report compares the
// detector of the product with them. The product does not offer them. Each compares a
// value with a trailing window, and alarms only at the onset of an episode.
func init() {
	textbook := map[string]judge{
		"zscore": meanOf, "mad": medianOf, "seasonal_zscore": seasonal, "ewma": weighted, "changepoint": changed,
	}
	for name, judge := range textbook {
		anomaly.Register(name, func() anomaly.Detector { return &window{judge: judge, spreads: spreadsOf(name)} })
	}
}

// judge returns the value that a window expects for a point, and the spread around it.
// ok is false until the window holds enough points.
type judge func(*window, sentinel.Point) (expected, spread float64, ok bool)

// spreadsOf returns the distance in spreads at which a detector alarms. It is three in
// the textbooks. The test for a change of level needs more, because it tests many
// places.
func spreadsOf(name string) float64 {
	if name == "changepoint" {
		return 5
	}
	return 3
}

const (
	windowPoints = 336            // points in a window: two weeks of hours
	minPoints    = 14             // points before a detector judges
	quiet        = 72 * time.Hour // pause after an alarm
	minSpread    = 0.02 / 3       // share of the expected value: a difference of a few percent is never unusual
	largest      = 1e100          // larger values are left out
)

// window is a trailing window of points, oldest first.
type window struct {
	judge   judge
	spreads float64

	points     []sentinel.Point
	mean, vari float64   // exponentially weighted
	alarmed    time.Time // time of the last alarm
}

// Observe implements [anomaly.Detector]. It ignores the configuration, because the
// report runs every detector with its defaults.
func (w *window) Observe(_ anomaly.Config, p sentinel.Point) sentinel.Score {
	out := sentinel.Score{Time: p.Time, Value: p.Value, State: sentinel.Learning, Low: math.NaN(), High: math.NaN()}
	late := len(w.points) > 0 && !p.Time.After(w.points[len(w.points)-1].Time)
	if math.IsNaN(p.Value) || math.Abs(p.Value) > largest || late {
		return out
	}
	if expected, spread, ok := w.judge(w, p); ok {
		w.score(&out, expected, max(spread, 1e-9+math.Abs(expected)*minSpread))
	}
	if !p.Bad {
		w.learn(p)
	}
	return out
}

// score sets the score of a point from its expected value and spread.
func (w *window) score(out *sentinel.Score, expected, spread float64) {
	out.State, out.Low, out.High = sentinel.Normal, expected-w.spreads*spread, expected+w.spreads*spread
	z := math.Abs(out.Value-expected) / spread
	out.Score = min(1, 0.5*z/w.spreads)
	switch {
	case z < w.spreads:
		out.Score = min(out.Score, 0.49)
	case !w.alarmed.IsZero() && out.Time.Sub(w.alarmed) < quiet:
		out.State, out.Score = sentinel.Ongoing, 0.49
	default:
		out.State = sentinel.Onset
		w.alarmed = out.Time
	}
}

func (w *window) learn(p sentinel.Point) {
	if len(w.points) == windowPoints {
		w.points = slices.Delete(w.points, 0, 1)
	}
	w.points = append(w.points, p)
	const memory = 0.06
	if len(w.points) == 1 {
		w.mean = p.Value
		return
	}
	d := p.Value - w.mean
	w.mean += memory * d
	w.vari = (1 - memory) * (w.vari + memory*d*d)
}

func (w *window) values(keep func(sentinel.Point) bool) []float64 {
	var out []float64
	for _, q := range w.points {
		if keep == nil || keep(q) {
			out = append(out, q.Value)
		}
	}
	return out
}

// meanOf returns the mean and the standard deviation of the window.
func meanOf(w *window, _ sentinel.Point) (expected, spread float64, ok bool) {
	v := w.values(nil)
	if len(v) < minPoints {
		return 0, 0, false
	}
	expected, spread = stat.MeanStdDev(v, nil)
	return expected, spread, true
}

// medianOf returns the median of the window, and the median distance from it in place
// of a standard deviation.
func medianOf(w *window, _ sentinel.Point) (expected, spread float64, ok bool) {
	v := w.values(nil)
	if len(v) < minPoints {
		return 0, 0, false
	}
	expected = median(v)
	for i := range v {
		v[i] = math.Abs(v[i] - expected)
	}
	return expected, 1.4826 * median(v), true
}

func median(v []float64) float64 {
	slices.Sort(v)
	return stat.Quantile(0.5, stat.Empirical, v, nil)
}

// seasonal is the rule of Elementary: the mean and the standard deviation of points of
// the same weekday, or of the same hour of day if points come more often.
func seasonal(w *window, p sentinel.Point) (expected, spread float64, ok bool) {
	if len(w.points) < minPoints {
		return 0, 0, false
	}
	daily := w.points[len(w.points)-1].Time.Sub(w.points[0].Time) >= 20*time.Hour*time.Duration(len(w.points)-1)
	v := w.values(func(q sentinel.Point) bool {
		if daily {
			return q.Time.Weekday() == p.Time.Weekday()
		}
		return q.Time.Hour() == p.Time.Hour()
	})
	if len(v) < 7 {
		return 0, 0, false
	}
	expected, spread = stat.MeanStdDev(v, nil)
	return expected, spread, true
}

// weighted is a control chart of the exponentially weighted mean.
func weighted(w *window, _ sentinel.Point) (expected, spread float64, ok bool) {
	return w.mean, math.Sqrt(w.vari), len(w.points) >= minPoints
}

// changed compares the newest points, including the one under test, with the points
// before them: the difference of their means in standard errors. It scales the expected
// value and the spread so that the last point represents the newest ones.
func changed(w *window, p sentinel.Point) (expected, spread float64, ok bool) {
	const newest = 12
	v := w.values(nil)
	if len(v) < 3*newest {
		return 0, 0, false
	}
	before := v[:len(v)-newest+1]
	now := append(slices.Clone(v[len(v)-newest+1:]), p.Value)
	m0, s0 := stat.MeanStdDev(before, nil)
	m1 := stat.Mean(now, nil)
	shift := p.Value - m1
	return m0 + shift, s0 * math.Sqrt(1/float64(newest)+1/float64(len(before))), true
}
