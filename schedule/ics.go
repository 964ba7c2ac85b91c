package schedule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"
)

// mostDays bounds the days of a calendar.
const mostDays = 100_000

// longestEvent bounds the days of one event.
const longestEvent = 366

// icsEvent is an event of an iCalendar file.
type icsEvent struct {
	uid, name  string
	start, end icsTime
	days       int // its duration, in place of end; 0: none is given
	timed      bool
	cancelled  bool
	rule       string
	added      []icsTime // RDATE
	removed    []icsTime // EXDATE
	replaces   icsTime   // RECURRENCE-ID: the date of the event with this uid that it stands for
}

// icsTime is a value of an event: a date, and the time of day if it has one.
type icsTime struct {
	text string
	zone string // its TZID
	date time.Time
}

// given reports whether the event has the value.
func (t icsTime) given() bool { return t.text != "" }

// parseICS reads the days of all-day events. RFC 5545 gives those dates without a time.
// What cannot be read is an error that names the event: a holiday that is left out would be
// an alert on a day off.
func parseICS(text string) (Calendar, error) {
	var events []icsEvent
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		at := strings.Index(strings.ToUpper(text), "END:VCALENDAR")
		if at < 0 {
			return nil, errors.New("it has no END:VCALENDAR: the file is cut off")
		}
		end := at + len("END:VCALENDAR")
		parsed, err := ics.ParseCalendar(strings.NewReader(text[:end]))
		if err != nil {
			return nil, fmt.Errorf("reading iCalendar: %w", err)
		}
		text = text[end:]
		for n, component := range parsed.Components {
			properties, isEvent := eventProperties(component)
			if !isEvent {
				continue
			}
			e, err := readEvent(properties)
			if err != nil {
				return nil, fmt.Errorf("event %d (%s): %w", n+1, e.title(), err)
			}
			events = append(events, e)
		}
	}
	c, err := daysOf(events)
	if err == nil && len(c) == 0 {
		err = errors.New("no all-day event in it: a holiday has DTSTART;VALUE=DATE")
	}
	return c, err
}

// eventProperties returns the properties of a component that is an event, in any case of
// letters.
func eventProperties(c ics.Component) ([]ics.IANAProperty, bool) {
	switch c := c.(type) {
	case *ics.VEvent:
		return c.Properties, true
	case *ics.GeneralComponent:
		return c.Properties, strings.EqualFold(c.Token, "VEVENT")
	}
	return nil, false
}

// title names an event in an error.
func (e icsEvent) title() string {
	for _, text := range []string{e.name, e.uid, e.start.text} {
		if text != "" {
			return text
		}
	}
	return "without a name"
}

// readEvent reads the properties of an event.
func readEvent(properties []ics.IANAProperty) (e icsEvent, err error) {
	for _, p := range properties {
		err = errors.Join(err, e.set(p))
	}
	switch {
	case err != nil:
	case !e.start.given():
		err = errors.New("it has no DTSTART")
	case e.rule != "" && e.replaces.given():
		err = errors.New("it has both RRULE and RECURRENCE-ID")
	}
	e.timed = e.timed || !e.start.allDay() || e.end.given() && !e.end.allDay()
	return e, err
}

