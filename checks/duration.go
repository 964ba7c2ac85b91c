package checks

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

// Duration is a span of time that is written as 30m, 1d6h or 2w, or in dbt's form
// {count: 12, period: hour}.
type Duration time.Duration

// ParseDuration reads a duration such as 1d6h.
func ParseDuration(s string) (Duration, error) {
	d, err := settings.ParseDuration(s)
	return Duration(d), err
}

// UnmarshalText reads 1d6h.
func (d *Duration) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDuration(string(b))
	return err
}

// Periods returns the span of dbt's form: a count of minutes, hours or days.
func Periods(count int, period string) (time.Duration, error) {
	unit, ok := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[period]
	if !ok || count <= 0 {
		return 0, errors.New("want {count: a positive number, period: minute, hour or day}")
	}
	span := float64(count) * float64(unit)
	if span > float64(math.MaxInt64/2) {
		return 0, fmt.Errorf("%d periods of a %s are too long", count, period)
	}
	return time.Duration(span), nil
}

// String formats the span: "3h 12m", "1d 6h", "45s".
func (d Duration) String() string { return humanDuration(time.Duration(d)) }

func humanDuration(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	if d < time.Second {
		return sign + d.Round(time.Millisecond).String()
	}
	d = d.Round(time.Second)
	if d >= time.Hour {
		d = d.Round(time.Minute)
	}
	var parts []string
	for _, u := range []struct {
		name string
		unit time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if n := d / u.unit; n > 0 {
			parts = append(parts, strconv.FormatInt(int64(n), 10)+u.name)
			d -= n * u.unit
		}
	}
	return sign + strings.Join(parts[:min(2, len(parts))], " ")
}

// ageText describes the age of the newest row.
func ageText(age time.Duration, newest time.Time, loc *time.Location) string {
	old := humanDuration(age)
	if age == math.MaxInt64 {
		old = "more than 292 years"
	}
	return "newest row " + old + " old (" + clockText(newest, loc) + ")"
}

// ageSeconds is the age in seconds, with microseconds. A time.Duration ends at 292 years.
func ageSeconds(now, newest time.Time) sentinel.Number {
	return sentinel.Float(float64(max(0, now.UnixMicro()-newest.UnixMicro())) / 1e6)
}

// clockText formats an instant in the dataset's zone. Years are those of history: the year
// before 1 is 1 BC.
func clockText(at time.Time, loc *time.Location) string {
	if loc == nil {
		loc = time.UTC
	}
	at = at.In(loc)
	if year := at.Year(); year < 1 {
		return fmt.Sprintf("%04d-%s BC", 1-year, at.Format("01-02 15:04 MST"))
	}
	return at.Format("2006-01-02 15:04 MST")
}
