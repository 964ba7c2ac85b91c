package main

import (
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
)

// The textbook detectors, by the names they are known by. The report compares the
// product's detector with them; the product does not offer them. Each compares a
// value with a trailing window and alarms only at the onset of an episode.
func init() {
	textbook := map[string]judge{
		"zscore": meanOf, "mad": medianOf, "seasonal_zscore": seasonal, "ewma": weighted, "changepoint": changed,
	}
	for name, judge := range textbook {
		anomaly.Register(name, func() anomaly.Detector { return &window{judge: judge, spreads: spreadsOf(name)} })
	}
}

// judge returns what a window expects of a point, and the spread around it. It is
// not ok before the window holds enough points.
type judge func(*window, sentinel.Point) (expected, spread float64, ok bool)

// spreadsOf is how many spreads off a point must be to raise an alarm: three, as
// the rules are known. A change of level needs more, because it tests many places.
func spreadsOf(name string) float64 {
	if name == "changepoint" {
		return 5
	}
	return 3
}

const (
	windowPoints = 336            // points in a window: two weeks of hours
	minPoints    = 14             // points before a rule judges
	quiet        = 72 * time.Hour // after an alarm, during which there is no other
	minSpread    = 0.02 / 3       // of the expected value: a few percent off is never unusual
	largest      = 1e100          // values beyond it are left out
)

// window is a trailing window of points, oldest first.
type window struct {
	judge   judge
	spreads float64

	points     []sentinel.Point
	mean, vari float64   // exponentially weighted
	alarmed    time.Time // of the last alarm
}

// Observe implements [anomaly.Detector]. It follows no setting of the
// configuration: the report runs every detector with its defaults.
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

// score fills in what the window says of a point.
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

// meanOf is the z-score of the window.
func meanOf(w *window, _ sentinel.Point) (expected, spread float64, ok bool) {
	v := w.values(nil)
	if len(v) < minPoints {
		return 0, 0, false
	}
	expected, spread = stat.MeanStdDev(v, nil)
	return expected, spread, true
}

// medianOf is the median, with the median of distances from it in place of a
// standard deviation.
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

// seasonal is Elementary's rule: the z-score among points of the same weekday,
// or of the same hour of day where points come more often.
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

// changed holds the newest points, the one under test among them, against those
// before: the difference of means in standard errors. The value expected and
// the spread are put so that the last point stands for the newest ones.
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
