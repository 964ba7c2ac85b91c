package predict

import (
	"math"
	"slices"
	"time"
)

// memory is how many periods a model remembers one by one: two months of days.
const memory = 60

// recentMargins returns up to n known margins, oldest first.
func (m *Model) recentMargins(n int) []float64 {
	var out []float64
	for i := len(m.history) - 1; i >= 0 && len(out) < n; i-- {
		if p := m.history[i]; !math.IsNaN(p.margin) {
			out = append(out, p.margin)
		}
	}
	slices.Reverse(out)
	return out
}

// Survival is the share of on-time arrivals that came later than left before
// their deadline, smoothed by five minutes, each weighted half as much per
// halfLife periods of age. It is 1 with nothing known.
func (m *Model) Survival(left time.Duration, halfLife float64) float64 {
	decay, w := math.Exp2(-1/halfLife), 1.0
	const width, prior = 5, .1 // minutes; arrivals
	total, later := 0.0, 0.0
	for i := len(m.history) - 1; i >= 0; i-- {
		if p := m.history[i]; !p.missed() {
			total += w
			later += w * logistic((p.margin+left.Minutes())/width)
		}
		w *= decay
	}
	if total == 0 {
		return 1
	}
	return (later + prior) / (total + prior)
}

// Quantile returns when the share q of periods like the remembered ones have
// arrived, relative to the deadline; periods with nothing count as never. ok
// is false when that share never arrives or fewer than 5 periods are known.
func (m *Model) Quantile(q float64) (margin time.Duration, ok bool) {
	margins := m.recentMargins(memory)
	slices.Sort(margins)
	i := int(math.Ceil(q*float64(len(m.history)))) - 1
	if len(margins) < 5 || i >= len(margins) {
		return 0, false
	}
	return time.Duration(margins[max(0, i)] * float64(time.Minute)), true
}

// expected is the median arrival of the remembered periods that were still
// open at the same time before the deadline; zero when none was.
func (m *Model) expected(deadline, now time.Time) time.Time {
	var open []float64
	for _, x := range m.recentMargins(28) {
		if x > now.Sub(deadline).Minutes() {
			open = append(open, x)
		}
	}
	if len(open) == 0 {
		return time.Time{}
	}
	return deadline.Add(time.Duration(median(open) * float64(time.Minute)))
}

func median(xs []float64) float64 {
	s := slices.Sorted(slices.Values(xs))
	n := len(s)
	if n == 0 {
		return math.NaN()
	}
	return (s[(n-1)/2] + s[n/2]) / 2
}

// deviation is the median absolute deviation, scaled to a normal's sigma.
func deviation(xs []float64) float64 {
	mid := median(xs)
	off := make([]float64, len(xs))
	for i, x := range xs {
		off[i] = math.Abs(x - mid)
	}
	return 1.4826 * median(off)
}
