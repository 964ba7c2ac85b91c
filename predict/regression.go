package predict

import "math"

// Prior is the distribution of a model's coefficients before its first outcome: a
// Gaussian around pooled coefficients.
type Prior struct {
	Mean      Vector
	Precision Vector             // inverse variance of each coefficient
	Open      [openCount]float64 // coefficients of open periods, see [Model.OpenFeatures]
}

// forgetting is the factor by which a variance shrinks with each outcome. It keeps the
// weight of about a thousand outcomes.
const forgetting = .999

// regression is a Bayesian logistic regression with a Gaussian posterior. It learns one
// outcome at a time by the extended Kalman update, which is Laplace's approximation at
// each step (Spiegelhalter and Lauritzen 1990). Forgetting keeps the variance bounded.
type regression struct {
	mean     []float64
	variance []float64 // covariance matrix by rows
}

func newRegression(mean, precision []float64) regression {
	n := len(mean)
	r := regression{mean: append([]float64(nil), mean...), variance: make([]float64, n*n)}
	for i := range n {
		r.variance[i*n+i] = 1 / precision[i]
	}
	return r
}

// score returns the linear predictor. Its logistic is the probability.
func (r *regression) score(x []float64) float64 { return dot(r.mean, x) }

func (r *regression) learn(x []float64, missed bool, precision []float64) {
	n := len(x)
	vx := make([]float64, n)
	spread := 0.0
	for i := range n {
		for j := range n {
			r.variance[i*n+j] *= forgetting
		}
		r.variance[i*n+i] += (1 - forgetting) / precision[i]
		vx[i] = dot(r.variance[i*n:(i+1)*n], x)
		spread += x[i] * vx[i]
	}
	mu := logistic(r.score(x))
	s := mu * (1 - mu)
	gain := 1 / (1 + s*spread)
	step := (indicator(missed) - mu) * gain
	for i := range n {
		r.mean[i] += vx[i] * step
		for j := range n {
			r.variance[i*n+j] -= s * gain * vx[i] * vx[j]
		}
	}
}

// bound keeps the marked coefficients from falling below 0.
func (r *regression) bound(marked []bool) {
	for i, m := range marked {
		if m {
			r.mean[i] = math.Max(0, r.mean[i])
		}
	}
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}
