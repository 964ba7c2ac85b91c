package predict

// priorPrecision is the inverse variance of a dataset's coefficients around the pooled
// ones. It corresponds to a standard deviation of .7.
const priorPrecision = 2

// BayesOpen holds the coefficients of an open period by Bayes' rule alone, with the outlook's share of later arrivals. A
// fit starts from them.
var BayesOpen = [openCount]float64{0, 1, 1, 0, 0, 0, 0, 0}

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
