// Package schedule computes when things are due. It has cron expressions in a time zone
// (schedule.go), of which some ticks may be left out (rarer.go), calendar periods
// (period.go) and holiday calendars (calendar.go). It
// wraps github.com/robfig/cron/v3, whose parser panics on some inputs, and whose
// expressions skip the hour that is lost in spring and fire twice in the hour that is
// repeated in autumn. Begin with [Parse] and [Periods].
package schedule

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule is a cron expression in a time zone. The zero value never fires. Copies share
// the parsed expression.
type Schedule struct{ rule *rule }

type rule struct {
	text string // see String
	loc  *time.Location
	cron cron.Schedule // expression over wall-clock times, which are represented as UTC
	step time.Duration // duration of "@every"

	every time.Duration // see Rarer
	all   *rule         // of which Rarer fires some; nil: it is not one that Rarer made
}

var parser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// horizon is the longest time until an expression must fire. 29 February may be eight
// years away.
const horizon = 9 * 366 * 24 * time.Hour

// Parse parses five cron fields, a descriptor such as @hourly, or @every with at least
// one second, in loc. The error says what is wrong and what to write instead.
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
		return Schedule{&rule{text: text(spec, loc), loc: loc, step: step}}, nil
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
	return Schedule{&rule{text: text(spec, loc), loc: loc, cron: parsed}}, nil
}

// Ambiguous reports whether both day fields are restricted. Cron then fires on days that
// match either, which is rarely intended.
func Ambiguous(spec string) bool {
	f := strings.Fields(spec)
	return len(f) == 5 && f[2] != "*" && f[4] != "*" && f[2] != "?" && f[4] != "?"
}

// String returns the expression, and the zone unless it is UTC. Equal schedules have
// equal strings.
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

// Next returns the first instant after t at which the schedule fires. A time in the hour
// that is lost in spring fires once, when the clock jumps. A time in the hour that is
// repeated in autumn fires once, in its first pass. An expression for every hour fires in
// both passes, as in cron(8).
func (s Schedule) Next(t time.Time) time.Time {
	if s.IsZero() {
		return time.Time{}
	}
	switch {
	case s.rule.all != nil:
		return s.rule.nextRarer(t)
	case s.rule.step > 0:
		return t.Truncate(s.rule.step).Add(s.rule.step)
	}
	if spec, ok := s.rule.cron.(*cron.SpecSchedule); ok && spec.Hour&everyHour != 0 {
		return s.nextRunning(t)
	}
	wall := AsWall(t.In(s.rule.loc))
	// In the second pass of a repeated hour, times of the first pass come after the wall
	// clock but before t. The comparison skips them.
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

// nextRunning is Next for expressions of every hour. It computes with one offset from
// UTC, and starts again where the offset changes.
func (s Schedule) nextRunning(t time.Time) time.Time {
	at := t.In(s.rule.loc)
	wall := AsWall(at)
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
		wall = AsWall(at).Add(-time.Second)
	}
}

// Prev returns the last instant at or before t at which the schedule fires. It is zero if
// there is none within some years.
func (s Schedule) Prev(t time.Time) time.Time {
	if s.IsZero() {
		return time.Time{}
	}
	switch {
	case s.rule.all != nil:
		return s.rule.prevRarer(t)
	case s.rule.step > 0:
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

// AsWall returns the wall-clock time of t in its own zone, represented as UTC.
func AsWall(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// ErrZone is wrapped by the error of [Zone].
var ErrZone = errors.New("unknown time zone")

var zones sync.Map // from name to *time.Location

// Zone returns an IANA time zone. It loads each zone once.
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
