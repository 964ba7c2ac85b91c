package page

import (
	"math"
	"strings"
	"time"
)

// fit chooses the range of values, and draws its rows.
func (s *scale) fit(c *chart) {
	low, high := 0.0, math.Inf(-1)
	whole := true
	take := func(v float64) {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			low, high = min(low, v), max(high, v)
		}
	}
	for _, p := range s.Points {
		take(p.Value)
		whole = whole && p.Value == math.Trunc(p.Value)
	}
	data := high
	for _, p := range s.Points { // a band that is far wider than the data must not squash it
		if p.High <= 2*data {
			take(p.High)
		}
		if p.Low >= min(low, 0)-math.Abs(data) {
			take(p.Low)
		}
	}
	for _, l := range s.Limits {
		if math.Abs(l.At) <= 3*math.Abs(data) {
			take(l.At * 1.05)
		}
	}
	if math.IsInf(high, -1) || high <= low {
		high = low + 1
	}
	step := niceStep((high-low)/4, s.Unit == ageUnit)
	if whole && s.Unit == plainUnit {
		step = max(1, step)
	}
	s.low, s.high = math.Floor(low/step)*step, math.Ceil(high/step)*step
	for v := s.low; v <= s.high+step/2; v += step {
		c.Rows = append(c.Rows, gridRow{s.y(v), s.write(v)})
	}
}

// write writes a value for an axis.
func (v series) write(value float64) string {
	switch {
	case v.Unit == shareUnit:
		return percent(value)
	case v.Unit == ageUnit:
		return strings.ReplaceAll(duration(time.Duration(value)*time.Second), " ", "\u00a0")
	case math.Abs(value) >= 1e9:
		return float(value/1e9) + "G"
	case math.Abs(value) >= 1e6:
		return float(value/1e6) + "M"
	case math.Abs(value) >= 10_000:
		return float(value/1e3) + "k"
	}
	return float(value)
}

// niceStep returns a round step of at least a size: 1, 2 or 5 times a power of ten, or for ages a
// round number of seconds, minutes, hours or days.
func niceStep(size float64, age bool) float64 {
	if age {
		for _, step := range []float64{1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10800, 21600, 43200, 86400} {
			if step >= size {
				return step
			}
		}
		return 86400 * niceStep(size/86400, false)
	}
	if size <= 0 || math.IsNaN(size) || math.IsInf(size, 0) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(size)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= size {
			return m * power
		}
	}
	return 10 * power
}

// columns draws the labels of the time axis.
func (s *scale) columns(c *chart) {
	length := s.To.Sub(s.From)
	layout, step := "2 Jan", 24*time.Hour
	for _, o := range []struct {
		up   time.Duration
		step time.Duration
		text string
	}{
		{10 * time.Minute, time.Minute, "15:04"}, {2 * time.Hour, 15 * time.Minute, "15:04"},
		{12 * time.Hour, 2 * time.Hour, "15:04"},
		{2 * 24 * time.Hour, 6 * time.Hour, "Mon 15:04"}, {10 * 24 * time.Hour, 24 * time.Hour, "Mon 2"},
		{40 * 24 * time.Hour, 72 * time.Hour, "2 Jan"}, {120 * 24 * time.Hour, 14 * 24 * time.Hour, "2 Jan"},
		{400 * 24 * time.Hour, 28 * 24 * time.Hour, "2 Jan"},
	} {
		layout, step = o.text, o.step
		if length <= o.up {
			break
		}
	}
	for float64(length/step)*64 > float64(c.Right-c.Left) {
		step *= 2
	}
	year, month, today := s.To.In(s.Zone).Date()
	at := time.Date(year, month, today+1, 0, 0, 0, 0, s.Zone)
	for ; !at.Before(s.From); at = before(at, step, s.Zone) {
		if x := s.x(at); !at.After(s.To) && x >= s.left && x <= s.right-8 {
			c.Columns = append(c.Columns, gridColumn{x, at.In(s.Zone).Format(layout)})
		}
	}
}

// before steps back. Whole days keep the time of day when the clocks change.
func before(at time.Time, step time.Duration, zone *time.Location) time.Time {
	if step%(24*time.Hour) != 0 {
		return at.Add(-step)
	}
	return at.In(zone).AddDate(0, 0, -int(step/(24*time.Hour)))
}
