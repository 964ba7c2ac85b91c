package predict

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Period is the requirement of one deadline: a row newer than Since must exist by
// Deadline.
type Period struct {
	Deadline time.Time
	Since    time.Time // rows up to this time do not count
}

// Tracker follows one dataset from load to load. It determines the outcome of each
// period, teaches the model, and returns the risk of the open period. It is not safe
// for concurrent use.
type Tracker struct {
	Model *Model
	// Next returns the first period whose deadline is after a time, given the time of the newest row. A zero
	// Deadline means that there is none.
	Next func(after, newest time.Time) Period

	open     Period
	context  Context         // last context before the arrival and the deadline
	observed time.Time       // time of the last observation
	newest   time.Time       // newest row at the last observation
	warned   time.Time       // when an early warning was raised
	volume   sentinel.Number // rows of the present load
	lastLate bool            // the last period ended with an arrival after its deadline, or with none
}

// Ended is a period with its outcome.
type Ended struct {
	Period  Period
	Outcome Outcome
}

// Observe takes the time of the newest row, as read at now. c holds what else is known;
// its Deadline is ignored. Observe returns the periods that have ended.
func (t *Tracker) Observe(now, newest time.Time, c Context) (ended []Ended) {
	if t.open.Deadline.IsZero() {
		t.begin(now, newest)
	}
	for !t.open.Deadline.IsZero() {
		following := t.Next(t.open.Deadline, newest)
		passed := following.Deadline.After(t.open.Deadline) && !now.Before(following.Deadline)
		came := newest.After(t.open.Since) && newest.After(t.newest)
		switch {
		case came && passed: // no observation for more than a period: the load may belong to either
			t.lastLate = false
			t.begin(now, newest)
		case came && following.Deadline.After(t.open.Deadline) &&
			t.arrival(now, newest).After(t.turn(t.open, following)):
			ended = append(ended, t.end(time.Time{})) // the load belongs to the next period
			t.lastLate = false
			t.begin(t.open.Deadline, newest)
			continue
		case came:
			ended = append(ended, t.end(t.arrival(now, newest)))
			t.begin(maxTime(t.open.Deadline, now.Add(-1)), newest)
		case passed:
			ended = append(ended, t.end(time.Time{}))
			t.lastLate = false
			t.begin(t.open.Deadline, newest)
			continue
		}
		break
	}
	if !now.After(t.open.Deadline) {
		c.Deadline = t.open.Deadline
		t.context = c
	}
	t.observed = now
	t.newest = maxTime(newest, t.newest)
	return ended
}

// begin opens the next period after a time. Rows that belong to a late load of the
// last period do not count for the new one.
func (t *Tracker) begin(after, newest time.Time) {
	last := t.open
	t.open = t.Next(after, newest)
	if t.lastLate && !last.Deadline.IsZero() && !t.open.Since.After(last.Deadline) {
		t.open.Since = maxTime(t.open.Since, t.turn(last, t.open))
	}
	t.context = Context{Deadline: t.open.Deadline}
	t.warned = time.Time{}
}

// turn returns the time from which on a load belongs to the next period and no longer to one
// that missed its deadline: halfway between the deadlines. It is earlier if loads usually come
// long before their deadline, and a load that comes later than that is three times as far from
// when the missing one usually comes as from when the next one does. Otherwise an hourly load
// that is missing once would make a late one of each that follows in time.
func (t *Tracker) turn(missed, next Period) time.Time {
	between := next.Deadline.Sub(missed.Deadline)
	turn := missed.Deadline.Add(between / 2)
	if next.Since.After(missed.Deadline) { // the rows say themselves which period they are of
		return turn
	}
	usual, known := t.Model.usual()
	if !known && !t.newest.IsZero() { // then as the newest row of before
		usual = -(missed.Deadline.Sub(t.newest) % between)
	}
	return maxTime(missed.Deadline, minTime(turn, missed.Deadline.Add(usual+between*3/4)))
}

