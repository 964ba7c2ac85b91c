package main

import (
	"fmt"
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
	x, y := rows(feeds)
	mean, err := fitRidge(x, y, make([]float64, predict.FeatureCount), constant(predict.FeatureCount, 2))
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

// unobserved are the features that the recorded feeds lack.
var unobserved = []int{predict.UpstreamRisk, predict.UpstreamLate, predict.AnomalyScore, predict.LoadRetries, predict.DurationTrend}

func fitUnobserved(mean []float64, simulated []backtest.Feed) ([]float64, error) {
	precision := constant(len(mean), 100)
	precision[predict.Bias] = 2
	for _, i := range unobserved {
		precision[i] = 2
	}
	x, y := rows(simulated)
	fitted, err := fitRidge(x, y, mean, precision)
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
var leads = []time.Duration{180 * time.Minute, 120 * time.Minute, 60 * time.Minute, 30 * time.Minute, 10 * time.Minute}

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
	w, err := fitRidge(x, y, predict.BayesOpen[:], constant(len(predict.BayesOpen), 20))
	if err != nil {
		return prior, fmt.Errorf("fit prior: open periods: %w", err)
	}
	copy(prior.Open[:], w)
	return prior, nil
}

// LeaveOneOut replays each feed with a prior that was fitted on the other feeds only.
func LeaveOneOut(feeds []backtest.Feed, lead time.Duration) ([][]float64, error) {
	out := make([][]float64, len(feeds))
	for i, f := range feeds {
		others := append(append([]backtest.Feed(nil), feeds[:i]...), feeds[i+1:]...)
		prior, err := FitPrior(others, nil)
		if err != nil {
			return nil, fmt.Errorf("leave out %s: %w", f.Name, err)
		}
		out[i] = backtest.Replay(f, prior, lead)
	}
	return out, nil
}
