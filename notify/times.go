package notify

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/settings"
)

// Times are spans of time. They take one of three forms: once (from and to are dates with
// times), weekly (from and to are times of day, on days or on every day), or cron with a
// duration. Without from and to, a weekly span lasts from midnight to midnight.
type Times struct {
	From     string        `yaml:"from" doc:"Start: 2026-03-29 01:00, RFC 3339, or 02:00 for each day."`
	To       string        `yaml:"to" doc:"End, in the form of from. A time of day may lie on the next day; 24:00 is midnight."`
	Days     []string      `yaml:"days" doc:"Days on which a daily window starts: mon, tue or mon-fri."`
	Cron     string        `yaml:"cron" doc:"Start as a cron expression, instead of from and to."`
	Duration time.Duration `yaml:"duration" doc:"Length, with cron."`
	Timezone string        `yaml:"timezone" default:"UTC" doc:"Time zone of all times (IANA name)."`
	Holidays string        `yaml:"holidays" doc:".ics or text file of days on which it does not start."`
	Dates    string        `yaml:"dates" doc:".ics or text file of the only days on which it starts."`
	Until    string        `yaml:"until" doc:"When the window itself expires: a date, or a date with a time."`

	loc            *time.Location
	begin, end     time.Time         // once
	starts, stops  schedule.Schedule // weekly: times of day; cron: starts alone
	sameDay        bool              // weekly: to is later than from
	expires        time.Time
	isOnce, isCron bool
	holidays, only schedule.Calendar // only is nil without dates
}

// Files returns the paths among the times, which start from the directory of the
// configuration.
func (t *Times) Files() []*string { return []*string{&t.Holidays, &t.Dates} }

// Validate reads the times, which must be validated before they are used.
func (t *Times) Validate() (err error) {
	if t.loc, err = schedule.Zone(cmp.Or(t.Timezone, "UTC")); err != nil {
		return settings.In("timezone", err)
	}
	if t.Until != "" {
		if t.expires, err = t.instant(t.Until); err != nil {
			return settings.In("until", err)
		}
	}
	if err := t.readCalendars(); err != nil {
		return err
	}
	t.isCron, t.isOnce = t.Cron != "", strings.Contains(t.From, "-")
	switch {
	case t.isCron:
		err = t.validateCron()
	case t.isOnce:
		err = t.validateOnce()
	default:
		err = t.validateWeekly()
	}
	if err == nil {
		err = t.possible()
	}
	return err
}

func (t *Times) readCalendars() (err error) {
	t.holidays, t.only = nil, nil
	if t.Holidays != "" {
		if t.holidays, err = schedule.LoadCalendar(t.Holidays); err != nil {
			return settings.In("holidays", err)
		}
	}
	if t.Dates != "" {
		if t.only, err = schedule.LoadCalendar(t.Dates); err != nil {
			return settings.In("dates", err)
		}
	}
	return nil
}

func (t *Times) validateCron() (err error) {
	if t.From != "" || t.To != "" || len(t.Days) > 0 || t.Duration <= 0 {
		return settings.Wrong("cron", "goes with a positive duration, and without from, to and days")
	}
	t.starts, err = schedule.Parse(t.Cron, t.loc)
	return settings.In("cron", err)
}

func (t *Times) validateOnce() (err error) {
	for key, given := range map[string]bool{
		"days": len(t.Days) > 0, "duration": t.Duration != 0, "holidays": t.Holidays != "", "dates": t.Dates != "",
	} {
		if given {
			return settings.Wrong(key, "a window that happens once has none")
		}
	}
	if t.begin, err = t.instant(t.From); err != nil {
		return settings.In("from", err)
	}
	if t.end, err = t.instant(t.To); err != nil {
		return settings.In("to", err)
	}
	if !t.end.After(t.begin) {
		return settings.Wrong("to", "must be after from")
	}
	return nil
}

func (t *Times) validateWeekly() error {
	if t.From == "" && t.To == "" {
		if len(t.Days) == 0 && t.only == nil {
			return settings.Wrong("from", "want from and to, or cron and duration, or days or dates for whole days")
		}
		t.From, t.To = "00:00", "24:00"
	}
	if t.From == "" || t.To == "" {
		return settings.Wrong("from", "want from and to, or cron and duration")
	}
	from, err := time.Parse("15:04", t.From)
	if err != nil {
		return settings.Wrong("from", "%q: want a time such as 02:00, or a date with a time", t.From)
	}
	to, err := time.Parse("15:04", strings.Replace(t.To, "24:00", "00:00", 1))
	if err != nil {
		return settings.Wrong("to", "%q: want a time such as 04:00, as in from", t.To)
	}
	if t.Duration != 0 {
		return settings.Wrong("duration", "goes with cron")
	}
	days := "*"
	if len(t.Days) > 0 {
		days = strings.ToLower(strings.Join(t.Days, ","))
	}
	t.sameDay = to.After(from)
	if t.starts, err = schedule.Parse(fmt.Sprintf("%d %d * * %s", from.Minute(), from.Hour(), days), t.loc); err != nil {
		return settings.Wrong("days", "%v: want days such as mon or mon-fri", t.Days)
	}
	t.stops, err = schedule.Parse(fmt.Sprintf("%d %d * * *", to.Minute(), to.Hour()), t.loc)
	return err
}

