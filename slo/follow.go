package slo

import (
	"slices"
	"time"
)

// Follower follows one indicator from look to look. Its exported fields are what a state
// holds. The zero value knows nothing.
type Follower struct {
	Line  Timeline  `json:"line"`  // what is known up to From
	State State     `json:"state"` // since From
	From  time.Time `json:"from"`
}

// Mark says that a state holds from a time on. It reports whether it is another one than
// before.
func (f *Follower) Mark(at time.Time, s State) (changed bool) {
	at = at.UTC().Truncate(time.Second)
	switch {
	case f.From.IsZero():
		f.State, f.From = s, at
		return true
	case s == f.State:
		return false
	}
	f.flush(at)
	f.State = s
	return true
}

// flush moves what is known to the timeline.
func (f *Follower) flush(at time.Time) {
	if at.After(f.From) {
		f.Line.Set(f.From, at, f.State)
		f.From = at
	}
}

// Late corrects what was recorded: rows that were due at a deadline came at arrival, or
// had not come at now, where arrival is zero. It reports whether that is new.
func (f *Follower) Late(deadline, arrival, now time.Time) (changed bool) {
	now = now.UTC().Truncate(time.Second)
	f.flush(now)
	if begin := f.Line.Begin(); begin.IsZero() || deadline.Before(begin) {
		deadline = begin // nothing is said of the time before the first look
	}
	end := now
	if !arrival.IsZero() && arrival.Before(now) {
		end = arrival
	}
	if deadline.IsZero() || !deadline.Before(now) {
		return false
	}
	before := f.Line.Sum(deadline, now, nil)
	f.Line.Set(deadline, end, Bad)
	f.Line.Set(end, now, Good)
	return f.Line.Sum(deadline, now, nil) != before
}

// Clone returns a copy that shares nothing.
func (f *Follower) Clone() Follower {
	return Follower{Line: f.Line.Clone(), State: f.State, From: f.From}
}

// At returns the timeline up to a time.
func (f *Follower) At(now time.Time) *Timeline {
	line := f.Line.Clone()
	if !f.From.IsZero() {
		line.Set(f.From, now, f.State)
	}
	return &line
}

// Excluded returns the excluded time up to a time. Other time is unknown in it.
func (f *Follower) Excluded(now time.Time) *Timeline {
	line := f.At(now)
	line.spans = slices.DeleteFunc(line.spans, func(s span) bool { return s.totals[Excluded] == 0 })
	return line
}

// Forget removes what lies before a time.
func (f *Follower) Forget(before time.Time) { f.Line.Forget(before) }