// set takes one property of the event.
func (e *icsEvent) set(p ics.IANAProperty) (err error) {
	value := strings.TrimSpace(p.Value)
	one := func(into *icsTime) error {
		all, err := icsTimes(p, value)
		if err == nil && len(all) != 1 {
			err = fmt.Errorf("%s has %d values, want one", p.IANAToken, len(all))
		}
		if err == nil {
			*into = all[0]
		}
		return err
	}
	switch strings.ToUpper(p.IANAToken) {
	case "UID":
		e.uid = value
	case "SUMMARY":
		e.name = ics.FromText(value)
	case "DTSTART":
		return one(&e.start)
	case "DTEND":
		return one(&e.end)
	case "DURATION":
		return e.lasts(value)
	case "STATUS":
		e.cancelled = strings.EqualFold(value, "CANCELLED")
	case "RRULE":
		if e.rule != "" {
			return errors.New("it has several RRULE: make an event of each")
		}
		e.rule = value
	case "EXRULE":
		return errors.New("EXRULE is not supported: list the dates in EXDATE")
	case "RECURRENCE-ID":
		if parameter(p, "RANGE") != "" {
			return errors.New("RECURRENCE-ID with RANGE is not supported: make an event of what follows")
		}
		return one(&e.replaces)
	case "RDATE", "EXDATE":
		into := &e.added
		if strings.EqualFold(p.IANAToken, "EXDATE") {
			into = &e.removed
		}
		all, err := icsTimes(p, value)
		*into = append(*into, all...)
		return err
	}
	return nil
}

// parameter returns a parameter of a property, in any case of letters.
func parameter(p ics.IANAProperty, name string) string {
	for key, values := range p.ICalParameters {
		if strings.EqualFold(key, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// icsTimes reads the dates, times or periods of a property.
func icsTimes(p ics.IANAProperty, value string) (all []icsTime, err error) {
	for text := range strings.SplitSeq(value, ",") {
		text, _, _ = strings.Cut(strings.ToUpper(strings.TrimSpace(text)), "/") // of a period its start
		t := icsTime{text: text, zone: parameter(p, "TZID")}
		date, clock, timed := strings.Cut(text, "T")
		t.date, err = time.Parse("20060102", date)
		if timed && err == nil {
			_, err = time.Parse("150405", strings.TrimSuffix(clock, "Z"))
		}
		if err != nil || t.date.Year() < 1583 {
			return nil, fmt.Errorf("%s: %q is no date such as 20261225", p.IANAToken, text)
		}
		all = append(all, t)
	}
	return all, nil
}

// allDay reports whether a value has no time of day. Some programs write local midnight for
// it, which is as good.
func (t icsTime) allDay() bool {
	return len(t.text) == len("20060102") || len(t.text) == len("20060102T150405") && strings.HasSuffix(t.text, "T000000")
}

// in returns the date of a value in the zone of the event.
func (t icsTime) in(zone string) (time.Time, error) {
	if !strings.HasSuffix(t.text, "Z") || zone == "" {
		return t.date, nil
	}
	location, err := icsZone(zone)
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.Parse("20060102T150405Z", t.text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no time such as 20261225T000000Z", t.text)
	}
	at = at.In(location)
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC), nil
}

// lasts sets the length of an event by its duration, such as P3D or P1W.
func (e *icsEvent) lasts(duration string) error {
	text := strings.TrimPrefix(strings.ToUpper(duration), "+")
	digits, isDuration := strings.CutPrefix(text, "P")
	days := 1
	switch {
	case !isDuration:
		return fmt.Errorf("%q is no duration such as P1D", duration)
	case strings.HasSuffix(digits, "W"):
		days = 7
	case !strings.HasSuffix(digits, "D"):
		e.timed = true // it has hours
		return nil
	}
	n, err := strconv.Atoi(digits[:len(digits)-1])
	if err != nil || n < 0 || n > longestEvent {
		return fmt.Errorf("duration %q: want one of at most %d days, such as P1D", duration, longestEvent)
	}
	e.days = n * days
	return nil
}

// length returns how many days an event of all-day has: at least one, unless it begins and
// ends at the same midnight.
func (e icsEvent) length() (int, error) {
	days := e.days
	if e.end.given() {
		days = int(e.end.date.Sub(e.start.date) / (24 * time.Hour))
	}
	clock := len(e.start.text) > len("20060102")
	switch {
	case days > longestEvent:
		return 0, fmt.Errorf("it lasts %d days: want at most %d", days, longestEvent)
	case days < 1 && clock && (e.end.given() || e.days == 0):
		return 0, nil
	}
	return max(days, 1), nil
}
