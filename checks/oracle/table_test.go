package oracle_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"time"
)

// value is nil (NULL), *big.Int, float64, string or time.Time. A wall clock's time and a
// day are kept as that time in UTC.
type value any

type row []value

type column struct {
	name string
	kind kind
	ci   bool  // texts that differ in case alone are equal, where the engine can do so
	form *form // how times are kept; nil: by the engine's type for the kind
}

// table is a table that every engine can have, with the instant at which it is checked.
type table struct {
	name    string
	columns []column
	rows    []row
	zone    *time.Location
	tick    time.Time
	live    bool      // the rows' times are near the real clock, as freshness needs
	change  time.Time // the zone's clock was changed then, shortly before the tick; else zero
}

func (t *table) index(name string) int {
	for i, c := range t.columns {
		if c.name == name {
			return i
		}
	}
	panic("no column " + name)
}

// texts are odd ones. No two are equal in an engine's collation but those that differ
// in case or in blanks at the end.
var texts = []string{"DE", "de", "DE ", "", "FR", "Österreich", "O'Brien", `back\slash`, "a=b, c=d", "<null>",
	`"<null>"`, "NULL",
	"%", "✓", "other", "😀", "line\nbreak", "$1", "?", "-- no", "x;y"}

// zones have changes of the clock at odd hours of the day, or none.
var zones = []string{"UTC", "Europe/Berlin", "America/New_York", "America/Santiago", "America/Havana", "Africa/Cairo",
	"Asia/Kathmandu", "Asia/Beirut", "Atlantic/Azores", "Pacific/Auckland", "America/Asuncion", "Pacific/Chatham"}

// draw makes a table.
func draw(r *rand.Rand, name string) (*table, error) {
	zone, err := time.LoadLocation(pick(r, zones))
	if err != nil {
		return nil, err
	}
	t := &table{name: name, zone: zone, live: r.IntN(4) == 0}
	t.columns = []column{
		{name: "id", kind: bigint},
		{name: "n", kind: pick(r, []kind{smallint, bigint, decimal})},
		{name: "x", kind: float},
		{name: "s", kind: text, ci: r.IntN(3) == 0},
		{name: "at", kind: pick(r, []kind{naive, zoned, zoned, day})},
	}
	if f := drawForm(r); f != nil {
		t.columns[4].kind, t.columns[4].form = f.kind, f
	}
	t.tick = time.Now().UTC().Truncate(time.Microsecond)
	switch {
	case !t.live:
		t.tick = drawTick(r, zone)
	case r.IntN(2) == 0:
		if t.zone, err = changedZone(r, t.tick); err != nil {
			return nil, err
		}
	}
	if start, _ := t.tick.In(t.zone).ZoneBounds(); t.tick.Sub(start) < 90*time.Hour {
		t.change = start
	}
	for i := range pick(r, []int{0, 1, 3, 10, 40, 120}) {
		t.rows = append(t.rows, t.drawRow(r, i))
	}
	return t, nil
}

// drawTick draws an instant, more often than not near a change of the zone's clock.
func drawTick(r *rand.Rand, zone *time.Location) time.Time {
	at := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.Int64N(2 * 365 * 24 * int64(time.Hour))))
	if _, change := at.In(zone).ZoneBounds(); change.Year() >= 2025 && change.Year() < 2028 && r.IntN(3) > 0 {
		at = change.Add(time.Duration(r.Int64N(int64(80*time.Hour))) - 20*time.Hour)
	}
	return at.UTC().Truncate(pick(r, []time.Duration{time.Second, 15 * time.Minute, time.Hour}))
}

func (t *table) drawRow(r *rand.Rand, id int) row {
	out := row{big.NewInt(int64(id)), nil, nil, nil, nil}
	if r.IntN(6) > 0 {
		out[1] = drawInteger(r, t.columns[1].kind)
	}
	if r.IntN(6) > 0 {
		out[2] = pick(r, []float64{0, 1, -1, math.NaN(), 1.5, 2.25, -7.75, 1e18, math.Round(r.Float64() * 1000)})
	}
	if r.IntN(6) > 0 {
		out[3] = pick(r, texts)
	}
	if r.IntN(8) > 0 {
		out[4] = t.drawTime(r)
	}
	return out
}

func drawInteger(r *rand.Rand, k kind) *big.Int {
	if r.IntN(8) > 0 {
		return big.NewInt(r.Int64N(12) - 3)
	}
	if k == smallint {
		return big.NewInt(pick(r, []int64{math.MaxInt16, math.MinInt16}))
	}
	return big.NewInt(pick(r, []int64{math.MaxInt64, math.MinInt64 + 1, 1<<53 + 1, -1e18}))
}

// ages are those of rows in a live table, far from every limit that a check is given.
var ages = []time.Duration{-3 * time.Hour, -2 * time.Minute, 30 * time.Second, 20 * time.Minute, 100 * time.Minute,
	5 * time.Hour, 30 * time.Hour, 80 * time.Hour, 400 * time.Hour}

// drawTime draws a time near the tick, often exactly on a quarter of an hour, or near a
// change of the clock.
func (t *table) drawTime(r *rand.Rand) time.Time {
	at := t.tick.Add(-pick(r, ages))
	if !t.live {
		reach := pick(r, []time.Duration{3 * time.Hour, 60 * time.Hour, 20 * 24 * time.Hour})
		at = t.tick.Add(time.Duration(r.Int64N(int64(reach+reach/8))) - reach).Truncate(time.Microsecond)
	}
	nearChange := !t.change.IsZero() && r.IntN(3) == 0
	if nearChange {
		at = t.change.Add(time.Duration(r.Int64N(int64(4*time.Hour))) - 2*time.Hour).Truncate(time.Microsecond)
	}
	switch r.IntN(4) {
	case 0:
		at = at.Truncate(time.Hour)
	case 1:
		at = at.Truncate(15 * time.Minute).Add(-time.Microsecond)
	case 2:
		at = at.Truncate(15 * time.Minute)
	}
	shown := wall(at, t.zone)
	if nearChange { // as a clock would show it that is not changed, also in the hour that is skipped
		shown = wall(t.change.Add(-time.Second), t.zone).Add(at.Sub(t.change) + time.Second)
	}
	switch c := t.columns[4]; {
	case c.kind == day:
		at = midnight(shown)
	case c.kind == naive:
		at = shown
	}
	if f := t.columns[4].form; f != nil {
		at = at.Truncate(f.precision)
	}
	return at
}

// wall returns what the zone's clock shows, as a time in UTC.
func wall(at time.Time, zone *time.Location) time.Time {
	_, offset := at.In(zone).Zone()
	return at.UTC().Add(time.Duration(offset) * time.Second)
}

func midnight(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func (t *table) String() string {
	s := fmt.Sprintf("table %s, zone %s, tick %s, live %v, change %s\n", t.name, t.zone,
		t.tick.Format(time.RFC3339Nano), t.live, t.change)
	for _, c := range t.columns {
		s += fmt.Sprintf("  %s %s%s", c.name, c.kind, c.form)
	}
	for _, r := range t.rows {
		s += fmt.Sprintf("\n  %v", []value(r))
	}
	return s
}
