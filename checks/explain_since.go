package checks

import (
	"math"
	"slices"
)

// explainedStep counts the rows of one step of time.
type explainedStep struct {
	number int64
	counts
	first, last float64 // smallest and largest time of its bad rows in Unix seconds; NaN if there is none
}

// span is the time of bad rows.
type span struct {
	bad         int64
	first, last float64 // of its bad rows, in Unix seconds
	began       bool    // rows from before it are good
	ended       bool    // rows from after it are good
}

// findSpan returns the time in which the bad rows are, of the steps from the first bad row on.
// whole are all rows, also those before it and those without a time. later are the rows after
// the last bad one. ok is false if time does not set bad rows apart.
func findSpan(steps []explainedStep, whole, later counts, percent int64) (best span, ok bool) {
	slices.SortFunc(steps, func(a, b explainedStep) int { return int(a.number - b.number) })
	var bad []int // places of the steps with bad rows
	known := later
	for i, s := range steps {
		known = known.plus(s.counts)
		if s.bad > 0 {
			bad = append(bad, i)
		}
	}
	// Rows may have come meanwhile.
	whole = counts{max(whole.rows, known.rows), max(whole.bad, known.bad), max(whole.kin, known.kin)}
	tries := len(steps) * (len(steps) + 1) / 2
	score, before := 0.0, whole.minus(known)
	for n, from := range bad {
		in, at := counts{}, from
		for _, to := range bad[n:] {
			for ; at <= to; at++ {
				in = in.plus(steps[at].counts)
			}
			s, apart := whole.apart(in, tries)
			if !apart || s <= score || !whole.covers(in, percent) {
				continue
			}
			score, ok = s, true
			earlier, after := before, later
			for i, other := range steps {
				switch {
				case i < from:
					earlier = earlier.plus(other.counts)
				case i > to:
					after = after.plus(other.counts)
				}
			}
			best = span{bad: in.bad, first: steps[from].first, last: steps[to].last,
				began: in.outnumbers(earlier), ended: in.outnumbers(after)}
		}
	}
	return best, ok && (best.began || best.ended)
}

// outnumbers reports whether bad rows are so much less frequent in others that it is no
// chance.
func (n counts) outnumbers(others counts) bool {
	_, apart := n.plus(others).apart(n, 1)
	return apart
}

// stepOf returns the length of the steps in seconds that divide the time of bad rows into at
// most mostSteps.
func stepOf(first, last float64, dates bool) float64 {
	for _, step := range []float64{60, 300, 900, 3600, 6 * 3600} {
		if !dates && (last-first)/step < mostSteps {
			return step
		}
	}
	return 86400 * max(1, math.Ceil((last-first)/86400/mostSteps))
}

// mostSteps is how many steps the time of bad rows is divided into.
const mostSteps = 1000
