package main

import (
	"fmt"
	"math"
	"slices"
)

// measure is what is watched of an agent, and how much it may grow.
type measure struct {
	name  string
	unit  string
	least float64 // growth that is allowed in any case, in the unit
}

// measures are what the soak watches. Memory is what the kernel counts. The least growth is
// above what one scrape or one pool of connections adds.
var measures = []measure{
	{"memory", "MiB", 4},
	{"descriptors", "", 6},
	{"goroutines", "", 8},
	{"state", "MiB", 1},
}

// significant is the quantile of the normal distribution from which on a trend is taken for
// one: 0.1 % of the series without a trend reach it.
const significant = 3.09

// verdict says whether a measure is flat, and why. The values are samples at equal
// distances, after the agent has warmed up. The slope is the median of the slopes between
// all pairs (Sen, Estimates of the regression coefficient based on Kendall's tau, 1968), so
// that a spike is no growth. A measure is not flat if the slope makes more of the whole time
// than is allowed, and the trend is significant (Mann, Nonparametric tests against trend,
// 1945). part is the share of the median that is allowed, because caches and pages fill up.
func (m measure) verdict(values []float64, part float64) (flat bool, why string) {
	if len(values) < 8 {
		return false, fmt.Sprintf("%d samples are too few for a verdict", len(values))
	}
	growth := slope(values) * float64(len(values)-1)
	allowed := max(m.least, part*median(values))
	z := trend(values)
	why = fmt.Sprintf("the slope makes %+.2f%s over %d samples, %.2f are allowed; trend z = %.1f",
		growth, unit(m.unit), len(values), allowed, z)
	return growth <= allowed || z < significant, why
}

func unit(name string) string {
	if name == "" {
		return ""
	}
	return " " + name
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// slope is the median slope between all pairs, for each distance of two samples.
func slope(values []float64) float64 {
	var all []float64
	for i := range values {
		for j := i + 1; j < len(values); j++ {
			all = append(all, (values[j]-values[i])/float64(j-i))
		}
	}
	return median(all)
}

// trend is the statistic of Mann and Kendall with its correction for ties, about normally
// distributed where there is no trend.
func trend(values []float64) float64 {
	s := 0.0
	ties := map[float64]int{}
	for i, v := range values {
		ties[v]++
		for _, later := range values[i+1:] {
			switch {
			case later > v:
				s++
			case later < v:
				s--
			}
		}
	}
	variance := pairs(len(values))
	for _, n := range ties {
		variance -= pairs(n)
	}
	if s == 0 || variance <= 0 {
		return 0
	}
	return (s - math.Copysign(1, s)) / math.Sqrt(variance)
}

// pairs is the variance of the statistic for n values.
func pairs(n int) float64 {
	return float64(n) * float64(n-1) * float64(2*n+5) / 18
}
