package schedule_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/schedule"
)

// An all-day event is a holiday. A meeting, an alarm of an event, and what was cancelled are
// none.
func TestAllDayEventsAreHolidays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for lines, want := range map[string]string{
		"DTSTART;VALUE=DATE:20261225|DTEND;VALUE=DATE:20261227":              "2026-12-25 2026-12-26",
		"DTSTART;VALUE=DATE:20261225":                                        "2026-12-25",
		"dtstart;value=date:20261225|dtend;value=date:20261226":              "2026-12-25",
		"DTSTART:20261225|DTEND:20261226":                                    "2026-12-25",
		"DURATION:P2D|DTSTART;VALUE=DATE:20261225":                           "2026-12-25 2026-12-26",
		"DTSTART;TZID=Europe/Berlin:20261225T000000|DTEND:20261226T000000":   "2026-12-25",
		"DTSTART:20261225T000000":                                            "",
		"DTSTART:20261225T000500Z|DTEND:20261225T003000Z":                    "",
		"DTSTART;VALUE=DATE-TIME:20261225T090000|RRULE:FREQ=DAILY":           "",
		"DTSTART:20261225T090000|DURATION:PT30M":                             "",
		"DTSTART;VALUE=DATE:20261225|STATUS:CANCELLED":                       "",
		"DTSTART;VALUE=DATE:20261225|BEGIN:VALARM|DURATION:PT15M|END:VALARM": "2026-12-25",
	} {
		// Another event, because a file without a holiday is a mistake.
		events := "BEGIN:VCALENDAR|BEGIN:VEVENT|DTSTART;VALUE=DATE:20200101|END:VEVENT|BEGIN:VEVENT|" + lines +
			"|SUMMARY:x|END:VEVENT|END:VCALENDAR|"
		path := filepath.Join(dir, "h.ics")
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(events, "|", "\r\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := schedule.LoadCalendar(path)
		got := strings.TrimSpace(strings.TrimPrefix(strings.Join(slices.Sorted(maps.Keys(c)), " "), "2020-01-01"))
		if err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", lines, got, err, want)
		}
	}
	meeting := filepath.Join(dir, "m.ics")
	text := "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20261225T090000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
	if err := os.WriteFile(meeting, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := schedule.LoadCalendar(meeting); err == nil || !strings.Contains(err.Error(), "no all-day event in it") {
		t.Errorf("a file of meetings: %v", err)
	}
}

// calendarOf loads a file of events. A bar ends a line.
func calendarOf(t *testing.T, events string) (string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "h.ics")
	text := "BEGIN:VCALENDAR|VERSION:2.0|" + events + "|END:VCALENDAR|"
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "|", "\r\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := schedule.LoadCalendar(path)
	return strings.Join(slices.Sorted(maps.Keys(c)), " "), err
}

func TestRepeatingHolidays(t *testing.T) {
	t.Parallel()
	const christmas = "BEGIN:VEVENT|UID:a|DTSTART;VALUE=DATE:20261225|DTEND;VALUE=DATE:20261227|"
	for events, want := range map[string]string{
		christmas + "RRULE:FREQ=YEARLY;COUNT=2|END:VEVENT":        "2026-12-25 2026-12-26 2027-12-25 2027-12-26",
		christmas + "RRULE:FREQ=YEARLY;UNTIL=20271225|END:VEVENT": "2026-12-25 2026-12-26 2027-12-25 2027-12-26",
		christmas + "RRULE:FREQ=YEARLY;COUNT=3|EXDATE;VALUE=DATE:20271225|END:VEVENT": "2026-12-25 2026-12-26 " +
			"2028-12-25 2028-12-26",
		christmas + "RDATE;VALUE=DATE:20270106,20270501|END:VEVENT": "2026-12-25 2026-12-26 2027-01-06 2027-01-07 " +
			"2027-05-01 2027-05-02",
		// One date is moved, another cancelled.
		christmas + "RRULE:FREQ=YEARLY;COUNT=3|END:VEVENT|" +
			"BEGIN:VEVENT|UID:a|RECURRENCE-ID;VALUE=DATE:20271225|DTSTART;VALUE=DATE:20271224|END:VEVENT|" +
			"BEGIN:VEVENT|UID:a|RECURRENCE-ID;VALUE=DATE:20281225|DTSTART;VALUE=DATE:20281225|STATUS:CANCELLED|END:VEVENT": "2026-12-25 2026-12-26 2027-12-24",
		// The fourth Thursday of November, and Mondays in a zone of Windows until a time in UTC.
		"BEGIN:VEVENT|DTSTART;VALUE=DATE:20261126|RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;COUNT=2|END:VEVENT": "2026-11-26 2027-11-25",
		"BEGIN:VEVENT|DTSTART;TZID=W. Europe Standard Time:20260706T000000|DTEND;TZID=W. Europe Standard Time:20260707T000000|" +
			"RRULE:FREQ=WEEKLY;UNTIL=20260719T220000Z|END:VEVENT": "2026-07-06 2026-07-13 2026-07-20",
		// A meeting that repeats is no holiday. A time zone has rules of its own.
		christmas + "END:VEVENT|BEGIN:VEVENT|DTSTART:20260101T090000|RRULE:FREQ=HOURLY|END:VEVENT|" +
			"BEGIN:VTIMEZONE|TZID:x|BEGIN:STANDARD|DTSTART:16010101T030000|TZOFFSETFROM:+0200|TZOFFSETTO:+0100|" +
			"RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10|END:STANDARD|END:VTIMEZONE": "2026-12-25 2026-12-26",
		// Two calendars in one file, and a folded line.
		christmas + "SUMMARY:Chris| tmas|END:VEVENT|END:VCALENDAR|BEGIN:VCALENDAR|BEGIN:VEVENT|DTSTART;VALUE=DATE:20270101|END:VEVENT": "2026-12-25 2026-12-26 2027-01-01",
	} {
		if got, err := calendarOf(t, events); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", events, got, err, want)
		}
	}
	got, err := calendarOf(t, christmas+"RRULE:FREQ=YEARLY|END:VEVENT")
	if err != nil || !strings.HasSuffix(got, "2099-12-25 2099-12-26") {
		t.Errorf("a holiday without an end: %.30s, %v", got, err)
	}
}

