package checks

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// ValueList is a list of values that a column is compared with. The type of the column says
// what each text means. A list in a configuration has no NULL: no row is equal to it.
type ValueList []string

// mostValues is how many values a list may have.
const mostValues = 1000

func (v ValueList) validate(key string) error {
	if len(v) > mostValues {
		return settings.Wrong(key, "%d values: want at most %d: keep more in a table", len(v), mostValues)
	}
	return nil
}

// oneOf returns the condition that a column has one of these values.
func (t Target) oneOf(c *warehouse.Column, values ValueList, compare warehouse.Comparison) (warehouse.In, error) {
	in := warehouse.In{Column: *c, Compare: compare}
	for _, text := range values {
		l, err := warehouse.LiteralFor(c, text, t.zone())
		if err != nil {
			return in, err
		}
		in.Values = append(in.Values, l)
	}
	return in, nil
}

// relativeTime matches now, now-7d and now+1h30m.
var relativeTime = regexp.MustCompile(`^now\s*(?:([+-])\s*(\S+))?$`)

// plainName matches the names of columns that an end of a range may be.
var plainName = regexp.MustCompile(`^[\pL_][\pL\pN_$]*$`)

// endColumn returns the column that an end of a range may name; "" if it is a value.
func endColumn(text string) string {
	if relativeTime.MatchString(text) || !plainName.MatchString(text) {
		return ""
	}
	return text
}

// end reads an end of a range: a number, a date or time, now, now-7d, or another column.
func (t Target) end(c *warehouse.Column, key, text string) (*warehouse.Literal, error) {
	if text == "" {
		return nil, nil
	}
	if m := relativeTime.FindStringSubmatch(text); m != nil {
		if !c.Type.IsTime() {
			return nil, fmt.Errorf("%s: column %s is %s, and %q is for dates and timestamps", key, c.Name, c.Type.Native, text)
		}
		return t.relative(c, m[1], m[2])
	}
	if name := endColumn(text); name != "" {
		other, err := t.Column(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %q is no value of column %s, and no column: %w", key, text, c.Name, err)
		}
		l, err := warehouse.LiteralColumn(c, other)
		return &l, err
	}
	l, err := warehouse.LiteralFor(c, text, t.zone())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return &l, nil
}

// relative reads a time by its distance from now, which is when the statement runs: rows come
// between a tick and its statement. For a column of dates it is the day that holds it.
func (t Target) relative(c *warehouse.Column, sign, distance string) (*warehouse.Literal, error) {
	if _, err := t.timeSource(t.Known.Relation, c.Name, nil, false); err != nil {
		return nil, err // such as a time without a zone where none is configured
	}
	at, from := t.Tick, warehouse.FromNow{}
	if t.Known.Catalog != nil && !t.Known.Catalog.AsOf.IsZero() {
		at = t.Known.Catalog.AsOf
	}
	if sign != "" {
		d, err := ParseDuration(distance)
		if err != nil {
			return nil, err // Validate refuses it
		}
		if from.Shift = time.Duration(d); sign == "-" {
			from.Shift = -from.Shift
		}
	}
	at = at.Add(from.Shift)
	l := warehouse.LiteralTime(at, t.zone())
	_, offset := at.In(t.zone()).Zone()
	from.Offset = time.Duration(offset) * time.Second
	l.FromNow = &from
	if c.Type.Family == warehouse.Date {
		l.Wall = l.Wall.Truncate(24 * time.Hour)
		l.Instant = time.Date(l.Wall.Year(), l.Wall.Month(), l.Wall.Day(), 0, 0, 0, 0, t.zone())
	}
	return &l, nil
}

// validateEnd refuses an end of a range that no type has.
func validateEnd(key, text string) error {
	m := relativeTime.FindStringSubmatch(text)
	if m == nil || m[1] == "" {
		return nil
	}
	if _, err := ParseDuration(m[2]); err != nil {
		return settings.Wrong(key, "%v", err)
	}
	return nil
}

// compareTimes compares two ends of a range that are dates, or relative to now; known is
// false for others.
func compareTimes(low, high string) (order int, known bool) {
	if plainDate.MatchString(low) && plainDate.MatchString(high) {
		return strings.Compare(low, high), true
	}
	a, aRelative := fromNow(low)
	b, bRelative := fromNow(high)
	return cmp.Compare(a, b), aRelative && bRelative
}

// NoNumberBetween reports whether no number lies in the range of two ends that are numbers.
// As texts they may have values between them.
func NoNumberBetween(low, high string, exclusive bool) bool {
	a, errA := sentinel.ParseNumber(low)
	b, errB := sentinel.ParseNumber(high)
	if errA != nil || errB != nil || a.Absent() || b.Absent() {
		return false
	}
	order := a.Cmp(b)
	return order > 0 || order == 0 && exclusive
}

// plainDate matches 2026-11-29, which orders as its text does.
var plainDate = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)

// fromNow returns the distance of now, now-7d or now+1h from now.
func fromNow(text string) (distance time.Duration, relative bool) {
	m := relativeTime.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	if m[1] == "" {
		return 0, true
	}
	d, err := ParseDuration(m[2])
	if m[1] == "-" {
		d = -d
	}
	return time.Duration(d), err == nil
}

// likePattern returns the pattern of SQL's LIKE, where % stands for any text and _ for one
// character. A backslash takes their meaning away.
func likePattern(like string) string {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	escaped := false
	for _, r := range like {
		switch {
		case escaped:
			b.WriteString(regexp.QuoteMeta(string(r)))
			escaped = false
		case r == '\\':
			escaped = true
		case r == '%':
			b.WriteString(".*")
		case r == '_':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	if escaped {
		b.WriteString(`\\`)
	}
	return b.String() + `\z`
}
