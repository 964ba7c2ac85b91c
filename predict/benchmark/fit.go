package benchmark

import (
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel/predict"
)

// FitPrior fits the pooled prior on the feeds: a ridge logistic regression on
// the features of every period after the warm-up, then the regression of open
// periods on the own day-ahead risks of models that start from that prior.
func FitPrior(feeds []Feed) (predict.Prior, error) {
	start := predict.DefaultPrior()
	var x [][]float64
	var y []bool
	for _, f := range feeds {
		m := predict.New(start)
		for i, p := range f.Periods {
			if i >= Warmup {
				v := m.Features(p.Context).Known()
				x = append(x, v[:])
				y = append(y, p.Missed)
			}
			m.Learn(p.Context, p.Outcome)
		}
	}
	mean, err := predict.Fit(x, y, make([]float64, predict.FeatureCount), constant(predict.FeatureCount, 2))
	if err != nil {
		return start, fmt.Errorf("fit prior: %w", err)
	}
	prior := start
	copy(prior.Mean[:], mean)
	return fitOpen(prior, feeds)
}

func constant(n int, v float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// leads are the times before the deadline the open regression is fitted at.
var leads = []time.Duration{180 * time.Minute, 120 * time.Minute, 60 * time.Minute, 30 * time.Minute, 10 * time.Minute}

func fitOpen(prior predict.Prior, feeds []Feed) (predict.Prior, error) {
	var x [][]float64
	var y []bool
	for _, f := range feeds {
		m := predict.New(prior)
		for i, p := range f.Periods {
			for _, lead := range leads {
				if i >= Warmup && p.open(lead) {
					x = append(x, m.OpenFeatures(p.Context, lead))
					y = append(y, p.Missed)
				}
			}
			m.Learn(p.Context, p.Outcome)
		}
	}
	w, err := predict.Fit(x, y, predict.BayesOpen[:], constant(len(predict.BayesOpen), 20))
	if err != nil {
		return prior, fmt.Errorf("fit prior: open periods: %w", err)
	}
	copy(prior.Open[:], w)
	return prior, nil
}

// open reports whether the period had not arrived that long before its
// deadline.
func (p Period) open(lead time.Duration) bool {
	return p.Outcome.Arrival.IsZero() || p.Outcome.Arrival.After(p.Context.Deadline.Add(-lead))
}
