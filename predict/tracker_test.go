package predict_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/predict"
)

// daily has a deadline every day at six.
func daily(after, _ time.Time) predict.Period {
	d := time.Date(after.Year(), after.Month(), after.Day(), 6, 0, 0, 0, time.UTC)
	if !d.After(after) {
		d = d.AddDate(0, 0, 1)
	}
	return predict.Period{Deadline: d, Since: d.AddDate(0, 0, -1)}
}

func tracker(next func(after, newest time.Time) predict.Period) *predict.Tracker {
	return &predict.Tracker{Model: predict.New(predict.DefaultPrior()), Next: next}
}

// observe observes every ten minutes between two times. loads are the times of rows in
// ascending order.
func observe(t *predict.Tracker, from, to time.Time, loads ...time.Time) (ended []predict.Ended) {
	var newest time.Time
	for now := from; now.Before(to); now = now.Add(10 * time.Minute) {
		for _, l := range loads {
			if !l.After(now) {
				newest = l
			}
		}
		ended = append(ended, t.Observe(now, newest, predict.Context{})...)
	}
	return ended
}

func at(day, hour, minute int) time.Time {
	return time.Date(2025, 3, day, hour, minute, 0, 0, time.UTC)
}

func TestTrackerReportsEachOutcome(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from, to time.Time
		loads    []time.Time
		want     []predict.Outcome
	}{
		"on time every day": {at(3, 0, 0), at(5, 12, 0), []time.Time{at(3, 5, 5), at(4, 5, 15), at(5, 5, 25)},
			[]predict.Outcome{{Arrival: at(3, 5, 5)}, {Arrival: at(4, 5, 15)}, {Arrival: at(5, 5, 25)}}},
		"late, in two parts: the second is not the next day's": {at(3, 0, 0), at(4, 12, 0), []time.Time{
			at(3, 7, 5), at(3, 7, 35), at(4, 5, 5),
		},
			[]predict.Outcome{{Arrival: at(3, 7, 5)}, {Arrival: at(4, 5, 5)}}},
		"a day without a load": {at(3, 0, 0), at(5, 12, 0), []time.Time{at(3, 5, 5), at(5, 5, 5)},
			[]predict.Outcome{{Arrival: at(3, 5, 5)}, {}, {Arrival: at(5, 5, 5)}}},
		"rows stamped hours before they are loaded arrive when they are seen": {at(3, 0, 0), at(3, 12, 0), nil, nil},
		"nothing ever": {at(3, 0, 0), at(5, 6, 1), nil, []predict.Outcome{{}, {}}},
	} {
		ended := observe(tracker(daily), c.from, c.to, c.loads...)
		if len(ended) != len(c.want) {
			t.Errorf("%s: %d periods ended, want %d: %+v", name, len(ended), len(c.want), ended)
			continue
		}
		for i, e := range ended {
			if !e.Outcome.Arrival.Equal(c.want[i].Arrival) {
				t.Errorf("%s: period of %s arrived %s, want %s", name, e.Period.Deadline, e.Outcome.Arrival, c.want[i].Arrival)
			}
		}
	}
}

