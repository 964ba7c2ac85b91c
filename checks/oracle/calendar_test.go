package oracle_test

import (
	"fmt"
	"time"
)

// label names the period in which an instant lies. It is written without the code that
// Sentinel's periods use: it looks only at what the zone's clock shows.
func label(unit string, at time.Time, zone *time.Location) string {
	name := wallLabel(unit, wall(at, zone))
	if unit == "hour" { // the hour that comes twice is two
		_, offset := at.In(zone).Zone()
		name += fmt.Sprint(" ", offset)
	}
	return name
}

// wallLabel names the period of a wall clock's time.
func wallLabel(unit string, w time.Time) string {
	switch unit {
	case "hour":
		return w.Format("2006-01-02 15")
	case "week":
		year, week := w.ISOWeek()
		return fmt.Sprint(year, " week ", week)
	case "month":
		return w.Format("2006-01")
	}
	return w.Format(time.DateOnly)
}

// closedLabels returns the names of the newest n periods that have ended at an instant,
// newest first. A column that keeps wall clock times cannot tell the two passes
// of an hour that comes twice.
func (t *table) closedLabels(e *engine, unit string, at time.Time, n int) []string {
	name := func(at time.Time) string { return label(unit, at, t.zone) }
	if !t.knowsZones(e) {
		name = func(at time.Time) string { return t.wallLabel(unit, wall(at, t.zone)) }
	}
	// Clocks change at quarters of an hour, so a period that is passed over going
	// back in such steps does not exist.
	at = at.Truncate(15 * time.Minute)
	last := name(at)
	var out []string
	seen := map[string]bool{last: true}
	for len(out) < n {
		at = at.Add(-15 * time.Minute)
		if now := name(at); !seen[now] {
			seen[now] = true
			out = append(out, now)
		}
	}
	return out
}

// knowsZones reports whether the time column's type, or its configuration, says that
// every value is an instant. Only then the two passes of an hour are two periods.
func (t *table) knowsZones(e *engine) bool {
	c := t.columns[t.index("at")]
	return c.kind == zoned && (c.form != nil || !e.flavour.untyped)
}

// labelOf names the period in which a row lies; "" if it has no time, or one that no
// clock showed.
func (t *table) labelOf(e *engine, unit string, r row) string {
	at := t.index("at")
	if r[at] == nil {
		return ""
	}
	v := r[at].(time.Time)
	switch kind := t.columns[at].kind; {
	case t.knowsZones(e):
		return label(unit, v, t.zone)
	case kind == zoned:
		return t.wallLabel(unit, wall(v, t.zone))
	case kind == naive && len(t.showings(v)) == 0 && (unit == "hour" || !v.Equal(midnight(v))):
		return ""
	}
	return t.wallLabel(unit, v)
}

// wallLabel names the period of a wall clock's time in the table's zone. Hours of which the
// clock shows parts by turns have the name of the first.
func (t *table) wallLabel(unit string, w time.Time) string {
	own := wallLabel(unit, w)
	at := t.showings(w)
	if unit != "hour" || len(at) == 0 {
		return own
	}
	const quarters = 12 * 4
	shown, last := make([]string, quarters), map[string]int{}
	for k := range shown {
		shown[k] = wallLabel(unit, wall(at[0].Add(time.Duration(k-quarters/2)*15*time.Minute), t.zone))
		last[shown[k]] = k
	}
	first, end := "", -1
	for k, name := range shown {
		if k > end {
			first = name
		}
		if end = max(end, last[name]); name == own {
			return first
		}
	}
	return own
}

// showings returns the instants at which the zone's clock showed a time. Offsets from UTC
// are quarters of an hour.
func (t *table) showings(shown time.Time) (out []time.Time) {
	for offset := -16 * time.Hour; offset <= 16*time.Hour; offset += 15 * time.Minute {
		if at := shown.Add(offset); wall(at, t.zone).Equal(shown) {
			out = append(out, at)
		}
	}
	return out
}

// inPeriod returns the rows of a period.
func (t *table) inPeriod(e *engine, rows []row, unit, name string) []row {
	var out []row
	for _, r := range rows {
		if t.labelOf(e, unit, r) == name {
			out = append(out, r)
		}
	}
	return out
}

// filled returns the names of the periods that have rows.
func (t *table) filled(e *engine, rows []row, unit string) map[string]bool {
	out := map[string]bool{}
	for _, r := range rows {
		out[t.labelOf(e, unit, r)] = true
	}
	return out
}
