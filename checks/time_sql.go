package checks

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// unitsPerSecond are the numbers of units in a second.
var unitsPerSecond = map[string]int64{"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}

// value writes the value as it is stored.
func (s TimeSource) value(d warehouse.Dialect) (string, error) {
	if s.Expression != "" {
		return filterText(s.Expression), nil
	}
	return d.Quote(s.Column)
}

// epoch writes the Unix seconds of a value. Times without a zone are read as UTC.
func (s TimeSource) epoch(d warehouse.Dialect, value string) (string, error) {
	if s.Unit != "" {
		if v, ok := d.(warehouse.ValueTimes); ok {
			value = "CASE WHEN " + v.IsNumber(value) + " THEN " + value + " END"
		}
		if per := unitsPerSecond[s.Unit]; per > 1 {
			return fmt.Sprintf("(%s) / %d.0", value, per), nil
		}
		return "(" + value + ")", nil
	}
	if s.Format != "" {
		f, err := warehouse.ParseTimeFormat(s.Format)
		reader, ok := d.(warehouse.FormatReader)
		if err == nil && !ok {
			err = fmt.Errorf("%s cannot read a format", d.Name())
		}
		if err != nil {
			return "", err
		}
		return "(" + reader.ReadFormat(value, f) + ")", nil
	}
	if e, ok := d.(warehouse.ExpressionTimes); ok && s.Expression != "" {
		return e.EpochOfExpression(value), nil
	}
	if v, ok := d.(warehouse.ValueTimes); ok && s.NeedsHour {
		return "CASE WHEN NOT " + v.WithoutHour(value) + " THEN " + d.Epoch(value) + " END", nil
	}
	return d.Epoch(value), nil
}

// values writes what an aggregate takes: a value, the condition for it ("": all), and
// what becomes of the aggregate.
func (s TimeSource) values(
	d warehouse.Dialect, function string, which Values,
) (value, condition string, wrap func(string) string, err error) {
	same := func(aggregate string) string { return aggregate }
	if value, err = s.value(d); err != nil {
		return "", "", same, err
	}
	partial, _ := d.(warehouse.PartialDates)
	switch {
	case which == PresentValues:
		return value, "", same, nil
	case which == PartialValues && function == "count":
		return "1", partial.IsPartial(value), same, nil
	case which == PartialValues:
		newest := func(aggregate string) string {
			return "CASE WHEN " + partial.IsPartial(aggregate) + " THEN 1 ELSE 0 END"
		}
		return value, "", newest, nil
	case function != "count" && s.raw() && (s.Unit != "" || s.Format != ""):
		return value, "", same, nil // decoded by instant
	case function != "count" && s.raw():
		return value, "", d.Epoch, nil
	}
	epoch, err := s.epoch(d, value)
	if err != nil {
		return "", "", same, err
	}
	v, _ := d.(warehouse.ValueTimes)
	switch {
	case which == UnreadableValues:
		return "1", value + " IS NOT NULL AND " + epoch + " IS NULL", same, nil
	case which == WallValues && v != nil:
		condition = s.withoutZone(v, value)
	case which == ZonedValues && v != nil:
		condition = "NOT " + s.withoutZone(v, value)
	}
	return epoch, condition, same, nil
}

// instant converts the answer of max or min to Unix seconds.
func (s TimeSource) instant(n sentinel.Number) (sentinel.Number, error) {
	switch {
	case n.Absent() || !s.set() || !s.raw() || s.Unit == "" && s.Format == "":
		return n, nil
	case math.IsNaN(n.Float64()):
		return n, fmt.Errorf("a value of %s is NaN", s.name())
	case s.Unit != "":
		seconds := n.Float64() / float64(unitsPerSecond[s.Unit])
		if seconds > lastSecond {
			seconds = math.Inf(1)
		}
		return sentinel.Float(seconds), nil
	}
	f, err := warehouse.ParseTimeFormat(s.Format)
	if err != nil {
		return n, err
	}
	whole, ok := n.Int64()
	if v := n.Float64(); !ok && v == math.Trunc(v) && math.Abs(v) < 1<<53 {
		whole, ok = int64(v), true
	}
	at, err := f.FromNumber(whole)
	if err != nil || !ok {
		return n, fmt.Errorf("%s has the value %s, which is no time in the format %s", s.name(), n, s.Format)
	}
	return sentinel.Int(at.Unix()), nil
}

// firstSecond is in 1973. Smaller numbers, such as 20261129, are not seconds since 1970.
const firstSecond = 100000000

// lastSecond is the end of the year 9999. Later times come from a wrong unit, or mean
// "never".
const lastSecond = 253402300799

// conditions writes the window with bound parameters.
func (w Window) conditions(d warehouse.Dialect, args *[]any) ([]string, error) {
	if !w.Time.set() {
		return nil, nil
	}
	value, err := w.Time.value(d)
	if err != nil {
		return nil, err
	}
	v, byValue := d.(warehouse.ValueTimes)
	mixed := w.Time.Mixed && byValue
	if !mixed && !w.Time.Wall {
		return w.Time.between(d, value, schedule.Range{From: w.From, To: w.To}, args)
	}
	walls, err := w.walls(d, value, args)
	if err != nil || !mixed || len(walls) == 0 {
		return walls, err
	}
	if w.InGaps {
		return append(walls, w.Time.withoutZone(v, value)), nil
	}
	// Each value is compared with the bounds of its kind. A zone differs from UTC by less
	// than a day, but a table with values of both kinds is rare.
	zoned, err := w.Time.between(d, value, schedule.Range{From: w.From, To: w.To}, args)
	if err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("CASE WHEN %s THEN %s ELSE %s END", w.Time.withoutZone(v, value),
		strings.Join(walls, " AND "), strings.Join(zoned, " AND "))}, nil
}

