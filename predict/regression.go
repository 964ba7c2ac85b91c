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
	Open      [openCount]float64 // of the regression of open periods, see [Model.OpenFeatures]
}

// regression is a Bayesian logistic regression with a Gaussian posterior,
// learned one outcome at a time by the extended Kalman update (Laplace's
// approximation at each step; Spiegelhalter and Lauritzen 1990). Forgetting
// pulls it back towards the prior, so that variance stays bounded.
// forgetting keeps the weight of about a thousand outcomes.
const forgetting = .999

type regression struct {
	mean     []float64
	variance []float64 // row by row
}

func newRegression(mean, precision []float64) regression {
	n := len(mean)
	r := regression{mean: append([]float64(nil), mean...), variance: make([]float64, n*n)}
	for i := range n {
		r.variance[i*n+i] = 1 / precision[i]
	}
	return r
}

// score is the linear predictor, its logistic the probability.
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

// Fit returns the coefficients of a ridge logistic regression of y on x around
// the given mean with the given precision of each coefficient (iteratively
// reweighted least squares). All rows of x must have len(mean) columns.
func Fit(x [][]float64, y []bool, mean, precision []float64) ([]float64, error) {
	n := len(mean)
	w := append([]float64(nil), mean...)
	for range 8 {
		gradient, hessian := normalEquations(x, y, w, mean, precision)
		var factor mat.Cholesky
		if !factor.Factorize(mat.NewSymDense(n, hessian)) {
			return nil, fmt.Errorf("fit logistic regression: hessian of %d rows is not positive definite: give every coefficient a precision above 0", len(x))
		}
		step := mat.NewVecDense(n, nil)
		if err := factor.SolveVecTo(step, mat.NewVecDense(n, gradient)); err != nil {
			return nil, fmt.Errorf("fit logistic regression: %w", err)
		}
		for i := range w {
			w[i] += step.AtVec(i)
		}
	}
	return w, nil
}

// normalEquations are the gradient of the log posterior at w and the negative
// of its Hessian, row by row; only the upper triangle is filled.
func normalEquations(x [][]float64, y []bool, w, mean, precision []float64) (gradient, hessian []float64) {
	n := len(w)
	gradient, hessian = make([]float64, n), make([]float64, n*n)
	for i := range n {
		gradient[i] = precision[i] * (mean[i] - w[i])
		hessian[i*n+i] = precision[i]
	}
	for k, row := range x {
		mu := logistic(dot(w, row))
		for i, xi := range row {
			if xi == 0 {
				continue
			}
			gradient[i] += (indicator(y[k]) - mu) * xi
			for j := i; j < n; j++ {
				hessian[i*n+j] += mu * (1 - mu) * xi * row[j]
			}
		}
	}
	return gradient, hessian
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}
