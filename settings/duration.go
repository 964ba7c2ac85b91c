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

// ParseDuration parses a duration such as 30m, 1d6h or 2w. Its result is not negative.
func ParseDuration(s string) (time.Duration, error) {
	rest := strings.ReplaceAll(strings.TrimSpace(s), " ", "")
	if rest == "0" {
		return 0, nil
	}
	var total time.Duration
	for first := true; first || rest != ""; first = false {
		part, after, ok := cutDuration(rest)
		if !ok {
			return 0, fmt.Errorf("duration %q: want a number and a unit (s, m, h, d, w), such as 30m or 1d6h", s)
		}
		total += part
		rest = after
	}
	return total, nil
}

// cutDuration cuts the first number and unit off a duration such as 1d6h.
func cutDuration(s string) (d time.Duration, after string, ok bool) {
	unit := strings.TrimLeft(s, "0123456789.")
	number := s[:len(s)-len(unit)]
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n > 1e6 || number[0] == '.' || number[len(number)-1] == '.' {
		return 0, s, false
	}
	for _, u := range durationUnits {
		if after, ok = strings.CutPrefix(unit, u.name); ok {
			return time.Duration(n * float64(u.unit)), after, true
		}
	}
	return 0, s, false
}
