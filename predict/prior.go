package predict

// priorPrecision says how far a dataset's coefficients usually are from the
// pooled ones: 20 is a standard deviation of .22.
const priorPrecision = 20

// BayesOpen are the coefficients of an open period by Bayes' rule alone, with
// the two survivals weighted equally; fitted ones start from them.
var BayesOpen = [openCount]float64{0, 1, .5, .5, 0}

// DefaultPrior is what new models start from.
func DefaultPrior() Prior {
	p := Prior{Mean: pooledMean, Open: pooledOpen}
	for i := range p.Precision {
		p.Precision[i] = priorPrecision
	}
	return p
}
