package main

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// fitRidge returns the coefficients of a ridge logistic regression of y on x around
// the given mean with the given precision of each coefficient (iteratively
// reweighted least squares). All rows of x must have len(mean) columns.
func fitRidge(x [][]float64, y []bool, mean, precision []float64) ([]float64, error) {
	n := len(mean)
	w := append([]float64(nil), mean...)
	const iterations, longest = 40, 1 // a longer step could leave the region where Newton's method converges
	for range iterations {
		gradient, hessian := normalEquations(x, y, w, mean, precision)
		var factor mat.Cholesky
		if !factor.Factorize(mat.NewSymDense(n, hessian)) {
			return nil, fmt.Errorf("fit logistic regression: hessian of %d rows is not positive definite: give every coefficient a precision above 0", len(x))
		}
		step := mat.NewVecDense(n, nil)
		if err := factor.SolveVecTo(step, mat.NewVecDense(n, gradient)); err != nil {
			return nil, fmt.Errorf("fit logistic regression: %w", err)
		}
		scale := 1 / max(1, mat.Norm(step, math.Inf(1))/longest)
		for i := range w {
			w[i] += scale * step.AtVec(i)
		}
	}
	return w, nil
}

// normalEquations returns the gradient of the log posterior at w and the negative of
// its Hessian by rows. Only the upper triangle of the latter is set.
func normalEquations(x [][]float64, y []bool, w, mean, precision []float64) (gradient, hessian []float64) {
	n := len(w)
	gradient, hessian = make([]float64, n), make([]float64, n*n)
	for i := range n {
		gradient[i] = precision[i] * (mean[i] - w[i])
		hessian[i*n+i] = precision[i]
	}
	for k, row := range x {
		mu := logistic(floats.Dot(w, row))
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

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func indicator(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
