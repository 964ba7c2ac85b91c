package schedule

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"
)

// Calendar is a set of holidays: a map from a date such as 2006-01-02 to its name. The
// zero value is empty.
type Calendar map[string]string

// Holiday reports whether the date of t in its zone is a holiday.
func (c Calendar) Holiday(t time.Time) bool {
	_, ok := c[t.Format(time.DateOnly)]
	return ok
}

// LoadCalendar reads an iCalendar file or a text file. Of an iCalendar file it reads each
// day of all-day events. A text file has one date per line, such as 2026-12-25, with a
// name after a comma or space; # starts a comment.
func LoadCalendar(path string) (Calendar, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("holidays: %w", err)
	}
	defer f.Close()
	var lines []string
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		line := strings.TrimRight(sc.Text(), "\r")
		if n := len(lines); n > 0 && (strings.HasPrefix(line, " ") || strings.HasPrefix(line,
			"\t")) && strings.HasPrefix(lines[0], "BEGIN:VCALENDAR") {
			lines[n-1] += line[1:] // a folded line of iCalendar
			continue
		}
		lines = append(lines, line)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("holidays %s: %w", path, err)
	}
	c, err := parseDates(lines)
	if len(lines) > 0 && strings.HasPrefix(strings.TrimPrefix(lines[0], "\ufeff"), "BEGIN:VCALENDAR") {
		c, err = parseICS(lines)
	}
	if err != nil {
		return nil, fmt.Errorf("holidays %s: %w", path, err)
	}
	if len(c) == 0 {
		return nil, fmt.Errorf("holidays %s: no dates in it", path)
	}
	return c, nil
}

func parseDates(lines []string) (Calendar, error) {
	c := Calendar{}
	for i, line := range lines {
		line, _, _ = strings.Cut(strings.TrimPrefix(line, "\ufeff"), "#")
		fields := strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == ';' })
		if len(fields) == 0 {
			continue
		}
		d, err := time.Parse(time.DateOnly, fields[0])
		if err != nil {
			if i == 0 {
				continue // a header
			}
			return nil, fmt.Errorf("line %d: %q is not a date like 2026-12-25", i+1, fields[0])
		}
		c[d.Format(time.DateOnly)] = strings.Join(fields[1:], " ")
	}
	return c, nil
}

func parseICS(lines []string) (Calendar, error) {
	c := Calendar{}
	var start, end time.Time
	var name string
	for i, line := range lines {
		key, value, _ := strings.Cut(line, ":")
		prop, _, _ := strings.Cut(key, ";")
		var err error
		switch {
		case line == "BEGIN:VEVENT":
			start, end, name = time.Time{}, time.Time{}, ""
		case prop == "DTSTART":
			start, err = time.Parse("20060102", value[:min(8, len(value))])
		case prop == "DTEND":
			end, err = time.Parse("20060102", value[:min(8, len(value))])
		case prop == "SUMMARY":
			name = value
		case prop == "RRULE":
			err = fmt.Errorf("a repeating event is not supported: list its dates")
		case line == "END:VEVENT" && !start.IsZero():
			if end.Before(start.AddDate(0, 0, 1)) {
				end = start.AddDate(0, 0, 1)
			}
			for d := start; d.Before(end) && d.Sub(start) < 366*24*time.Hour; d = d.AddDate(0, 0, 1) {
				c[d.Format(time.DateOnly)] = name
			}
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return c, nil
}
