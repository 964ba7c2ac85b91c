package anomaly

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
)

func learning(have, want int) string { return fmt.Sprintf("learning, %d of %d points", have, want) }

// reason returns the text of an alarm. It tells the present value, also when the episode
// began with another one.
func reason(c Config, s *state, e evidence, state sentinel.ScoreState) string {
	v := e.point.Value
	extra := e.expected.extra(v)
	var text string
	switch {
	case e.rule == stuckRule:
		text = fmt.Sprintf("%s, the same value %d times in a row (%s of history)", amount(c, v, 0), s.Flat+2, s.history())
	case e.rule == changeRule:
		text = changeText(c, s, e)
	default:
		text = fmt.Sprintf("%s, %s (%s of history)", amount(c, v, extra),
			expectation(c, e.expected, extra, s.daily(), e.point.Time), s.history())
		if e.rule == noRule && e.kind != sentinel.Onset {
			text += "; " + s.trend(e.side, e.kind)
		}
	}
	switch {
	case v < s.Bottom:
		text += "; the lowest so far"
	case v > s.Top:
		text += "; the highest so far"
	}
	if state == sentinel.Ongoing && s.Open {
		text += "; unusual since " + clock(c, s.daily(), s.Since)
	}
	return text
}

// recovering returns the text of a point that is back in its range while its episode is
// not over.
func recovering(c Config, s *state, e evidence) string {
	extra := e.expected.extra(e.point.Value)
	text := fmt.Sprintf("%s, inside %s again for %d of %d points; ", amount(c, e.point.Value, extra),
		e.expected.text(extra), calmPoints-s.Wait, calmPoints)
	if s.Learned != 0 {
		since := time.Unix(s.Learned, 0).In(e.point.Time.Location())
		return text + "the level since " + clock(c, s.daily(), since) + " is the expected one now"
	}
	return text + "unusual since " + clock(c, s.daily(), s.Since)
}

// trend says on which side the values of some time are.
func (s *state) trend(side float64, kind sentinel.ScoreState) string {
	word := "lower"
	if side > 0 {
		word = "higher"
	}
	switch {
	case kind != sentinel.SlowDrift:
		return word + " than usual for some time"
	case s.daily():
		return "drifting " + word + " for a week or more"
	}
	return "drifting " + word + " for a day or more"
}

// history returns how long the series is.
func (s *state) history() string {
	if weeks := float64(s.N) * s.Step / (7 * 86400); weeks >= 2 {
		return fmt.Sprintf("%.0f weeks", weeks)
	}
	return fmt.Sprintf("%d points", s.N)
}

// place names the hour of a point, or the day if the series is daily.
func place(c Config, daily bool, t time.Time) string {
	if c.Location != nil {
		t = t.In(c.Location)
	}
	if daily {
		return t.Weekday().String()
	}
	return t.Format("Monday 15:04")
}

// clock names a time that may be days ago.
func clock(c Config, daily bool, t time.Time) string {
	if c.Location != nil {
		t = t.In(c.Location)
	}
	if daily {
		return t.Format("2006-01-02")
	}
	return t.Format("2006-01-02 15:04")
}

// amount returns a value with its unit.
func amount(c Config, v float64, extra int) string {
	if c.Unit == "" {
		return digits(v, extra)
	}
	return digits(v, extra) + " " + c.Unit
}

// expectation returns the words for a range.
func expectation(c Config, e expected, extra int, daily bool, t time.Time) string {
	zero := ""
	if e.zero {
		zero = " or 0"
	}
	return fmt.Sprintf("expected %s%s for a %s", e.text(extra), zero, place(c, daily, t))
}

// text returns both ends of a range. A range without an upper end has no limit.
func (e expected) text(extra int) string {
	if math.IsInf(e.high, 1) {
		return digits(e.low, extra) + " or more"
	}
	return digits(e.low, extra) + " to " + digits(e.high, extra)
}

// maxExtra bounds the digits that tell two numbers apart.
const maxExtra = 14

// extra returns how many more digits than usual show on which side of the range a value
// is.
func (e expected) extra(v float64) int {
	shown := func(v float64, extra int) float64 {
		text := strings.ReplaceAll(digits(v, extra), ",", "")
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return v
		}
		return n
	}
	for n := range maxExtra {
		s, low, high := shown(v, n), shown(e.low, n), shown(e.high, n)
		if (s < low) == (v < e.low) && (s > high) == (v > e.high) {
			return n
		}
	}
	return maxExtra
}

// digits formats a number with three digits, or all digits of a whole part, and with extra
// more digits.
func digits(v float64, extra int) string {
	if a := math.Abs(v); a < 100 || a >= 1e15 || math.IsNaN(v) {
		return strconv.FormatFloat(v, 'g', 3+extra, 64)
	}
	whole, part, _ := strings.Cut(strconv.FormatFloat(v, 'f', extra, 64), ".")
	sign := ""
	if v < 0 {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if part = strings.TrimRight(part, "0"); part != "" {
		part = "." + part
	}
	return sign + whole + part
}
