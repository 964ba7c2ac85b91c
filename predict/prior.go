package predict

// priorPrecision is the inverse variance of a dataset's coefficients around the pooled
// ones. It corresponds to a standard deviation of .35.
const priorPrecision = 8

// BayesOpen holds the coefficients of an open period by Bayes' rule alone, with equal
// weights of the two survivals. A fit starts from them.
var BayesOpen = [openCount]float64{0, 1, .5, .5, 0, 0}

// DefaultPrior returns the prior of new models: coefficients pooled over the feeds of
// the benchmark. The feeds lack upstreams, anomaly scores, retries and durations, whose
// coefficients were fitted on a simulator.
func DefaultPrior() Prior {
	p := Prior{Mean: pooledMean, Open: pooledOpen}
	for i := range p.Precision {
		p.Precision[i] = priorPrecision
	}
	return p
}
