package predict

// priorPrecision says how far a dataset's coefficients usually are from the
// pooled ones: 8 is a standard deviation of .35.
const priorPrecision = 8

// BayesOpen are the coefficients of an open period by Bayes' rule alone, with
// the two survivals weighted equally; fitted ones start from them.
var BayesOpen = [openCount]float64{0, 1, .5, .5, 0, 0}

// DefaultPrior is what new models start from: coefficients pooled over the
// feeds of the benchmark. Those of upstreams, anomaly scores, retries and
// durations, which the feeds lack, were fitted on the simulator.
func DefaultPrior() Prior {
	p := Prior{Mean: pooledMean, Open: pooledOpen}
	for i := range p.Precision {
		p.Precision[i] = priorPrecision
	}
	return p
}
