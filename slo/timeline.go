// Package slo computes service levels of datasets: which part of a window was good, what
// is left of the error budget, and how fast it burns. It has no clock and does no I/O.
// Begin with [Timeline] and [Evaluate].
package slo

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// State says what is known of an indicator at a time.
type State uint8

// The states of an indicator.
const (
	Good     State = iota // judged, and as it should be
	Bad                   // judged, and not as it should be
	Unjudged              // nobody has looked, or what was looked at could not be judged
	Excluded              // does not count: a maintenance window
	states                // number of states
)

// Totals is the time in each state.
type Totals [states]time.Duration

// span is a time with its totals. A span of one state has one total. Spans that were
// merged have several, which are spread evenly over the span.
type span struct {
	from, to time.Time
	totals   Totals
}

// maxSpans bounds the memory of a timeline. Beyond it the oldest spans are merged in
// pairs, which keeps their totals.
const maxSpans = 2000

// Timeline is what is known of an indicator over time. Its spans do not overlap; time
// between them, before the first and after the last is not known. The zero value is
// empty. It is not safe for concurrent use.
type Timeline struct{ spans []span }

// Set records a state from one time to another. It replaces what was recorded of that
// time before. Times are taken in whole seconds.
func (t *Timeline) Set(from, to time.Time, s State) {
	from, to = from.UTC().Truncate(time.Second), to.UTC().Truncate(time.Second)
	if !from.Before(to) {
		return
	}
	now := span{from: from, to: to}
	now.totals[s] = to.Sub(from)
	if !from.Before(t.End()) { // the usual case
		t.add(now)
		return
	}
	var before, after []span
	for _, old := range t.spans {
		if left, ok := old.cut(old.from, from); ok {
			before = append(before, left)
		}
		if right, ok := old.cut(to, old.to); ok {
			after = append(after, right)
		}
	}
	t.spans = joined(slices.Concat(before, []span{now}, after))
	t.compact()
}

// add adds a span after all others.
func (t *Timeline) add(now span) {
	n := len(t.spans)
	if n > 0 {
		last := joined([]span{t.spans[n-1], now})
		t.spans = append(t.spans[:n-1], last...)
	} else {
		t.spans = append(t.spans, now)
	}
	t.compact()
}

// cut returns the part of a span between two times.
func (s span) cut(from, to time.Time) (part span, ok bool) {
	if from.Before(s.from) {
		from = s.from
	}
	if s.to.Before(to) {
		to = s.to
	}
	if !from.Before(to) {
		return span{}, false
	}
	part = span{from: from, to: to}
	share := float64(to.Sub(from)) / float64(s.to.Sub(s.from))
	for i, d := range s.totals {
		part.totals[i] = time.Duration(share * float64(d))
		if d == s.to.Sub(s.from) {
			part.totals[i] = to.Sub(from) // of one state: exact
		}
	}
	return part, true
}

// state returns the state of a span that has only one.
func (s span) state() (State, bool) {
	for i, d := range s.totals {
		if d == s.to.Sub(s.from) {
			return State(i), true
		}
	}
	return 0, false
}

