package schedule

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func berlin(t *testing.T) *time.Location {
	t.Helper()
	loc, err := Zone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// fires lists the UTC instants at which spec fires in Berlin between two instants.
func fires(t *testing.T, spec, from, to string) string {
	t.Helper()
	s, err := Parse(spec, berlin(t))
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.Parse(time.RFC3339, from)
	if err != nil {
		t.Fatal(err)
	}
	end, err := time.Parse(time.RFC3339, to)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for at = s.Next(at); !at.After(end); at = s.Next(at) {
		out = append(out, at.UTC().Format("02T15:04"))
		if prev := s.Prev(at); !prev.Equal(at) {
			t.Errorf("Prev(%v) = %v, want the fire itself", at, prev)
		}
	}
	return strings.Join(out, " ")
}

// firing is when an expression fires in Berlin between two instants.
type firing struct{ name, spec, from, to, want string }

func hold(t *testing.T, cases []firing) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := fires(t, c.spec, c.from, c.to); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestC34ATimeInTheSpringGapFiresOnceAfterIt(t *testing.T) {
	t.Parallel()
	hold(t, []firing{
		{
			"a time in the spring gap fires once, as the clock jumps",
			"30 2 * * *",
			"2026-03-28T00:00:00Z",
			"2026-03-30T12:00:00Z",
			"28T01:30 29T01:00 30T00:30",
		},
		{"every 30 minutes in the gap", "*/30 2 * * *", "2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z", "29T01:00"},
		{
			"hourly goes on through spring",
			"0 * * * *",
			"2026-03-28T23:30:00Z",
			"2026-03-29T03:00:00Z",
			"29T00:00 29T01:00 29T02:00 29T03:00",
		},
		{
			"every 20 minutes goes on through spring",
			"*/20 * * * *",
			"2026-03-29T00:30:00Z",
			"2026-03-29T01:30:00Z",
			"29T00:40 29T01:00 29T01:20",
		},
	})
}

func TestC35ATimeInTheAutumnHourFiresOnce(t *testing.T) {
	t.Parallel()
	hold(t, []firing{
		{
			"a time in the autumn hour fires once",
			"30 2 * * *",
			"2026-10-24T00:00:00Z",
			"2026-10-26T12:00:00Z",
			"24T00:30 25T00:30 26T01:30",
		},
		{
			"hourly goes on through autumn",
			"0 * * * *",
			"2026-10-24T23:30:00Z",
			"2026-10-25T03:00:00Z",
			"25T00:00 25T01:00 25T02:00 25T03:00",
		},
		{
			"every 20 minutes goes on through autumn",
			"*/20 * * * *",
			"2026-10-25T00:30:00Z",
			"2026-10-25T02:00:00Z",
			"25T00:40 25T01:00 25T01:20 25T01:40 25T02:00",
		},
		{"weekdays by six", "0 6 * * 1-5", "2026-11-19T12:00:00Z", "2026-11-23T12:00:00Z", "20T05:00 23T05:00"},
	})
}

// refused holds what is said of expressions that are mistakes.
func refused(t *testing.T, cases map[string]string) {
	t.Helper()
	for spec, want := range cases {
		if _, err := Parse(spec, time.UTC); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q) = %v, want an error with %q", spec, err, want)
		}
	}
}

func TestC36AZoneInTheExpressionIsNoPanic(t *testing.T) {
	t.Parallel()
	refused(
		t,
		map[string]string{
			"TZ=Europe/Berlin":    "write the zone",
			"CRON_TZ=x 0 6 * * *": "write the zone",
			"TZ=":                 "write the zone",
		},
	)
	for _, name := range []string{"Europe/Berln", "../etc/passwd"} {
		if _, err := Zone(name); err == nil {
			t.Errorf("the zone %s must be refused", name)
		}
	}
}

func TestC37WhatCanNeverFireIsRefused(t *testing.T) {
	t.Parallel()
	refused(t, map[string]string{
		"0 0 30 2 *": "never fires", "@every 0s": "at least 1s", "@every 10ms": "at least 1s", "@every x": "at least 1s", "": "want minute hour",
		"61 * * * *": "want minute hour", "* * * *": "want minute hour", "@weekdays": "want minute hour",
	})
}

func FuzzParse(f *testing.F) {
	f.Add("*/5 * * * *", int64(1774746000))
	f.Add("TZ=", int64(0))
	f.Add("0 0 29 2 *", int64(1e9))
	loc, err := Zone("Europe/Berlin")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, spec string, at int64) {
		s, err := Parse(spec, loc)
		if err != nil || at < 0 || at > 4e9 {
			return
		}
		now := time.Unix(at, 0)
		if next := s.Next(now); !next.After(now) {
			t.Errorf("%q: Next(%v) = %v", spec, now, next)
		}
	})
}

func TestCalendar(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	day := func(s string) time.Time {
		d, err := time.ParseInLocation(time.DateOnly, s, berlin(t))
		if err != nil {
			t.Fatal(err)
		}
		return d.Add(23 * time.Hour)
	}
	for _, path := range []string{
		write("h.csv", "date,name\n2026-12-25,Christmas\n2026-12-26 # second\n"),
		write(
			"h.ics",
			"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227\r\n"+
				"SUMMARY:Christ\r\n mas\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
		),
	} {
		c, err := LoadCalendar(path)
		if err != nil {
			t.Fatal(err)
		}
		if !c.Holiday(day("2026-12-25")) || !c.Holiday(day("2026-12-26")) || c.Holiday(day("2026-12-27")) {
			t.Errorf("%s: %v", path, c)
		}
	}
	for _, path := range []string{
		write("empty.csv", ""), write("bad.csv", "2026-01-01\n31.12.2026\n"), filepath.Join(dir, "missing.ics"),
	} {
		if _, err := LoadCalendar(path); err == nil {
			t.Errorf("%s: want an error", path)
		}
	}
}
