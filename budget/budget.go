// Package budget decides which checks tick more rarely, so that the statements of a day take no
// longer than a warehouse allows. It holds pure functions: begin with [Fit]. The agent measures
// what statements take, and puts the choice in force.
package budget

import (
	"cmp"
	"container/heap"
	"math"
	"time"
)

// Rarest is the longest stretch that [Rates] has: whatever it costs, a check ticks once a day.
const Rarest = 24 * time.Hour

// spare is the share of the budget up to which checks are moved back. Costs that vary by less
// than the rest move no check to and fro.
const spare = 0.8

// Stretches are those of which one tick each may remain, from the shortest. Each divides a day.
func Stretches() []time.Duration {
	const m, h = time.Minute, time.Hour
	return []time.Duration{10 * m, 15 * m, 20 * m, 30 * m, h, 2 * h, 3 * h, 4 * h, 6 * h, 8 * h, 12 * h, Rarest}
}

// Rate is how often a part ticks.
type Rate struct {
	Every time.Duration // one tick in each stretch of this length; 0: as configured
	Ticks float64       // in a day, as a mean
}

// Rates returns what a part may be moved to, from the rate that is configured to the rarest
// one. perDay returns the ticks in a day where one of each stretch remains, of 0 those that are
// configured. Stretches longer than rarest are left out, and those that save nothing.
func Rates(rarest time.Duration, perDay func(every time.Duration) float64) []Rate {
	rates := []Rate{{Ticks: perDay(0)}}
	for _, every := range Stretches() {
		if every > rarest {
			break
		}
		if n := perDay(every); n < rates[len(rates)-1].Ticks {
			rates = append(rates, Rate{every, n})
		}
	}
	return rates
}

// Part is checks that are moved together, because their statements serve all of them.
type Part struct {
	Key   string        // decides between parts of the same cost
	Cost  time.Duration // that the statements of one tick take
	Rates []Rate        // from the one that is configured, each with fewer ticks than the one before
	Last  bool          // no such part is moved while another one still can be
	At    int           // index of the rate in force
}

// Day returns what the part's statements take in a day at a rate.
func (p *Part) Day(at int) time.Duration {
	return time.Duration(min(float64(p.Cost)*p.Rates[at].Ticks, math.MaxInt64/2))
}

// Choice says how often each part ticks.
type Choice struct {
	At         []int         // index of the rate of each part, in their order
	Day        time.Duration // what the statements of a day take
	Configured time.Duration // what they would take with all ticks
	Over       bool          // Day is more than the limit, and no part can be moved any further
}

// Fit returns rates with which the statements of a day take no longer than limit, if there are
// such rates. It begins with those in force. The part that costs most in a day is moved first,
// one rate at a time. A part is moved back if the day then takes at most four fifths of the
// limit, and the cheapest one first. Equal parts give equal choices, and the rates that are
// chosen are chosen again. It takes O(n log n) for n parts.
func Fit(limit time.Duration, parts []Part) Choice {
	f := fit{parts: parts, at: make([]int, len(parts))}
	for i := range parts {
		p := &parts[i]
		f.at[i] = max(0, min(p.At, len(p.Rates)-1))
		f.configured += float64(p.Day(0))
	}
	f.restoreLast()
	f.tighten(float64(limit))
	f.loosen(spare * float64(limit))
	day := f.day()
	return Choice{
		At: f.at, Day: duration(day), Configured: duration(f.configured), Over: duration(day) > limit,
	}
}

func duration(f float64) time.Duration { return time.Duration(min(f, math.MaxInt64/2)) }

type fit struct {
	parts      []Part
	at         []int
	configured float64
}

// day is what the statements of a day take.
func (f *fit) day() (sum float64) {
	for i := range f.parts {
		sum += float64(f.parts[i].Day(f.at[i]))
	}
	return sum
}

// restoreLast moves the parts that are to be moved last back to what is configured, if
// another one can be moved in their place: it is new, or another check was taken away.
func (f *fit) restoreLast() {
	for i := range f.parts {
		if p := &f.parts[i]; !p.Last && p.Cost > 0 && f.at[i] < len(p.Rates)-1 {
			f.resetLast()
			return
		}
	}
}

func (f *fit) resetLast() {
	for i := range f.parts {
		if f.parts[i].Last {
			f.at[i] = 0
		}
	}
}

// tighten moves parts until the day takes no longer than limit, or none can be moved.
func (f *fit) tighten(limit float64) {
	day := f.day()
	for _, last := range []bool{false, true} {
		q := &queue{before: f.dearer}
		for i := range f.parts {
			if f.parts[i].Last == last {
				q.add(i)
			}
		}
		heap.Init(q)
		for day > limit && len(q.parts) > 0 {
			i := q.parts[0]
			p := &f.parts[i]
			if p.Cost == 0 || f.at[i] == len(p.Rates)-1 {
				heap.Pop(q)
				continue
			}
			day -= float64(p.Day(f.at[i]) - p.Day(f.at[i]+1))
			f.at[i]++
			heap.Fix(q, 0)
		}
	}
}

// loosen moves parts back while the day takes no longer than limit.
func (f *fit) loosen(limit float64) {
	day := f.day()
	for _, last := range []bool{true, false} {
		q := &queue{before: f.cheaper}
		for i := range f.parts {
			if f.parts[i].Last == last && f.at[i] > 0 {
				q.add(i)
			}
		}
		heap.Init(q)
		for len(q.parts) > 0 {
			i := q.parts[0]
			if day+f.more(i) > limit {
				return // the others cost more
			}
			day += f.more(i)
			if f.at[i]--; f.at[i] == 0 {
				heap.Pop(q)
			} else {
				heap.Fix(q, 0)
			}
		}
	}
}

// more is what a part costs more in a day at the rate before.
func (f *fit) more(i int) float64 {
	p := &f.parts[i]
	return float64(p.Day(f.at[i]-1) - p.Day(f.at[i]))
}

func (f *fit) dearer(i, j int) bool {
	a, b := &f.parts[i], &f.parts[j]
	return cmp.Or(cmp.Compare(b.Day(f.at[j]), a.Day(f.at[i])), cmp.Compare(a.Key, b.Key)) < 0
}

func (f *fit) cheaper(i, j int) bool {
	return cmp.Or(cmp.Compare(f.more(i), f.more(j)), cmp.Compare(f.parts[i].Key, f.parts[j].Key)) < 0
}

// queue has parts in an order that their rates decide.
type queue struct {
	parts  []int
	before func(i, j int) bool
}

func (q *queue) add(i int)          { q.parts = append(q.parts, i) }
func (q *queue) Len() int           { return len(q.parts) }
func (q *queue) Less(i, j int) bool { return q.before(q.parts[i], q.parts[j]) }
func (q *queue) Swap(i, j int)      { q.parts[i], q.parts[j] = q.parts[j], q.parts[i] }
func (q *queue) Push(x any)         { q.parts = append(q.parts, x.(int)) }
func (q *queue) Pop() any {
	i := q.parts[len(q.parts)-1]
	q.parts = q.parts[:len(q.parts)-1]
	return i
}
