package oracle_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// freshness is a freshness check of a live table.
type freshness struct {
	where             predicate
	warn, fail        time.Duration
	onEmpty, onFuture string
	deadline          bool
	deadlineHour      int
	deadlineMinute    int
	grace             time.Duration
	column            bool // the column is named
	by                []string
}

// ageLimits lie far from the ages of rows.
var ageLimits = []time.Duration{10 * time.Minute, time.Hour, 3 * time.Hour, 20 * time.Hour, 50 * time.Hour,
	200 * time.Hour}

func drawFreshness(r *rand.Rand, t *table) rule {
	policies := []string{"", "ignore", "warn", "fail", "unknown"}
	f := freshness{where: drawWhere(r), onEmpty: pick(r, policies), onFuture: pick(r, policies), column: t.named() && r.IntN(2) == 0}
	if r.IntN(3) == 0 {
		f.by = pick(r, [][]string{{"s"}, {"n"}, {"s", "n"}})
	}
	f.fail = pick(r, ageLimits)
	if w := pick(r, ageLimits); w <= f.fail && r.IntN(2) == 0 {
		f.warn = w
	}
	if r.IntN(3) == 0 {
		f.deadline, f.deadlineHour, f.deadlineMinute = true, 6+r.IntN(14), r.IntN(60)
		f.grace = pick(r, []time.Duration{0, 30 * time.Minute, 5 * time.Hour})
		if r.IntN(2) == 0 {
			f.warn, f.fail = 0, 0
		}
	}
	return f
}

func (f freshness) config(e *engine, t *table) map[string]any {
	m := map[string]any{}
	if f.where != nil {
		m["where"] = f.where.sql(e, t)
	}
	for key, d := range map[string]time.Duration{"warn": f.warn, "fail": f.fail} {
		if d > 0 {
			m[key] = fmt.Sprintf("%dm", int(d.Minutes()))
		}
	}
	for key, policy := range map[string]string{"on_empty": f.onEmpty, "on_future": f.onFuture} {
		if policy != "" {
			m[key] = policy
		}
	}
	if f.deadline {
		m["expected"] = fmt.Sprintf("%d %d * * *", f.deadlineMinute, f.deadlineHour)
		if f.grace > 0 {
			m["grace"] = fmt.Sprintf("%dm", int(f.grace.Minutes()))
		}
	}
	if f.column {
		m["column"] = "at"
	}
	if len(f.by) > 0 {
		m["by"], m["limit"] = f.by, 1000
	}
	return map[string]any{"freshness": m}
}

// policy is the status of a setting such as on_empty.
func policy(setting string, standard sentinel.Status) sentinel.Status {
	switch setting {
	case "":
		return standard
	case "ignore":
		return sentinel.Pass
	}
	return statusByName[setting]
}

var statusByName = map[string]sentinel.Status{"warn": sentinel.Warn, "fail": sentinel.Fail, "unknown": sentinel.Unknown}

// A table's rows are judged some time after they were drawn, by the clock of the
// database. Cases that this time could change decide nothing.
const judgedWithin = 4 * time.Minute

func (f freshness) expect(e *engine, t *table) expectation {
	rows := t.selected(e, f.where)
	if len(f.by) == 0 {
		return f.expectOf(e, t, rows)
	}
	x := expectation{status: sentinel.Pass, numbers: map[string]*big.Rat{"newest_timestamp_seconds": nil},
		segments: t.segments(e, rows, f.by)}
	if len(x.segments) == 0 {
		x.status = policy(f.onEmpty, sentinel.Fail)
	}
	for i, s := range x.segments {
		one := f.expectOf(e, t, s.rows)
		if one.nothing {
			return one
		}
		x.segments[i].age = true
		x.mayDoubt = x.mayDoubt || one.ahead && s.spellings(t, f.by) > 1
		x.status = worse(x.status, one.status)
		at := one.numbers["newest_timestamp_seconds"]
		if was := x.numbers["newest_timestamp_seconds"]; at != nil && (was == nil || at.Cmp(was) > 0) {
			x.numbers["newest_timestamp_seconds"] = at
		}
	}
	return x
}

// expectOf computes the result for some rows.
func (f freshness) expectOf(e *engine, t *table, rows []row) expectation {
	x := expectation{status: sentinel.Pass, numbers: map[string]*big.Rat{"newest_timestamp_seconds": nil}}
	now := t.tick
	newest, some, future := moment{}, false, false
	for _, r := range rows {
		if r[t.index("at")] == nil {
			continue
		}
		at := t.moment(e, r, now.Add(5*time.Minute))
		if at.unsure || near(at.last.Sub(now), 5*time.Minute) || near(at.first.Sub(now), 5*time.Minute) {
			return expectation{nothing: true}
		}
		if at.last.Sub(now) > 5*time.Minute {
			future = true
			continue
		}
		newest, some = newest.and(at), true
	}
	if x.ahead = future; future {
		x.status = worse(x.status, policy(f.onFuture, sentinel.Warn))
	}
	if !some {
		x.status = worse(x.status, policy(f.onEmpty, sentinel.Fail))
		return x
	}
	x.numbers["newest_timestamp_seconds"] = big.NewRat(newest.last.UnixMicro(), 1e6)
	for _, late := range []func(time.Time, *table) (sentinel.Status, bool){f.tooOld, f.missed} {
		status, sure := late(newest.last, t)
		earlier, sureToo := late(newest.first, t)
		switch {
		case !sure || !sureToo:
			return expectation{nothing: true}
		case !status.Bad() && earlier.Bad():
			status = sentinel.Unknown
		}
		x.status = worse(x.status, status)
	}
	return x
}

