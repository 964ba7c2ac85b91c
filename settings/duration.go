package settings

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// durationUnits lists ms before m, because m is a prefix of it.
var durationUnits = []struct {
	name string
	unit time.Duration
}{
	{"w", 7 * 24 * time.Hour},
	{"d", 24 * time.Hour},
	{"h", time.Hour},
	{"ms", time.Millisecond},
	{"m", time.Minute},
	{"s", time.Second},
}

// longest is the longest duration: a century, which no date and no number of nanoseconds
// runs over.
const longest = 36525 * 24 * time.Hour

// ParseDuration parses a duration such as 30m, 1d6h or 2w. Its result is not negative, and
// at most a century.
func ParseDuration(s string) (time.Duration, error) {
	rest := strings.ReplaceAll(strings.TrimSpace(s), " ", "")
	if rest == "0" {
		return 0, nil
	}
	total := 0.0 // nanoseconds
	for first := true; first || rest != ""; first = false {
		part, after, ok := cutDuration(rest)
		if !ok {
			return 0, fmt.Errorf("duration %q: want a number and a unit (s, m, h, d, w), such as 30m or 1d6h", s)
		}
		total += part
		rest = after
	}
	if total > float64(longest) {
		return 0, fmt.Errorf("duration %q: want at most a century (36525d)", s)
	}
	return time.Duration(total), nil
}

// cutDuration cuts the first number and unit off a duration such as 1d6h.
func cutDuration(s string) (nanoseconds float64, after string, ok bool) {
	unit := strings.TrimLeft(s, "0123456789.")
	number := s[:len(s)-len(unit)]
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || number[0] == '.' || number[len(number)-1] == '.' {
		return 0, s, false
	}
	for _, u := range durationUnits {
		if after, ok = strings.CutPrefix(unit, u.name); ok {
			return n * float64(u.unit), after, true
		}
	}
	return 0, s, false
}
