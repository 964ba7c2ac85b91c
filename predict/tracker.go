package predict

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Period is what one deadline asks for: a row newer than Since by Deadline.
type Period struct {
	Deadline time.Time
	Since    time.Time // rows up to here do not count
}

// Tracker follows one dataset from load to load: it finds out what became of
// each period, teaches the model, and tells the risk of the open one. It is
// not safe for concurrent use.
type Tracker struct {
	Model *Model
	// Next returns the first period whose deadline is after a time, given the
	// newest row then; a zero Deadline means that there is none.
	Next func(after, newest time.Time) Period

	open     Period
	context  Context   // as last seen before the arrival and the deadline
	looked   time.Time // of the last look
	newest   time.Time // row at the last look
	warned   time.Time
	volume   sentinel.Number
	lastLate bool
}

// Learned is a period that came to its end.
type Learned struct {
	Period  Period
	Outcome Outcome
}

// Observe takes in the newest row as seen at now. c is what is known besides:
// Deadline may be left zero. It returns the periods that ended by it.
func (t *Tracker) Observe(now, newest time.Time, c Context) (ended []Learned) {
	if t.open.Deadline.IsZero() {
		t.begin(now, newest)
	}
	for !t.open.Deadline.IsZero() {
		following := t.Next(t.open.Deadline, newest)
		passed := following.Deadline.After(t.open.Deadline) && !now.Before(following.Deadline)
		came := newest.After(t.open.Since) && newest.After(t.newest)
		switch {
		case came && passed: // nobody looked for more than a period: whose load this is cannot be told
			t.lastLate = false
			t.begin(now, newest)
		case came && following.Deadline.After(t.open.Deadline) && t.arrival(now,
			newest).After(middle(t.open.Deadline, following.Deadline)):
			ended = append(ended, t.end(time.Time{})) // too late to be this one's: it is the next one's
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
	t.looked, t.newest = now, maxTime(newest, t.newest)
	return ended
}

// begin opens the period after one that has ended. What a late load brought
// does not count for the period after it: loads of one run come close together.
func (t *Tracker) begin(after, newest time.Time) {
	last := t.open
	t.open = t.Next(after, newest)
	if t.lastLate && !last.Deadline.IsZero() && !t.open.Since.After(last.Deadline) {
		t.open.Since = maxTime(t.open.Since, middle(last.Deadline, t.open.Deadline))
	}
	t.context = Context{Deadline: t.open.Deadline}
	t.warned = time.Time{}
}

// arrival is when the row seen now came: its own time if that lies between the
// looks, else now. Times of events lie far before their load.
func (t *Tracker) arrival(now, newest time.Time) time.Time {
	if newest.After(now) || !t.looked.IsZero() && newest.Before(t.looked) {
		return now
	}
	return newest
}

func (t *Tracker) end(arrival time.Time) Learned {
	o := Outcome{Arrival: arrival, Volume: t.volume, Warned: t.warned}
	t.context.Deadline = t.open.Deadline
	t.Model.Learn(t.context, o)
	t.lastLate = o.Missed(t.open.Deadline)
	t.volume = sentinel.Number{}
	return Learned{t.open, o}
}

// Volume tells how many rows the load under way has brought.
func (t *Tracker) Volume(n sentinel.Number) { t.volume = n }

// Warned tells that an early warning of the open period was raised.
func (t *Tracker) Warned(at time.Time) { t.warned = at }

// Open returns the period that is waited for; its deadline is zero when none is.
func (t *Tracker) Open() Period { return t.open }

// Context is what was last known of the open period.
func (t *Tracker) Context() Context {
	c := t.context
	c.Deadline = t.open.Deadline
	return c
}

// Risk is the risk of the open period; ok is false when none is open. The
// caller fills in Table.
func (t *Tracker) Risk(now time.Time) (r sentinel.Risk, ok bool) {
	if t.open.Deadline.IsZero() {
		return r, false
	}
	return t.Model.Risk(t.Context(), now), true
}

// Late is how far the open period is past its deadline.
func (t *Tracker) Late(now time.Time) time.Duration {
	if t.open.Deadline.IsZero() {
		return 0
	}
	return max(0, now.Sub(t.open.Deadline))
}

type savedTracker struct {
	Model                  []byte
	Open                   Period
	Context                Context
	Looked, Newest, Warned time.Time
	LastLate               bool
}

// MarshalBinary writes the tracker down, without Next.
func (t *Tracker) MarshalBinary() ([]byte, error) {
	model, err := t.Model.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return json.Marshal(savedTracker{model, t.open, t.context, t.looked, t.newest, t.warned, t.lastLate})
}

// UnmarshalBinary reads what MarshalBinary wrote. The tracker is usable also
// after an error, from the pooled prior.
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
	t.looked = s.Looked
	t.newest = s.Newest
	t.warned = s.Warned
	t.lastLate = s.LastLate
	return err
}

func middle(a, b time.Time) time.Time { return a.Add(b.Sub(a) / 2) }

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