// instant reads a date, a date with a time in the zone of the times, or RFC 3339.
func (t *Times) instant(s string) (time.Time, error) { return ParseInstant(s, t.loc) }

// ParseInstant reads a date, a date with a time in a zone, or RFC 3339.
func ParseInstant(s string, zone *time.Location) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at, nil
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, s, zone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q: want a date with a time such as 2026-03-29 01:00", s)
}

// These bound the search for the next start.
const (
	searchAhead = 9 * 366 * 24 * time.Hour
	mostStarts  = 5000
)

// possible refuses times that hold at no instant: all their starts are left out.
func (t *Times) possible() error {
	reference := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for date := range t.only {
		if day, err := time.Parse(time.DateOnly, date); err == nil && day.AddDate(0, 0, -1).Before(reference) {
			reference = day.AddDate(0, 0, -1)
		}
	}
	switch begins := t.next(reference, false); {
	case t.isOnce && !t.expires.IsZero() && !t.expires.After(t.begin):
		return settings.Wrong("until", "is not after from: it never holds")
	case t.isOnce || t.only == nil && t.holidays == nil:
		return nil
	case begins.IsZero():
		return settings.Wrong("days", "it never holds: every day on which it would start is left out by "+
			"`holidays:` or is not among `dates:`")
	}
	return nil
}

// takesPlace reports whether the calendars let a span start at an instant.
func (t *Times) takesPlace(start time.Time) bool {
	start = start.In(t.loc)
	return !t.holidays.Holiday(start) && (t.only == nil || t.only.Holiday(start))
}

// Active reports whether now is in the times. Times of day are those of the zone's
// clock. In the hour that comes twice in autumn a span lasts until the second of
// two equal times. A span in the hour that is left out in spring does not take place.
func (t *Times) Active(now time.Time) bool {
	switch {
	case !t.expires.IsZero() && !now.Before(t.expires):
		return false
	case t.isOnce:
		return !now.Before(t.begin) && now.Before(t.end)
	}
	for start := t.starts.Prev(now); !start.IsZero() && now.Sub(start) < t.longest(); {
		if t.takesPlace(start) {
			return now.Before(t.ends(start))
		}
		start = t.starts.Prev(start.Add(-time.Second))
	}
	return false
}

// longest bounds how long a span lasts. A weekly one lasts a day of at most 25 hours.
func (t *Times) longest() time.Duration {
	if t.isCron {
		return t.Duration
	}
	return 26 * time.Hour
}

// ends is when the span that begins at start ends.
func (t *Times) ends(start time.Time) time.Time {
	if t.isCron {
		return start.Add(t.Duration)
	}
	return t.stop(start.In(t.loc))
}

// Next returns the first instant after now at which a span begins; zero if there is none.
func (t *Times) Next(now time.Time) time.Time { return t.next(now, true) }

func (t *Times) next(now time.Time, expires bool) time.Time {
	expired := func(at time.Time) bool { return expires && !t.expires.IsZero() && !at.Before(t.expires) }
	if t.isOnce {
		if t.begin.After(now) && !expired(t.begin) {
			return t.begin
		}
		return time.Time{}
	}
	start := t.starts.Next(now)
	for n := 0; n < mostStarts && !start.IsZero() && start.Sub(now) < searchAhead && !expired(start); n++ {
		if t.takesPlace(start) && t.ends(start).After(start) {
			return start
		}
		start = t.starts.Next(start)
	}
	return time.Time{}
}

// Ends returns when the span that now is in ends; zero if now is in none.
func (t *Times) Ends(now time.Time) (end time.Time) {
	if !t.Active(now) {
		return end
	}
	if end = t.end; !t.isOnce {
		start := t.starts.Prev(now)
		for !t.takesPlace(start) {
			start = t.starts.Prev(start.Add(-time.Second))
		}
		end = t.ends(start)
	}
	if !t.expires.IsZero() && t.expires.Before(end) {
		return t.expires
	}
	return end
}

// String says the times in words, such as "mon-fri 09:00 to 17:00 Europe/Berlin".
func (t *Times) String() string {
	text := t.From + " to " + t.To
	if t.isCron {
		text = "cron " + t.Cron + " for " + Span(t.Duration)
	}
	if len(t.Days) > 0 {
		text = strings.ToLower(strings.Join(t.Days, ",")) + " " + text
	}
	text += " " + cmp.Or(t.Timezone, "UTC")
	if t.only != nil {
		text += ", on its dates"
	}
	if t.holidays != nil {
		text += ", not on holidays"
	}
	if t.Until != "" {
		text += ", until " + t.Until
	}
	return text
}

// stop is when the weekly span that begins at start ends.
func (t *Times) stop(start time.Time) time.Time {
	end := t.stops.Next(start).In(t.loc)
	if t.sameDay && end.YearDay() != start.YearDay() {
		return start // from and to were both left out by the clock
	}
	_, offset := end.Zone()
	_, change := end.ZoneBounds()
	if change.IsZero() {
		return end
	}
	_, later := change.Zone()
	again := end.Add(time.Duration(offset-later) * time.Second)
	if later < offset && !again.Before(change) {
		return again
	}
	return end
}
