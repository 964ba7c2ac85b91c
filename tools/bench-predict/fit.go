package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel/predict"
	"github.com/sentinel-dq/sentinel/predict/backtest"
)

// FitPrior fits the pooled prior on the feeds. First it fits a ridge logistic
// regression on the features of every period after the warm-up. Then it fits the
// regression of open periods on the day-ahead risks of models with that prior. The
// feeds lack upstreams, anomaly scores, retries and durations. Their coefficients are
// fitted on the simulated feeds, with the others fixed.
func FitPrior(feeds, simulated []backtest.Feed) (predict.Prior, error) {
	prior := predict.DefaultPrior()
	start := predict.Vector{predict.Arrivals: 1}
	x, y := rows(feeds)
	mean, err := fitSigned(x, y, start[:], constant(predict.FeatureCount, 2), predict.Raising[:])
	if err != nil {
		return prior, fmt.Errorf("fit prior: %w", err)
	}
	if len(simulated) > 0 {
		if mean, err = fitUnobserved(mean, simulated); err != nil {
			return prior, fmt.Errorf("fit prior: simulated: %w", err)
		}
	}
	copy(prior.Mean[:], mean)
	return fitOpen(prior, feeds)
}

// fitSigned is fitRidge with the coefficients of some columns bounded below by 0.
func fitSigned(x [][]float64, y []bool, mean, precision []float64, signed []bool) ([]float64, error) {
	precision, mean = slices.Clone(precision), slices.Clone(mean)
	for range len(mean) {
		w, err := fitRidge(x, y, mean, precision)
		if err != nil {
			return nil, err
		}
		again := false
		for i := range w {
			if signed[i] && w[i] < -1e-6 {
				mean[i], precision[i], again = 0, 1e12, true
			}
		}
		if !again {
			return w, nil
		}
	}
	return nil, errors.New("fit logistic regression: the bounds were not met")
}

// unobserved are the features that the recorded feeds lack.
var unobserved = []int{predict.UpstreamRisk, predict.UpstreamLate, predict.AnomalyScore, predict.LoadRetries, predict.DurationTrend}

func fitUnobserved(mean []float64, simulated []backtest.Feed) ([]float64, error) {
	precision := constant(len(mean), 100)
	precision[predict.Bias] = 2
	for _, i := range unobserved {
		precision[i] = 2
	}
	x, y := rows(simulated)
	fitted, err := fitSigned(x, y, mean, precision, predict.Raising[:])
	if err != nil {
		return nil, err
	}
	out := append([]float64(nil), mean...)
	for _, i := range unobserved {
		out[i] = fitted[i]
	}
	return out, nil
}

// rows returns the features and outcomes of all periods after the warm-up.
func rows(feeds []backtest.Feed) (x [][]float64, y []bool) {
	for _, f := range feeds {
		m := predict.New(predict.DefaultPrior())
		for i, p := range f.Periods {
			if i >= backtest.Warmup {
				v := m.Features(p.Context).Known()
				x, y = append(x, v[:]), append(y, p.Missed)
			}
			m.Learn(p.Context, p.Outcome)
		}
	}
	return x, y
}

// typical returns the mean of each feature over the feeds.
func typical(feeds []backtest.Feed) []float64 {
	x, _ := rows(feeds)
	out := make([]float64, predict.FeatureCount)
	for _, row := range x {
		for i, v := range row {
			out[i] += v / float64(len(x))
		}
	}
	return out
}

func constant(n int, v float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// leads are the times before the deadline for which the open regression is fitted.
var leads = []time.Duration{180 * time.Minute, 60 * time.Minute, 30 * time.Minute, 20 * time.Minute, 10 * time.Minute}

func fitOpen(prior predict.Prior, feeds []backtest.Feed) (predict.Prior, error) {
	var x [][]float64
	var y []bool
	for _, f := range feeds {
		m := predict.New(prior)
		for i, p := range f.Periods {
			for _, lead := range leads {
				if i >= backtest.Warmup && p.Open(lead) {
					x = append(x, m.OpenFeatures(p.Context, lead))
					y = append(y, p.Missed)
				}
			}
			m.Learn(p.Context, p.Outcome)
		}
	}
	w, err := fitRidge(x, y, predict.BayesOpen[:], constant(len(predict.BayesOpen), 5))
	if err != nil {
		return prior, fmt.Errorf("fit prior: open periods: %w", err)
	}
	copy(prior.Open[:], w)
	return prior, nil
}

// fitFeeds draws the feeds of all families but one that the pooled prior is fitted on, beside the recorded ones. Their
// seed is not that of the feeds that are judged, of which there are n of each family.
func fitFeeds(without string, n int) []backtest.Feed {
	var out []backtest.Feed
	for _, f := range families {
		if f.name == without {
			continue
		}
		for _, d := range drawFeeds(f, fitSeed, max(1, n*3/10)) {
			out = append(out, d.Feed)
		}
	}
	return out
}

// LeaveOneOut replays each feed with a prior that was fitted on the other feeds and on drawn ones only. The result has
// the risks by lead and feed.
func LeaveOneOut(feeds, drawn []backtest.Feed, leads []time.Duration) ([][][]float64, error) {
	out := make([][][]float64, len(leads))
	for i, f := range feeds {
		others := slices.Concat(drawn, feeds[:i], feeds[i+1:])
		prior, err := FitPrior(others, nil)
		if err != nil {
			return nil, fmt.Errorf("leave out %s: %w", f.Name, err)
		}
		for l, risks := range backtest.ReplayLeads(f, prior, leads) {
			out[l] = append(out[l], risks)
		}
	}
	return out, nil
}
