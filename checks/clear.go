package checks

import (
	"math"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

// validateClear refuses a `clear` under which no incident could end: each number of at
// least lowest that meets it meets one of the conditions for bad numbers, too.
func (o *Options) validateClear(lowest float64, bad ...Bound) error {
	bad = slices.DeleteFunc(bad, func(b Bound) bool { return !b.Set() || b.Percent })
	if !o.Clear.Set() || o.Clear.Percent || o.Clear.meets(lowest, bad) {
		return nil
	}
	if len(bad) == 0 {
		return settings.Wrong("clear", "no number is %s, so that no incident could end", o.Clear)
	}
	words := make([]string, len(bad))
	for i, b := range bad {
		words[i] = b.String()
	}
	return settings.Wrong("clear", "each number that is %s is bad (%s), so that no incident could end: "+
		"want a condition for good numbers, such as \"%s\"", o.Clear, strings.Join(words, ", "), bad[len(bad)-1].Not())
}

// meets reports whether a number of at least lowest meets the condition and none of others.
// Conditions change at their limits alone, so it tries these, and one number between each
// two of them.
func (b Bound) meets(lowest float64, others []Bound) bool {
	limits := []float64{math.Inf(-1), math.Inf(1)}
	if !math.IsInf(lowest, -1) {
		limits = append(limits, lowest)
	}
	for _, c := range append([]Bound{b}, others...) {
		limits = append(limits, c.Low.Float64())
		if strings.HasSuffix(c.Op, "between") {
			limits = append(limits, c.High.Float64())
		}
	}
	slices.Sort(limits)
	var tried []float64
	for i, at := range limits[1:] {
		before := limits[i]
		switch {
		case math.IsInf(before, -1) && math.IsInf(at, 1):
			tried = append(tried, 0)
		case math.IsInf(before, -1):
			tried = append(tried, at-1, at)
		case math.IsInf(at, 1):
			tried = append(tried, before+1, before)
		default:
			tried = append(tried, before, before+(at-before)/2, at)
		}
	}
	return slices.ContainsFunc(tried, func(v float64) bool {
		n := sentinel.Float(v)
		return v >= lowest && b.Holds(n) && !slices.ContainsFunc(others, func(o Bound) bool { return o.Holds(n) })
	})
}
