// Package schedule tells when things are due: cron expressions in a time zone
// that neither double nor lose a tick at a change of daylight saving, and
// holiday calendars. It guards github.com/robfig/cron/v3, whose parser panics
// on some inputs and whose expressions skip the spring gap and fire twice in
// the autumn hour.
package schedule

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule is a cron expression in a time zone. The zero value never fires. Many
// checks have the same one: a copy is a pointer.
type Schedule struct{ rule *rule }

type rule struct {
	text string // see String
	loc  *time.Location
	cron cron.Schedule // in UTC, over wall-clock times written as UTC
	step time.Duration // of "@every"
}

var parser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// horizon is how far ahead an expression must fire to be possible at all:
// 29 February may be eight years away.
const horizon = 9 * 366 * 24 * time.Hour

// Parse reads five cron fields, @hourly and its like, or @every 5m (at least
// one second), in loc. The error says what is wrong and what to write instead.
func Parse(spec string, loc *time.Location) (s Schedule, err error) {
	spec = strings.TrimSpace(spec)
	if loc == nil {
		loc = time.UTC
	}
	if strings.HasPrefix(spec, "TZ=") || strings.HasPrefix(spec, "CRON_TZ=") {
		return s, fmt.Errorf("cron %q: write the zone as `timezone:`, not inside the expression", spec)
	}
	if rest, ok := strings.CutPrefix(spec, "@every "); ok {
		step, err := time.ParseDuration(strings.TrimSpace(rest))
		if err != nil || step < time.Second {
			return s, fmt.Errorf("cron %q: want `@every` and a duration of at least 1s, such as @every 5m", spec)
		}
		return Schedule{&rule{text(spec, loc), loc, nil, step}}, nil
	}
	defer func() {
		if p := recover(); p != nil {
			s, err = Schedule{}, fmt.Errorf(
				"cron %q: not a cron expression: want minute hour day-of-month month day-of-week, such as */5 * * * *",
				spec,
			)
		}
	}()
	parsed, err := parser.Parse(spec)
	if err != nil {
		return s, fmt.Errorf("cron %q: %s: want minute hour day-of-month month day-of-week, such as */5 * * * *", spec,
			strings.ReplaceAll(err.Error(), "\n", " "))
	}
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	if next := parsed.Next(start); next.IsZero() || next.Sub(start) > horizon {
		return s, fmt.Errorf("cron %q: never fires", spec)
	}
	return Schedule{&rule{text(spec, loc), loc, parsed, 0}}, nil
}

// Ambiguous reports whether both day fields are restricted, which cron reads as
// "either", seldom what is meant.
func Ambiguous(spec string) bool {
	f := strings.Fields(spec)
	return len(f) == 5 && f[2] != "*" && f[4] != "*" && f[2] != "?" && f[4] != "?"
}

// String returns the expression, with the zone when it is not UTC. Equal
// schedules have equal strings.
func (s Schedule) String() string {
	if s.IsZero() {
		return ""
	}
	return s.rule.text
}

func text(spec string, loc *time.Location) string {
	if loc == time.UTC {
		return spec
	}
	return spec + " " + loc.String()
}

// IsZero reports whether the schedule was never set.
func (s Schedule) IsZero() bool { return s.rule == nil }

// Next returns the first fire after t. A wall-clock time inside the spring gap
// fires once, at the moment the clock jumps to; one inside the autumn hour
// fires once, at its first occurrence. An expression for every hour is no
// wall-clock time but a rhythm: it goes on through both hours, as in cron(8).
func (s Schedule) Next(t time.Time) time.Time {
	if s.IsZero() {
		return time.Time{}
	}
	if s.rule.step > 0 {
		return t.Truncate(s.rule.step).Add(s.rule.step)
	}
	if spec, ok := s.rule.cron.(*cron.SpecSchedule); ok && spec.Hour&everyHour != 0 {
		return s.nextRunning(t)
	}
	wall := asWall(t.In(s.rule.loc))
	// In the second pass of the autumn hour wall times of the first pass lie
	// ahead of the wall clock but not of t: they are skipped by the comparison.
	for {
		wall = s.rule.cron.Next(wall)
		if wall.IsZero() {
			return time.Time{}
		}
		if at := firstAt(wall, s.rule.loc); at.After(t) {
			return at
		}
	}
}

// everyHour is the bit that the cron parser sets for a "*" in the hour field.
const everyHour = 1 << 63

// nextRunning is Next for expressions of every hour: within one offset from UTC
// wall time and time run alike, and at a change of offset it starts again.
func (s Schedule) nextRunning(t time.Time) time.Time {
	at := t.In(s.rule.loc)
	wall := asWall(at)
	for {
		next := s.rule.cron.Next(wall)
		if next.IsZero() {
			return time.Time{}
		}
		_, offset := at.Zone()
		_, end := bounds(at)
		fire := next.Add(-time.Duration(offset) * time.Second).In(s.rule.loc)
		if end.IsZero() || fire.Before(end) {
			return fire
		}
		at = end.In(s.rule.loc)
		wall = asWall(at).Add(-time.Second)
	}
}

// Prev returns the latest fire at or before t; zero when there was none within
// nine years.
func (s Schedule) Prev(t time.Time) time.Time {
	if s.IsZero() {
		return time.Time{}
	}
	if s.rule.step > 0 {
		return t.Truncate(s.rule.step)
	}
	for back := 2 * time.Hour; back < 2*horizon; back *= 4 {
		var last time.Time
		for at := s.Next(t.Add(-back)); !at.IsZero() && !at.After(t); at = s.Next(at) {
			last = at
		}
		if !last.IsZero() {
			return last
		}
	}
	return time.Time{}
}

// asWall writes the wall clock of t as if it were UTC.
func asWall(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// ErrZone is wrapped by Zone's error.
var ErrZone = errors.New("unknown time zone")

var zones sync.Map // of *time.Location by name

// Zone loads an IANA zone by name, once: thousands of datasets share it.
func Zone(name string) (*time.Location, error) {
	if loc, known := zones.Load(name); known {
		return loc.(*time.Location), nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fmt.Errorf("%w %q: want an IANA name such as Europe/Berlin or UTC", ErrZone, name)
	}
	known, _ := zones.LoadOrStore(name, loc)
	return known.(*time.Location), nil
}
