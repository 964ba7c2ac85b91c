package sqlite

import (
	"database/sql/driver"
	"errors"
	"math"

	"modernc.org/sqlite"
)

func init() {
	for name, root := range map[string]bool{"stddev_samp": true, "var_samp": false} {
		sqlite.MustRegisterFunction(name, &sqlite.FunctionImpl{NArgs: 1, Deterministic: true,
			MakeAggregate: func(sqlite.FunctionContext) (sqlite.AggregateFunction, error) {
				return &spread{root: root}, nil
			}})
	}
}

// spread is the variance of a sample, or its root, as other engines have it. It follows
// B. P. Welford, Note on a method for calculating corrected sums of squares and products
// (Technometrics, 1962).
type spread struct {
	root     bool
	n        float64
	mean, m2 float64
}

// Step takes a value in. NULL and texts are left out.
func (s *spread) Step(_ *sqlite.FunctionContext, args []driver.Value) error {
	x, ok := number(args[0])
	if !ok {
		return nil
	}
	s.n++
	d := x - s.mean
	s.mean += d / s.n
	s.m2 += d * (x - s.mean)
	return nil
}

// WindowInverse takes a value out.
func (s *spread) WindowInverse(_ *sqlite.FunctionContext, args []driver.Value) error {
	x, ok := number(args[0])
	if !ok {
		return nil
	}
	if s.n--; s.n <= 0 {
		*s = spread{root: s.root}
		return nil
	}
	d := x - s.mean
	s.mean -= d / s.n
	s.m2 -= d * (x - s.mean)
	return nil
}

// WindowValue returns NULL for fewer than two values.
func (s *spread) WindowValue(*sqlite.FunctionContext) (driver.Value, error) {
	if s.n < 2 {
		return nil, nil
	}
	variance := s.m2 / (s.n - 1)
	if math.IsNaN(variance) || math.IsInf(variance, 0) {
		return nil, errors.New("the values are too large for a variance")
	}
	if variance = max(0, variance); s.root {
		return math.Sqrt(variance), nil
	}
	return variance, nil
}

// Final does nothing.
func (*spread) Final(*sqlite.FunctionContext) {}

func number(v driver.Value) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}
