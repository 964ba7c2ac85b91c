package notify

import (
	"fmt"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/settings"
)

// Quiet holds the maintenance windows, which are configured, and the silences, which
// people set. Checks continue meanwhile. Incidents that are still open afterwards are
// notified then.
type Quiet struct {
	Windows  []Window // validated
	Silences []Silence
}

// Suppressed says why nobody is notified of an incident at now: each of its open findings
// is in a window or silenced.
func (q Quiet) Suppressed(i sentinel.Incident, now time.Time) (why string, ok bool) {
	for _, part := range i.Parts() {
		if why, ok = q.finding(part, now); !ok {
			return "", false
		}
	}
	return why, ok
}

// finding says why nobody is notified of one finding, which the incident is narrowed to.
func (q Quiet) finding(i sentinel.Incident, now time.Time) (why string, ok bool) {
	for n := range q.Windows {
		if w := &q.Windows[n]; w.matches(i) && w.Active(now) {
			return "maintenance: " + w.Name, true
		}
	}
	for _, s := range q.Silences {
		if s.Suppresses(i, now) {
			return "silenced by " + s.Who + ": " + s.Why, true
		}
	}
	return "", false
}

// Window is a time in which nobody is notified. It takes one of three
// forms: once (from and to are dates with times), weekly (from and to are times
// of day, on days or on every day), or cron with a duration.
type Window struct {
	Name     string        `yaml:"name" doc:"Name for people. Default: window and its number."`
	From     string        `yaml:"from" doc:"Start: 2026-03-29 01:00, RFC 3339, or 02:00 for each day."`
	To       string        `yaml:"to" doc:"End, in the form of from. A time of day may lie on the next day."`
	Days     []string      `yaml:"days" doc:"Days on which a daily window starts: mon, tue or mon-fri."`
	Cron     string        `yaml:"cron" doc:"Start as a cron expression, instead of from and to."`
	Duration time.Duration `yaml:"duration" doc:"Length, with cron."`
	Timezone string        `yaml:"timezone" default:"UTC" doc:"Time zone of all times (IANA name)."`
	Until    string        `yaml:"until" doc:"When the window itself expires: a date, or a date with a time."`
	Dataset  []string      `yaml:"dataset" doc:"Tables that it holds for, with * and %. Default: all."`
	Tier     []string      `yaml:"tier" enum:"critical,warning,info" doc:"Tiers that it holds for. Default: all."`
	Owner    []string      `yaml:"owner" doc:"Owners that it holds for, with * and %. Default: all."`

	loc            *time.Location
	begin, end     time.Time         // once
	starts, stops  schedule.Schedule // weekly: times of day; cron: starts alone
	sameDay        bool              // weekly: to is later than from
	expires        time.Time
	isOnce, isCron bool
}

func (w *Window) matches(i sentinel.Incident) bool {
	return matchTable(w.Dataset, i.Table) && matchAny(w.Tier, i.Tier) && matchAny(w.Owner, i.Owner)
}

// Validate reads the times; a window must be validated before it is used.
func (w *Window) Validate() (err error) {
	if err := settings.Complete(w); err != nil {
		return err
	}
	if err := sentinel.CheckPatterns(w.Dataset...); err != nil {
		return settings.In("dataset", err)
	}
	if w.loc, err = schedule.Zone(w.Timezone); err != nil {
		return settings.In("timezone", err)
	}
	if w.Until != "" {
		if w.expires, err = w.instant(w.Until); err != nil {
			return settings.In("until", err)
		}
	}
	w.isCron, w.isOnce = w.Cron != "", strings.Contains(w.From, "-")
	switch {
	case w.isCron:
		return w.validateCron()
	case w.From == "" || w.To == "":
		return settings.Wrong("from", "want from and to, or cron and duration")
	case w.isOnce:
		return w.validateOnce()
	}
	return w.validateWeekly()
}

func (w *Window) validateCron() (err error) {
	if w.From != "" || w.To != "" || len(w.Days) > 0 || w.Duration <= 0 {
		return settings.Wrong("cron", "goes with a positive duration, and without from, to and days")
	}
	w.starts, err = schedule.Parse(w.Cron, w.loc)
	return settings.In("cron", err)
}

func (w *Window) validateOnce() (err error) {
	if len(w.Days) > 0 {
		return settings.Wrong("days", "a window that happens once has none")
	}
	if w.Duration != 0 {
		return settings.Wrong("duration", "a window that happens once has none")
	}
	if w.begin, err = w.instant(w.From); err != nil {
		return settings.In("from", err)
	}
	if w.end, err = w.instant(w.To); err != nil {
		return settings.In("to", err)
	}
	if !w.end.After(w.begin) {
		return settings.Wrong("to", "must be after from")
	}
	return nil
}

func (w *Window) validateWeekly() error {
	from, err := time.Parse("15:04", w.From)
	if err != nil {
		return settings.Wrong("from", "%q: want a time such as 02:00, or a date with a time", w.From)
	}
	to, err := time.Parse("15:04", w.To)
	if err != nil {
		return settings.Wrong("to", "%q: want a time such as 04:00, as in from", w.To)
	}
	if w.Duration != 0 {
		return settings.Wrong("duration", "goes with cron")
	}
	days := "*"
	if len(w.Days) > 0 {
		days = strings.ToLower(strings.Join(w.Days, ","))
	}
	w.sameDay = to.After(from)
	if w.starts, err = schedule.Parse(fmt.Sprintf("%d %d * * %s", from.Minute(), from.Hour(), days), w.loc); err != nil {
		return settings.Wrong("days", "%v: want days such as mon or mon-fri", w.Days)
	}
	w.stops, err = schedule.Parse(fmt.Sprintf("%d %d * * *", to.Minute(), to.Hour()), w.loc)
	return err
}

// instant reads a date, a date with a time in the window's zone, or RFC 3339.
func (w *Window) instant(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, w.loc); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q: want a date with a time such as 2026-03-29 01:00", s)
}

// Active reports whether now is in the window. Times of day are those of the zone's
// clock. In the hour that comes twice in autumn the window lasts until the second of
// two equal times. A window in the hour that is left out in spring does not take place.
func (w *Window) Active(now time.Time) bool {
	switch {
	case !w.expires.IsZero() && !now.Before(w.expires):
		return false
	case w.isOnce:
		return !now.Before(w.begin) && now.Before(w.end)
	}
	start := w.starts.Prev(now)
	switch {
	case start.IsZero():
		return false
	case w.isCron:
		return now.Before(start.Add(w.Duration))
	}
	return now.Before(w.stop(start.In(w.loc)))
}

// stop is when the weekly window that begins at start ends.
func (w *Window) stop(start time.Time) time.Time {
	end := w.stops.Next(start).In(w.loc)
	if w.sameDay && end.YearDay() != start.YearDay() {
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