// TestTheNextLoadIsNotTheMissingOne: a load that is missing once makes no later one late that
// comes when it usually does. One that does come late is late.
func TestTheNextLoadIsNotTheMissingOne(t *testing.T) {
	t.Parallel()
	hourly := func(after, _ time.Time) predict.Period {
		d := after.Truncate(time.Hour).Add(time.Hour)
		return predict.Period{Deadline: d, Since: d.Add(-time.Hour)}
	}
	for name, c := range map[string]struct {
		minute func(hour int) int // after the hour; negative: no load
		missed []int              // hours
	}{
		"well before the deadline": {func(h int) int { return []int{20, -1}[one(h == 5)] }, []int{5}},
		"two are missing":          {func(h int) int { return []int{20, -1}[one(h == 5 || h == 6)] }, []int{5, 6}},
		"from the start":           {func(h int) int { return []int{20, -1}[one(h == 1)] }, []int{1}},
		"at other times":           {func(h int) int { return []int{10 + h*7%23, -1}[one(h == 5 || h == 9)] }, []int{5, 9}},
		"shortly before":           {func(h int) int { return []int{50, -1}[one(h == 5)] }, []int{5}},
		"ever later":               {func(h int) int { return []int{5 + 2*h, -1}[one(h == 3 || h == 7)] }, []int{3, 7}},
		"once close to it":         {func(h int) int { return []int{3, 58}[one(h == 5)] }, nil},
		"late by some minutes":     {func(h int) int { return []int{55, 63}[one(h == 5)] }, []int{5}},
	} {
		var loads []time.Time
		for h := range 20 {
			if m := c.minute(h); m >= 0 {
				loads = append(loads, at(3, h, m))
			}
		}
		var missed []int
		for _, e := range observe(tracker(hourly), at(3, 1, 10), at(3, 19, 59), loads...) {
			if e.Outcome.Missed(e.Period.Deadline) {
				missed = append(missed, e.Period.Since.Hour())
			}
		}
		if !slices.Equal(missed, c.missed) {
			t.Errorf("%s: the loads of the hours %v were missed, want %v", name, missed, c.missed)
		}
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestTrackerWithOldTimestamps(t *testing.T) {
	t.Parallel()
	tr := tracker(daily)
	tr.Observe(at(3, 4, 0), at(2, 1, 0), predict.Context{})
	ended := tr.Observe(at(3, 4, 10), at(2, 23, 59), predict.Context{})
	if len(ended) != 1 || !ended[0].Outcome.Arrival.Equal(at(3, 4, 10)) {
		t.Errorf("%+v", ended)
	}
}

func TestTrackerSkipsPeriodsItDidNotObserve(t *testing.T) {
	t.Parallel()
	tr := tracker(daily)
	observe(tr, at(3, 0, 0), at(3, 12, 0), at(3, 5, 5))
	if ended := tr.Observe(at(6, 12, 0), at(6, 5, 5), predict.Context{}); len(ended) != 0 {
		t.Errorf("down for three days: %+v", ended)
	}
	if got := tr.Open().Deadline; !got.Equal(at(7, 6, 0)) {
		t.Errorf("waits for %s", got)
	}
}

// Only a warning that comes before the deadline, and that nobody takes back before it,
// counts. So no lead is negative.
func TestAWarningCountsOnlyBeforeTheDeadline(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		warn func(*predict.Tracker)
		lead time.Duration // 0: not warned
	}{
		"before":                 {func(tr *predict.Tracker) { tr.Warned(at(3, 5, 40)) }, 20 * time.Minute},
		"a second before":        {func(tr *predict.Tracker) { tr.Warned(at(3, 6, 0).Add(-time.Second)) }, time.Second},
		"at the deadline":        {func(tr *predict.Tracker) { tr.Warned(at(3, 6, 0)) }, 0},
		"after the deadline":     {func(tr *predict.Tracker) { tr.Warned(at(3, 6, 1)) }, 0},
		"taken back":             {func(tr *predict.Tracker) { tr.Warned(at(3, 5, 10)); tr.Withdrawn(at(3, 5, 50)) }, 0},
		"ended by the late rows": {func(tr *predict.Tracker) { tr.Warned(at(3, 5, 40)); tr.Withdrawn(at(3, 6, 20)) }, 20 * time.Minute},
		"before and again after": {func(tr *predict.Tracker) { tr.Warned(at(3, 5, 40)); tr.Warned(at(3, 6, 5)) }, 20 * time.Minute},
	} {
		tr := tracker(daily)
		tr.Observe(at(3, 0, 0), at(2, 5, 0), predict.Context{})
		c.warn(tr)
		if ended := tr.Observe(at(3, 6, 30), at(3, 6, 25), predict.Context{}); len(ended) != 1 {
			t.Fatalf("%s: %+v", name, ended)
		}
		r := tr.Model.Report()
		if warned := c.lead > 0; r.Misses != 1 || (r.Warned == 1) != warned || r.Lead != c.lead {
			t.Errorf("%s: warned of %d of %d, lead %s, want %s", name, r.Warned, r.Misses, r.Lead, c.lead)
		}
	}
}

// A model that is taught a late warning, also from an older state, does not count it.
func TestALateWarningIsNotLearned(t *testing.T) {
	t.Parallel()
	m := predict.New(predict.DefaultPrior())
	for day, late := range []time.Duration{0, time.Millisecond, time.Hour} {
		deadline := at(3+day, 6, 0)
		c := predict.Context{Deadline: deadline}
		m.Learn(c, predict.Outcome{Arrival: at(3+day, 9, 0), Warned: deadline.Add(late)})
	}
	if r := m.Report(); r.Misses != 3 || r.Warned != 0 || r.Lead != 0 {
		t.Errorf("%+v", r)
	}
}

func TestTrackerWithMaximumAge(t *testing.T) {
	t.Parallel()
	tr := tracker(func(_, newest time.Time) predict.Period {
		return predict.Period{Deadline: newest.Add(2 * time.Hour), Since: newest}
	})
	ended := observe(tr, at(3, 0, 0), at(3, 6, 0), at(2, 23, 55), at(3, 0, 55), at(3, 3, 25), at(3, 3, 55))
	late := 0
	for _, e := range ended {
		if e.Outcome.Missed(e.Period.Deadline) {
			late++
		}
	}
	if len(ended) != 3 || late != 1 {
		t.Errorf("%d loads, %d late: %+v", len(ended), late, ended)
	}
}

func TestTrackerStateRoundTrip(t *testing.T) {
	t.Parallel()
	a := tracker(daily)
	observe(a, at(3, 0, 0), at(5, 5, 0), at(3, 5, 5), at(4, 5, 15))
	a.Warned(at(5, 4, 0))
	data, err := a.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	b := tracker(daily)
	if err := b.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	want, ok := a.Risk(at(5, 5, 30))
	got, _ := b.Risk(at(5, 5, 30))
	if !ok || got.Probability != want.Probability || !got.Deadline.Equal(at(5, 6, 0)) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if e := b.Observe(at(5, 7, 0), at(5, 6, 30), predict.Context{}); len(e) != 1 ||
		!e[0].Outcome.Warned.Equal(at(5, 4, 0)) {
		t.Errorf("%+v", e)
	}
	var damaged *predict.StateError
	if err := b.UnmarshalBinary([]byte("{")); !errors.As(err, &damaged) || b.Model == nil {
		t.Errorf("a damaged state: %v", err)
	}
	if b.Volume(sentinel.Int(5)); b.Model.DayAhead(predict.Context{Deadline: at(9, 6, 0)}) <= 0 {
		t.Error("not usable after a damaged state")
	}
}
