package schedule

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// lastRepeat is where repeating events that have no end are cut off.
var lastRepeat = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

// daysOf returns the days of the events. An event that stands for one date of another
// replaces it, also if it was cancelled or is no holiday.
func daysOf(events []icsEvent) (Calendar, error) {
	replaced := map[string][]icsTime{}
	for _, e := range events {
		if e.replaces.given() {
			replaced[e.uid] = append(replaced[e.uid], e.replaces)
		}
	}
	c, budget := Calendar{}, mostDays
	for _, e := range events {
		if e.timed || e.cancelled {
			continue
		}
		if !e.replaces.given() {
			e.removed = append(e.removed, replaced[e.uid]...)
		}
		if err := e.addTo(c, &budget); err != nil {
			return nil, fmt.Errorf("event %s: %w", e.title(), err)
		}
	}
	return c, nil
}

// addTo adds the days of a holiday. budget is how many more the calendar may have.
func (e icsEvent) addTo(c Calendar, budget *int) error {
	length, err := e.length()
	if err != nil {
		return err
	}
	removed := map[string]bool{}
	for _, t := range e.removed {
		date, err := t.in(cmp.Or(e.start.zone, t.zone))
		if err != nil {
			return err
		}
		removed[date.Format(time.DateOnly)] = true
	}
	starts, err := e.starts()
	if err != nil {
		return err
	}
	for _, start := range starts {
		if removed[start.Format(time.DateOnly)] {
			continue
		}
		for d := range length {
			c[start.AddDate(0, 0, d).Format(time.DateOnly)] = e.name
		}
		if *budget -= length; *budget < 0 {
			return fmt.Errorf("the calendar has more than %d days up to %d", mostDays, lastRepeat.Year())
		}
	}
	return nil
}

// starts returns the first day of each time that the event takes place.
func (e icsEvent) starts() (all []time.Time, err error) {
	if e.rule == "" {
		all = append(all, e.start.date)
	} else if all, err = e.repeats(); err != nil {
		return nil, fmt.Errorf("RRULE:%s: %w", e.rule, err)
	}
	for _, t := range e.added {
		date, err := t.in(e.start.zone)
		if err != nil {
			return nil, err
		}
		all = append(all, date)
	}
	return all, nil
}

// repeats returns the days of the event's rule up to lastRepeat.
func (e icsEvent) repeats() (all []time.Time, err error) {
	o, err := rrule.StrToROptionInLocation(strings.ToUpper(e.rule), time.UTC)
	if err != nil {
		return nil, err
	}
	if err := e.bound(o); err != nil {
		return nil, err
	}
	r, err := rrule.NewRRule(*o)
	if err != nil {
		return nil, err
	}
	next := r.Iterator()
	for {
		day, ok := next()
		if !ok || day.After(lastRepeat) {
			break
		}
		if all = append(all, day); len(all) > mostDays {
			return nil, fmt.Errorf("it has more than %d days", mostDays)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no day meets it")
	}
	if !slices.Contains(all, e.start.date) { // the first day counts even where the rule leaves it out
		all = append(all, e.start.date)
	}
	return all, nil
}

// bound makes a rule one of days, and refuses what only rules of hours have.
func (e icsEvent) bound(o *rrule.ROption) error {
	switch {
	case o.Freq > rrule.DAILY:
		return errors.New("an all-day event repeats daily at most")
	case len(o.Byhour)+len(o.Byminute)+len(o.Bysecond) > 0:
		return errors.New("an all-day event has no hours")
	case o.Interval < 0 || o.Interval > 10_000 || o.Count < 0:
		return errors.New("INTERVAL is more than 10000, or a number is negative")
	}
	o.Dtstart = e.start.date
	if o.Until.IsZero() {
		return nil
	}
	_, until, _ := strings.Cut(strings.ToUpper(e.rule), "UNTIL=")
	until, _, _ = strings.Cut(until, ";")
	date, err := icsTime{text: until, date: o.Until.Truncate(24 * time.Hour)}.in(e.start.zone)
	o.Until = date
	return err
}