// tooOld judges the age of the newest row; not sure while it is about to change.
func (f freshness) tooOld(newest time.Time, t *table) (status sentinel.Status, sure bool) {
	status = sentinel.Pass
	age := max(0, t.tick.Sub(newest))
	for _, l := range []struct {
		limit  time.Duration
		status sentinel.Status
	}{{f.warn, sentinel.Warn}, {f.fail, sentinel.Fail}} {
		switch {
		case l.limit == 0:
		case near(age, l.limit):
			return status, false
		case age > l.limit:
			status = worse(status, l.status)
		}
	}
	return status, true
}

// missed judges the deadline.
func (f freshness) missed(newest time.Time, t *table) (status sentinel.Status, sure bool) {
	if !f.deadline {
		return sentinel.Pass, true
	}
	before, sure := f.mustBeNewerThan(t)
	if newest.Before(before) {
		return sentinel.Fail, sure
	}
	return sentinel.Pass, sure
}

func near(a, b time.Duration) bool { return (a - b).Abs() < judgedWithin }

// mustBeNewerThan returns the deadline before the latest one that has passed with its
// grace. It is not sure while one is about to pass, or where the clock shows one twice or
// never.
func (f freshness) mustBeNewerThan(t *table) (before time.Time, sure bool) {
	now, last := t.tick, time.Time{}
	for day := midnight(wall(now, t.zone)); ; day = day.AddDate(0, 0, -1) {
		due := day.Add(time.Duration(f.deadlineHour)*time.Hour + time.Duration(f.deadlineMinute)*time.Minute)
		at := t.showings(due)
		switch {
		case len(at) != 1 || near(now.Sub(at[0]), f.grace):
			return before, false
		case !last.IsZero():
			return at[0], true
		case now.Sub(at[0]) >= f.grace:
			last = at[0]
		}
	}
}

// moment is when a row was written, as far as its time tells.
type moment struct {
	stored      time.Time // as the column holds it
	first, last time.Time // the instants that it may be, up to a limit
	skipped     bool
	unsure      bool // it lies about at the limit, or on both sides of it
}

// and returns when the newest of several rows was written: it is as new as any of them may
// be, and as any surely is. Beside a time that the clock skipped, older times do not count.
func (m moment) and(other moment) moment {
	if other.stored.After(m.stored) {
		m, other = other, m
	}
	if other.last.After(m.last) {
		m.last = other.last
	}
	if other.first.After(m.first) && !m.skipped {
		m.first = other.first
	}
	return m
}

// moment returns when a row was written. A time that the clock showed twice is of the
// later pass that does not lie beyond the limit. One that it skipped is of the time before
// the change or after it; but a midnight is the first instant of its day, as is a date. Where
// columns have no types a date is like a midnight.
func (t *table) moment(e *engine, r row, limit time.Time) moment {
	k := t.index("at")
	v := r[k].(time.Time)
	if t.columns[k].kind == zoned {
		return moment{v, v, v, false, false}
	}
	at := t.showings(v)
	isDate := t.columns[k].kind == day && (t.columns[k].form != nil || !e.flavour.untyped)
	if isMidnight := v.Equal(midnight(v)); isDate || len(at) == 0 && isMidnight {
		first := v.Add(-16 * time.Hour)
		for wall(first, t.zone).Before(v) {
			first = first.Add(15 * time.Minute)
		}
		return moment{v, first, first, false, false}
	}
	skipped := len(at) == 0
	if skipped {
		at = t.aroundChange(v)
	}
	m := moment{v, slices.MinFunc(at, time.Time.Compare), slices.MaxFunc(at, time.Time.Compare), skipped, false}
	m.unsure = near(m.last.Sub(limit), 0)
	if m.last.After(limit) {
		m.unsure = m.unsure || skipped
		m.last = m.first
	}
	return m
}

// aroundChange returns the instants at which the clock would have shown a time that it
// skipped, by the offset before the change and by that after it.
func (t *table) aroundChange(shown time.Time) []time.Time {
	before := shown.Add(-17 * time.Hour).Truncate(15 * time.Minute)
	after := before
	for after = before; !wall(after, t.zone).After(shown); after = after.Add(15 * time.Minute) {
		before = after
	}
	return []time.Time{shown.Add(before.Sub(wall(before, t.zone))), shown.Add(after.Sub(wall(after, t.zone)))}
}