// arrival returns when the newest row arrived: its own time if that lies between the
// last two observations, else now. The time of an event may lie long before its load.
func (t *Tracker) arrival(now, newest time.Time) time.Time {
	if newest.After(now) || !t.observed.IsZero() && newest.Before(t.observed) {
		return now
	}
	return newest
}

// end closes the open period, and teaches its outcome to the model.
func (t *Tracker) end(arrival time.Time) Ended {
	o := Outcome{Arrival: arrival, Volume: t.volume, Warned: t.warned}
	t.context.Deadline = t.open.Deadline
	t.Model.Learn(t.context, o)
	t.lastLate = o.Missed(t.open.Deadline)
	t.volume = sentinel.Number{}
	return Ended{t.open, o}
}

// Volume sets the number of rows of the present load.
func (t *Tracker) Volume(n sentinel.Number) { t.volume = n }

// Warned says that an early warning of the open period was raised. One that comes at the
// deadline or later is no early warning and does not count.
func (t *Tracker) Warned(at time.Time) {
	if at.Before(t.open.Deadline) {
		t.warned = at
	}
}

// Withdrawn says that the early warning of the open period was taken back. It then does
// not count, unless the deadline has passed.
func (t *Tracker) Withdrawn(at time.Time) {
	if at.Before(t.open.Deadline) {
		t.warned = time.Time{}
	}
}

// Open returns the open period. Its deadline is zero if there is none.
func (t *Tracker) Open() Period { return t.open }

// Observed returns the time of the last observation; zero if there was none.
func (t *Tracker) Observed() time.Time { return t.observed }

// Context returns the last context of the open period.
func (t *Tracker) Context() Context {
	c := t.context
	c.Deadline = t.open.Deadline
	return c
}

// Risk returns the risk of the open period; ok is false if none is open. After the deadline
// it is that of the deadline until an observation says whether rows have come in time. The
// caller sets Table.
func (t *Tracker) Risk(now time.Time) (r sentinel.Risk, ok bool) {
	if t.open.Deadline.IsZero() {
		return r, false
	}
	known := now
	if now.After(t.open.Deadline) && t.observed.Before(t.open.Deadline) {
		known = t.open.Deadline
	}
	r = t.Model.Risk(t.Context(), known)
	r.Left = r.Deadline.Sub(now)
	return r, true
}

// Late returns the time since the deadline of the open period; 0 before the deadline.
func (t *Tracker) Late(now time.Time) time.Duration {
	if t.open.Deadline.IsZero() {
		return 0
	}
	return max(0, now.Sub(t.open.Deadline))
}

// savedTracker is the encoded form of a Tracker. Its fields keep their names, because
// states hold them.
type savedTracker struct {
	Model    []byte
	Open     Period
	Context  Context
	Observed time.Time `json:"Looked"`
	Newest   time.Time
	Warned   time.Time
	LastLate bool
}

// MarshalBinary encodes the tracker without Next.
func (t *Tracker) MarshalBinary() ([]byte, error) {
	model, err := t.Model.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return json.Marshal(savedTracker{model, t.open, t.context, t.observed, t.newest, t.warned, t.lastLate})
}

// UnmarshalBinary decodes what [Tracker.MarshalBinary] returned. After an error the
// tracker starts from the pooled prior.
func (t *Tracker) UnmarshalBinary(data []byte) error {
	var s savedTracker
	if err := json.Unmarshal(data, &s); err != nil {
		t.Model = New(DefaultPrior())
		return &StateError{Reason: fmt.Sprintf("not a tracker's state: %v", err)}
	}
	var err error
	t.Model, err = Restore(DefaultPrior(), s.Model)
	t.open = s.Open
	t.context = s.Context
	t.observed = s.Observed
	t.newest = s.Newest
	t.warned = s.Warned
	t.lastLate = s.LastLate
	return err
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
