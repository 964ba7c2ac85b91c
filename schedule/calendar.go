package schedule

import (
	"errors"
	"fmt"
	"io"
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

// largestCalendar bounds the size of a file.
const largestCalendar = 16 << 20

// LoadCalendar reads an iCalendar file or a text file. Of an iCalendar file it reads each
// day of all-day events, and of those that repeat. A text file has one date per line, such
// as 2026-12-25, with a name after a comma or space; # starts a comment.
func LoadCalendar(path string) (Calendar, error) {
	text, err := readCalendar(path)
	if err != nil {
		return nil, fmt.Errorf("holidays: %w", err)
	}
	var c Calendar
	if strings.HasPrefix(strings.ToUpper(text), "BEGIN:VCALENDAR") {
		c, err = parseICS(text)
	} else {
		c, err = parseDates(strings.Split(text, "\n"))
	}
	if err == nil && len(c) == 0 {
		err = errors.New("no dates in it")
	}
	if err != nil {
		return nil, fmt.Errorf("holidays %s: %w", path, err)
	}
	return c, nil
}

// readCalendar reads a file without a byte order mark.
func readCalendar(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, largestCalendar+1))
	if err == nil && len(data) > largestCalendar {
		err = fmt.Errorf("%s is larger than %d MiB", path, largestCalendar>>20)
	}
	return strings.TrimSpace(strings.TrimPrefix(string(data), "\ufeff")), err
}

func parseDates(lines []string) (Calendar, error) {
	c := Calendar{}
	for i, line := range lines {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(", \t;\r", r) })
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
