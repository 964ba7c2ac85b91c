package predict

import (
	"fmt"

	"gonum.org/v1/gonum/mat"
)

// Prior is what a model knows before its first outcome: a Gaussian around
// pooled coefficients. Precision is the inverse variance of each.
type Prior struct {
	Mean      Vector
	Precision Vector
	Open      [openCount]float64 // coefficients of the open-period regression, see [Model.Risk]
}

// regression is a Bayesian logistic regression with a Gaussian posterior,
// learned one outcome at a time by the extended Kalman update (Laplace's
// approximation at each step; Spiegelhalter and Lauritzen 1990). Forgetting
// pulls it back towards the prior, so that variance stays bounded.
type regression struct {
	mean     Vector
	variance [FeatureCount][FeatureCount]float64
}

// forgetting keeps the weight of about a thousand outcomes.
const forgetting = .999

func (r *regression) reset(p *Prior) {
	*r = regression{mean: p.Mean}
	for i := range r.variance {
		r.variance[i][i] = 1 / p.Precision[i]
	}
}

// score is the linear predictor, its logistic the probability.
func (r *regression) score(v Vector) float64 {
	s := 0.0
	for i, x := range v.Known() {
		s += r.mean[i] * x
	}
	return s
}

func (r *regression) learn(v Vector, missed bool, p *Prior) {
	x := v.Known()
	r.forget(p)
	var vx Vector
	spread := 0.0
	for i := range x {
		for j := range x {
			vx[i] += r.variance[i][j] * x[j]
		}
		spread += x[i] * vx[i]
	}
	mu := logistic(r.score(v))
	s := mu * (1 - mu)
	gain := 1 / (1 + s*spread)
	step := (indicator(missed) - mu) * gain
	for i := range x {
		r.mean[i] += vx[i] * step
		for j := range x {
			r.variance[i][j] -= s * gain * vx[i] * vx[j]
		}
	}
}

func (r *regression) forget(p *Prior) {
	for i := range r.variance {
		for j := range r.variance {
			r.variance[i][j] *= forgetting
		}
		r.variance[i][i] += (1 - forgetting) / p.Precision[i]
	}
}

// Fit returns the coefficients of a ridge logistic regression of y on x around
// the given mean with the given precision of each coefficient (iteratively
// reweighted least squares). All rows of x must have len(mean) columns.
func Fit(x [][]float64, y []bool, mean, precision []float64) ([]float64, error) {
	n := len(mean)
	w := append([]float64(nil), mean...)
	for range 12 {
		gradient := mat.NewVecDense(n, nil)
		hessian := mat.NewSymDense(n, nil)
		for i := range n {
			gradient.SetVec(i, -precision[i]*(w[i]-mean[i]))
			hessian.SetSym(i, i, precision[i])
		}
		for k, row := range x {
			mu := logistic(dot(w, row))
			gradient.AddScaledVec(gradient, indicator(y[k])-mu, mat.NewVecDense(n, row))
			hessian.SymRankOne(hessian, mu*(1-mu), mat.NewVecDense(n, row))
		}
		var factor mat.Cholesky
		if !factor.Factorize(hessian) {
			return nil, fmt.Errorf("fit logistic regression: hessian of %d rows is not positive definite: give every coefficient a precision above 0", len(x))
		}
		step := mat.NewVecDense(n, nil)
		if err := factor.SolveVecTo(step, gradient); err != nil {
			return nil, fmt.Errorf("fit logistic regression: %w", err)
		}
		for i := range w {
			w[i] += step.AtVec(i)
		}
	}
	return w, nil
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}
