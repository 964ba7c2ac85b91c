package oracle_test

import (
	"fmt"
	"math/big"
	"slices"

	"github.com/sentinel-dq/sentinel"
)

// disagreement says how a result differs from what it must be; "" if it does not.
func (x expectation) disagreement(got sentinel.Result) string {
	if x.nothing || x.mayRefuse && got.Status == sentinel.Error {
		return ""
	}
	if x.mayDoubt && slices.ContainsFunc(got.Findings, func(f sentinel.Finding) bool { return f.Status == sentinel.Unknown }) {
		return ""
	}
	if got.Status != x.status {
		return fmt.Sprintf("status %s, want %s", got.Status, x.status)
	}
	numbers := map[string]*big.Rat{}
	left := slices.Clone(x.segments)
	names := map[string]bool{}
	for _, o := range got.Observations {
		if o.Segment == "" {
			numbers[o.Metric] = rational(o.Value)
			continue
		}
		if o.Metric == "difference" {
			continue
		}
		if names[o.Segment] {
			return fmt.Sprintf("two segments are called %q", o.Segment)
		}
		names[o.Segment] = true
		i := slices.IndexFunc(left, func(s segment) bool {
			return slices.Contains(s.names, o.Segment) && (s.age || rational(o.Value).Cmp(integer(s.count)) == 0)
		})
		if i < 0 {
			return fmt.Sprintf("segment %q with %s rows, want one of %v", o.Segment, o.Value, left)
		}
		left = slices.Delete(left, i, i+1)
	}
	if len(left) > 0 {
		return fmt.Sprintf("no segments %v", left)
	}
	for metric, want := range x.numbers {
		n, is := numbers[metric]
		switch {
		case want == nil && is:
			return fmt.Sprintf("%s %s, want no value", metric, n.FloatString(3))
		case want != nil && !is:
			return fmt.Sprintf("no %s, want %s", metric, want.FloatString(3))
		case want != nil && new(big.Rat).Abs(new(big.Rat).Sub(n, want)).Cmp(precision[metric].of()) > 0:
			return fmt.Sprintf("%s %s, want %s", metric, n.FloatString(3), want.FloatString(3))
		}
	}
	return ""
}

// slack is how far an observed number may lie from the expected one.
type slack float64

func (s slack) of() *big.Rat { return new(big.Rat).SetFloat64(float64(s)) }

// precision is the slack by metric: times are kept in seconds as floats.
var precision = map[string]slack{"newest_timestamp_seconds": 0.001}

func rational(n sentinel.Number) *big.Rat {
	if v, is := n.Int64(); is {
		return new(big.Rat).SetInt64(v)
	}
	if !n.Finite() {
		return new(big.Rat)
	}
	return new(big.Rat).SetFloat64(n.Float64())
}
