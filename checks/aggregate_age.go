package checks

import (
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/warehouse"
)

const (
	askAge       = "age" // prefix of the questions about values that are no times
	askZeroDates = "zero dates"
)

// ages asks for the first or last time of a column.
func (c *AggregateCheck) ages(t Target, column *warehouse.Column) ([]Ask, error) {
	s, err := t.timeSource(t.Known.Relation, column.Name, nil, false)
	if err != nil {
		return nil, err
	}
	ask := func(key, function string, which Values) Ask {
		return Ask{Key: key, Aggregate: &Aggregate{Func: function, Time: s, Values: which}}
	}
	asks := []Ask{ask(askValue, string(c.Function), AllValues)}
	if s.Mixed {
		asks = []Ask{ask(askValue, string(c.Function), ZonedValues), ask(askValue+askWall, string(c.Function), WallValues)}
	}
	if s.Partial {
		asks = append(asks, ask(askAge+askPartial, "count", PartialValues))
	}
	if _, can := t.Known.Dialect.(warehouse.ZeroDates); can {
		asks = append(
			asks,
			Ask{Key: askZeroDates, Aggregate: &Aggregate{Func: "count", Bad: warehouse.ZeroDate{Column: *column}}},
		)
	}
	return append(asks, unreadableAsks(askAge, s, "", nil)...), nil
}

// age returns the age in days of the first or last time; absent if there is none. It is
// infinite if the time is.
func (c *AggregateCheck) age(t Target, a Answers) (sentinel.Number, error) {
	s, err := t.timeSource(t.Known.Relation, c.Column, nil, false)
	if err != nil {
		return sentinel.Number{}, err
	}
	if err := unreadableError(askAge, s, a); err != nil {
		return sentinel.Number{}, err
	}
	if err := partialError(askAge, s, a); err != nil {
		return sentinel.Number{}, err
	}
	if n, _ := a.of(askZeroDates).Number.Int64(); n > 0 {
		return sentinel.Number{}, fmt.Errorf(
			"column %s has %s dates 0000-00-00, which have no age: leave them out by `where:`",
			c.Column,
			groupDigits(sentinel.Int(n)),
		)
	}
	best := sentinel.Number{}
	for _, key := range []string{askValue, askValue + askWall} {
		got := a.of(key)
		if got.Number.Absent() {
			continue
		}
		n := daysBefore(got, s, s.Wall || key != askValue, t.zone())
		if order := n.Cmp(best); best.Absent() || (order > 0) == (c.Function == "min") {
			best = n
		}
	}
	return best, nil
}

// daysBefore returns how many days before the answer a time is. Dates are counted by the
// calendar of the zone, other times by the hours that passed. Of two times that a clock showed
// alike it is the earlier one.
func daysBefore(got Answer, s TimeSource, wall bool, zone *time.Location) sentinel.Number {
	if !got.Number.Finite() {
		return sentinel.Float(-got.Number.Float64())
	}
	at, now := seconds(got.Number), got.AsOf
	const day = 24 * 60 * 60
	if s.Dates {
		today := schedule.AsWall(now.In(zone)).Truncate(24 * time.Hour)
		return sentinel.Int((today.Unix() - at.Unix()) / day)
	}
	if wall {
		at, _, _ = instantsOf(at, zone)
	}
	past := float64(now.Unix()-at.Unix()) + float64(now.Nanosecond()-at.Nanosecond())/1e9
	return sentinel.Float(past / day)
}
