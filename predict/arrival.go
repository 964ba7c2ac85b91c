package predict

import (
	"math"
	"slices"
	"time"
)

// memory is the number of periods that a model remembers: two months of days.
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

// laterShare returns the share of on-time arrivals that came when less than left remained until their deadline. Each is
// smoothed by a width in minutes, and its weight halves every halfLife periods. It is 1 if no arrival is known.
func (m *Model) laterShare(left time.Duration, width, halfLife float64) float64 {
	const prior = .1 // arrivals
	decay, w := math.Exp2(-1/halfLife), 1.0
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

// Quantile returns the time, relative to the deadline, by which the share q of the
// remembered periods had arrived. A period without an arrival never arrives. ok is
// false if that share never arrives, or if fewer than 5 arrivals are known.
func (m *Model) Quantile(q float64) (margin time.Duration, ok bool) {
	margins := m.recentMargins(memory)
	slices.Sort(margins)
	i := int(math.Ceil(q*float64(len(m.history)))) - 1
	if len(margins) < 5 || i >= len(margins) {
		return 0, false
	}
	return time.Duration(margins[max(0, i)] * float64(time.Minute)), true
}

// usual returns the median of the latest seven arrivals, relative to their deadlines. known is
// false without any.
func (m *Model) usual() (margin time.Duration, known bool) {
	latest := m.recentMargins(7)
	if len(latest) == 0 {
		return 0, false
	}
	return time.Duration(median(latest) * float64(time.Minute)), true
}

// expected returns the median arrival of the remembered periods that were still open
// this long before the deadline; zero if there is none.
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