// walls writes the window for values without a zone.
func (w Window) walls(d warehouse.Dialect, value string, args *[]any) ([]string, error) {
	out, err := w.Time.between(d, value, schedule.Range{From: w.FromWall, To: w.ToWall}, args)
	if err != nil || len(w.Gaps) == 0 {
		return out, err
	}
	in := make([]string, len(w.Gaps))
	for i, g := range w.Gaps {
		gap, err := w.Time.between(d, value, g, args)
		if err != nil {
			return nil, err
		}
		in[i] = "(" + strings.Join(gap, " AND ") + ")"
	}
	gaps := "(" + strings.Join(in, " OR ") + ")"
	if !w.InGaps {
		gaps = "NOT " + gaps
	}
	return append(out, gaps), nil
}

// between compares the value with the bounds of a range. A zero bound is open.
func (s TimeSource) between(
	d warehouse.Dialect, value string, bounds schedule.Range, args *[]any,
) (out []string, err error) {
	first := ">="
	if bounds.After {
		first = ">"
	}
	for i, op := range []string{first, "<"} {
		at := []time.Time{bounds.From, bounds.To}[i]
		if at.IsZero() {
			continue
		}
		expr, arg, err := s.comparable(d, value, at)
		if err != nil {
			return nil, err
		}
		*args = append(*args, arg)
		out = append(out, expr+" "+op+" "+d.Param(len(*args)))
	}
	return out, nil
}

// comparable returns how a statement compares the value with a bound.
func (s TimeSource) comparable(d warehouse.Dialect, value string, at time.Time) (expr string, arg any, err error) {
	switch {
	case s.raw() && s.Unit != "":
		arg, err = inUnit(at, unitsPerSecond[s.Unit])
		return value, arg, err
	case s.raw() && s.Format != "":
		f, err := warehouse.ParseTimeFormat(s.Format)
		if err != nil {
			return "", nil, err
		}
		number, err := f.Number(at)
		return value, number, err
	case s.raw():
		expr, arg = warehouse.Comparable(d, value, at)
		return expr, arg, nil
	}
	expr, err = s.epoch(d, value)
	return expr, float64(at.UnixMicro()) / 1e6, err
}

// inUnit converts an instant to a whole number of units since 1970, rounded up, so that
// comparisons by >= and < stay right.
func inUnit(at time.Time, perSecond int64) (int64, error) {
	nanoseconds := int64(time.Second) / perSecond // of a unit
	part := (int64(at.Nanosecond()) + nanoseconds - 1) / nanoseconds
	seconds := at.Unix()
	if seconds > math.MaxInt64/perSecond-1 || seconds < math.MinInt64/perSecond+1 {
		return 0, errors.New("a bound lies outside of what the unit can express")
	}
	return seconds*perSecond + part, nil
}

// step writes the number of the step of time that the value lies in. In a source with both
// kinds of values the number is doubled, and one more for a value without a zone.
func (s TimeSource) step(d warehouse.Dialect, every, offset time.Duration) (string, error) {
	value, err := s.value(d)
	if err != nil {
		return "", err
	}
	epoch, err := s.epoch(d, value)
	if err != nil {
		return "", err
	}
	if offset != 0 {
		epoch = fmt.Sprintf("(%s + (%d))", epoch, int64(offset/time.Second))
	}
	step := warehouse.Floor(d, fmt.Sprintf("%s / %d", epoch, int64(every/time.Second)))
	if v, ok := d.(warehouse.ValueTimes); ok && s.Mixed {
		step = fmt.Sprintf("%s * 2 + %s", step, s.withoutZone(v, value))
	}
	return step, nil
}

// readStep returns the begin of a step, and whether it is what a clock showed, written as
// UTC.
func (s TimeSource) readStep(number int64, every time.Duration) (at time.Time, wall bool) {
	wall = s.Wall
	if s.Mixed {
		number, wall = number>>1, number&1 == 1
	}
	return time.Unix(number*int64(every/time.Second), 0).UTC(), wall
}
