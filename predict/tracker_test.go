package predict_test

import (
	"errors"
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