// What cannot be read is told with the name of the event: it is no day less in silence.
func TestEventsThatCannotBeReadAreTold(t *testing.T) {
	t.Parallel()
	for event, want := range map[string]string{
		"DTSTART;VALUE=DATE:2026122|SUMMARY:Xmas":                                        "Xmas): DTSTART: \"2026122\" is no date",
		"DTSTART;VALUE=DATE:20261325":                                                    "is no date",
		"DTSTART:20261225T990000":                                                        "is no date",
		"SUMMARY:Xmas":                                                                   "no DTSTART",
		"DTSTART;VALUE=DATE:20261225|RRULE:FREQ=SOMETIMES":                               "RRULE:FREQ=SOMETIMES",
		"DTSTART;VALUE=DATE:20261225|RRULE:FREQ=SECONDLY":                                "repeats daily at most",
		"DTSTART;VALUE=DATE:20261225|RRULE:FREQ=DAILY;BYHOUR=3":                          "has no hours",
		"DTSTART;VALUE=DATE:20261225|RRULE:FREQ=DAILY;INTERVAL=999999999":                "INTERVAL",
		"DTSTART;VALUE=DATE:20261225|RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30":          "no day meets it",
		"DTSTART;VALUE=DATE:20261225|RRULE:FREQ=DAILY|RRULE:FREQ=YEARLY":                 "several RRULE",
		"DTSTART;VALUE=DATE:20261225|EXRULE:FREQ=YEARLY":                                 "EXRULE",
		"DTSTART;VALUE=DATE:20261225|EXDATE:soon":                                        "EXDATE",
		"DTSTART;VALUE=DATE:20261225|DURATION:P9999D":                                    "P9999D",
		"DTSTART;VALUE=DATE:20261225|DTEND;VALUE=DATE:20291225":                          "it lasts 1096 days",
		"DTSTART;VALUE=DATE:00010101":                                                    "is no date",
		"DTSTART;VALUE=DATE:16010101|RRULE:FREQ=DAILY":                                   "more than 100000 days",
		"DTSTART;TZID=Moon/Base:20261225T000000|RRULE:FREQ=DAILY;UNTIL=20270101T000000Z": "Moon/Base",
		"DTSTART;VALUE=DATE:20261225|RECURRENCE-ID;RANGE=THISANDFUTURE:20261225":         "RANGE",
	} {
		if _, err := calendarOf(t, "BEGIN:VEVENT|"+event+"|END:VEVENT"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", event, err, want)
		}
	}
	many := strings.Repeat("BEGIN:VEVENT|DTSTART;VALUE=DATE:20200101|RRULE:FREQ=DAILY|END:VEVENT|", 20)
	if _, err := calendarOf(t, strings.TrimSuffix(many, "|")); err == nil || !strings.Contains(err.Error(), "more than 100000 days") {
		t.Errorf("many long rules: %v", err)
	}
	path := filepath.Join(t.TempDir(), "cut.ics")
	if err := os.WriteFile(path, []byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261225\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := schedule.LoadCalendar(path); err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("half a file: %v", err)
	}
}
