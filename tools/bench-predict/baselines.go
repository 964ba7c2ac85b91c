package main

import (
	"math"
	"time"

	"github.com/sentinel-dq/sentinel/predict/backtest"
)

// baseline is a simple predictor for comparison. It computes the risk of period i of a
// feed from periods[:i] and the deadline of period i alone.
type baseline struct {
	name string
	risk func(periods []backtest.Period, i int) float64
}

var baselines = []baseline{
	{"base rate, all periods", expandingRate},
	{"base rate, 28 periods", rate28},
	{"last value (two-state chain)", persistence},
	{"predict_linear 14, normal residual", func(ps []backtest.Period, i int) float64 { return linear(ps, i, false) }},
	{"predict_linear 14, hard 0 or 1", func(ps []backtest.Period, i int) float64 { return linear(ps, i, true) }},
}

func expandingRate(ps []backtest.Period, i int) float64 {
	return share(ps[:i], func(int) bool { return true })
}

func rate28(ps []backtest.Period, i int) float64 {
	return share(ps[max(0, i-28):i], func(int) bool { return true })
}

// persistence returns the share of misses after the same last outcome.
func persistence(ps []backtest.Period, i int) float64 {
	if i == 0 {
		return .5
	}
	return share(ps[:i], func(k int) bool { return k > 0 && ps[k-1].Missed == ps[i-1].Missed })
}

// share returns the share of misses among the selected periods, with add-one smoothing.
func share(ps []backtest.Period, take func(int) bool) float64 {
	misses, n := 1.0, 2.0
	for k, p := range ps {
		if take(k) {
			n++
			if p.Missed {
				misses++
			}
		}
	}
	return misses / n
}

// linear extrapolates the least-squares line through the distances of the last 14
// arrivals from their deadlines, as predict_linear of Prometheus does with the samples
// of a range. Periods without an arrival have no sample.
func linear(ps []backtest.Period, i int, hard bool) float64 {
	var xs, ys []float64
	for k := i - 1; k >= 0 && len(xs) < 14; k-- {
		if !ps[k].Outcome.Arrival.IsZero() {
			xs = append(xs, ps[k].Context.Deadline.Sub(ps[i].Context.Deadline).Hours()/24)
			ys = append(ys, margin(ps[k]))
		}
	}
	if len(xs) < 3 {
		return expandingRate(ps, i)
	}
	at, residual := line(xs, ys)
	if hard {
		return indicator(at > 0)
	}
	return normal(at / math.Max(residual, 1))
}

// margin returns the minutes from the deadline to the arrival.
func margin(p backtest.Period) float64 { return p.Outcome.Arrival.Sub(p.Context.Deadline).Minutes() }

// line returns the value of the least-squares line at x = 0, and the residual
// deviation.
func line(xs, ys []float64) (at, residual float64) {
	n := float64(len(xs))
	var sx, sy, sxx, sxy float64
	for k, x := range xs {
		sx, sy, sxx, sxy = sx+x, sy+ys[k], sxx+x*x, sxy+x*ys[k]
	}
	slope := (n*sxy - sx*sy) / (n*sxx - sx*sx)
	at = (sy - slope*sx) / n
	for k, x := range xs {
		residual += (ys[k] - at - slope*x) * (ys[k] - at - slope*x)
	}
	return at, math.Sqrt(residual / (n - 2))
}

func normal(z float64) float64 { return .5 * math.Erfc(-z/math.Sqrt2) }

// hazard returns the empirical hazard: the share of misses among those of the last 60
// periods that were still open at the same time before the deadline.
func hazard(ps []backtest.Period, i int, lead time.Duration) float64 {
	from := max(0, i-60)
	return share(ps[from:i], func(k int) bool { return ps[from+k].Open(lead) })
}