// joined joins neighbours that have the same state.
func joined(spans []span) []span {
	out := spans[:0]
	for _, s := range spans {
		if n := len(out); n > 0 && out[n-1].to.Equal(s.from) {
			is, pure := s.state()
			was, purely := out[n-1].state()
			if pure && purely && is == was {
				out[n-1] = merged(out[n-1], s)
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

// merged returns two spans as one. Time between them stays unknown: it has no total.
func merged(a, b span) span {
	out := span{from: a.from, to: b.to}
	for i := range a.totals {
		out.totals[i] = a.totals[i] + b.totals[i]
	}
	return out
}

// compact merges the older half of too many spans in pairs.
func (t *Timeline) compact() {
	if len(t.spans) <= maxSpans {
		return
	}
	half := len(t.spans) / 2
	out := make([]span, 0, len(t.spans))
	for i := 0; i < half; i += 2 {
		if i+1 < half {
			out = append(out, merged(t.spans[i], t.spans[i+1]))
		} else {
			out = append(out, t.spans[i])
		}
	}
	t.spans = append(out, t.spans[half:]...)
}

// Forget removes what lies before a time.
func (t *Timeline) Forget(before time.Time) {
	before = before.UTC().Truncate(time.Second) // spans are stored in whole seconds
	first := slices.IndexFunc(t.spans, func(s span) bool { return s.to.After(before) })
	switch {
	case first < 0:
		t.spans = nil
	case t.spans[first].from.Before(before):
		t.spans = slices.Clone(t.spans[first:])
		t.spans[0], _ = t.spans[0].cut(before, t.spans[0].to)
	case first > 0:
		t.spans = slices.Clone(t.spans[first:])
	}
}

// End returns the time up to which the timeline is known; zero if it is empty.
func (t *Timeline) End() time.Time {
	if len(t.spans) == 0 {
		return time.Time{}
	}
	return t.spans[len(t.spans)-1].to
}

// Range is a time that does not count, such as a false alarm that a person has labelled.
type Range struct{ From, To time.Time }

// Sum returns the time in each state between two times. Good and bad time within a range
// of leftOut counts as excluded.
func (t *Timeline) Sum(from, to time.Time, leftOut []Range) (sum Totals) {
	for _, s := range t.spans {
		part, ok := s.cut(from, to)
		if !ok {
			continue
		}
		for _, piece := range split(part, leftOut) {
			for i, d := range piece.totals {
				sum[i] += d
			}
		}
	}
	return sum
}

// split divides a span at the ends of ranges. Pieces within a range are excluded.
func split(s span, leftOut []Range) []span {
	ends := []time.Time{s.from, s.to}
	for _, r := range leftOut {
		for _, end := range []time.Time{r.From, r.To} {
			if end.After(s.from) && end.Before(s.to) {
				ends = append(ends, end)
			}
		}
	}
	slices.SortFunc(ends, time.Time.Compare)
	var out []span
	for i := 1; i < len(ends); i++ {
		piece, ok := s.cut(ends[i-1], ends[i])
		if !ok {
			continue
		}
		if slices.ContainsFunc(leftOut, func(r Range) bool { return !piece.from.Before(r.From) && !piece.to.After(r.To) }) {
			counted := piece.totals[Good] + piece.totals[Bad]
			piece.totals[Excluded] += counted
			piece.totals[Good], piece.totals[Bad] = 0, 0
		}
		out = append(out, piece)
	}
	return out
}

// savedSpan is the encoded form of a span in states of earlier versions: seconds since 1970 and
// seconds in each state.
type savedSpan struct {
	From   int64    `json:"f"`
	To     int64    `json:"t"`
	Totals [4]int64 `json:"s"`
}

// MarshalJSON implements json.Marshaler. A span is a list of numbers: the seconds since the end of
// the one before (of the first one since 1970), its length in seconds, and its state; of one with
// several states the seconds in each. A dataset whose ticks are skipped again and again has
// thousands of spans, and stores them at each tick.
func (t Timeline) MarshalJSON() ([]byte, error) {
	out := make([][]int64, len(t.spans))
	end := int64(0)
	for i, s := range t.spans {
		row := []int64{s.from.Unix() - end, s.to.Unix() - s.from.Unix()}
		end = s.to.Unix()
		if state, pure := s.state(); pure {
			row = append(row, int64(state))
		} else {
			for _, d := range s.totals {
				row = append(row, int64(d/time.Second))
			}
		}
		out[i] = row
	}
	return json.Marshal(out)
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Timeline) UnmarshalJSON(data []byte) error {
	saved, err := savedSpans(data)
	if err != nil {
		return err
	}
	spans := make([]span, len(saved))
	last := int64(0)
	for i, s := range saved {
		if s.From >= s.To || i > 0 && s.From < last {
			return errors.New("the spans of a timeline are not in order")
		}
		last = s.To
		spans[i] = span{from: time.Unix(s.From, 0).UTC(), to: time.Unix(s.To, 0).UTC()}
		for n, d := range s.Totals {
			spans[i].totals[n] = time.Duration(d) * time.Second
		}
	}
	t.spans = spans
	return nil
}

// savedSpans reads both forms of the spans of a timeline.
func savedSpans(data []byte) (saved []savedSpan, err error) {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[{")) {
		return saved, json.Unmarshal(data, &saved)
	}
	var rows [][]int64
	if err := json.Unmarshal(data, &rows); err != nil {
		return nil, err
	}
	end := int64(0)
	for _, row := range rows {
		if len(row) != 3 && len(row) != 2+int(states) || len(row) == 3 && (row[2] < 0 || row[2] >= int64(states)) {
			return nil, fmt.Errorf("%v is no span of a timeline", row)
		}
		s := savedSpan{From: end + row[0]}
		s.To = s.From + row[1]
		end = s.To
		if len(row) == 3 {
			s.Totals[row[2]] = row[1]
		} else {
			copy(s.Totals[:], row[2:])
		}
		saved = append(saved, s)
	}
	return saved, nil
}

// Begin returns the first time that is known; zero if the timeline is empty.
func (t *Timeline) Begin() time.Time {
	if len(t.spans) == 0 {
		return time.Time{}
	}
	return t.spans[0].from
}

// Clone returns a copy that shares nothing.
func (t *Timeline) Clone() Timeline { return Timeline{slices.Clone(t.spans)} }

// order is how states of several timelines are taken together: what stands first wins.
var order = []State{Excluded, Bad, Unjudged, Good}

// Combine returns timelines as one. At each time the state that stands first of excluded,
// bad, not judged and good holds. A timeline does not count where it knows nothing.
func Combine(lines ...*Timeline) *Timeline {
	if len(lines) == 1 {
		return lines[0]
	}
	var ends []time.Time
	for _, l := range lines {
		for _, s := range l.spans {
			ends = append(ends, s.from, s.to)
		}
	}
	slices.SortFunc(ends, time.Time.Compare)
	ends = slices.CompactFunc(ends, time.Time.Equal)
	var out []span
	next := make([]int, len(lines)) // the first span of each line that may still count
	for i := 1; i < len(ends); i++ {
		var pieces []span
		for n, l := range lines {
			for next[n] < len(l.spans) && !l.spans[next[n]].to.After(ends[i-1]) {
				next[n]++
			}
			if next[n] < len(l.spans) {
				if piece, ok := l.spans[next[n]].cut(ends[i-1], ends[i]); ok {
					pieces = append(pieces, piece)
				}
			}
		}
		if len(pieces) > 0 {
			out = append(out, worst(pieces))
		}
	}
	return &Timeline{joined(out)}
}

// worst returns the one of several spans of one time that counts. Of merged spans it is
// the one with most of the state that stands first.
func worst(pieces []span) span {
	for _, s := range order {
		most := slices.MaxFunc(pieces, func(a, b span) int { return cmp.Compare(a.totals[s], b.totals[s]) })
		if most.totals[s] > 0 {
			return most
		}
	}
	return pieces[0]
}
