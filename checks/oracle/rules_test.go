package oracle_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// rule is one check: its configuration, and what its result must be.
type rule interface {
	// config returns the check as it stands in YAML, for one engine.
	config(e *engine, t *table) map[string]any
	// expect computes the result from the rows alone.
	expect(e *engine, t *table) expectation
}

// expectation is what a result must be.
type expectation struct {
	status sentinel.Status
	// mayRefuse allows an error instead: the number cannot be expected of every engine.
	mayRefuse bool
	// mayDoubt allows a finding that is unknown instead: a segment is written in several ways,
	// and what Sentinel asks of some of its rows may come under another name.
	mayDoubt bool
	numbers  map[string]*big.Rat // observations by metric
	segments []segment           // observations of the rows of each segment
	ahead    bool                // some rows lie in the future
	nothing  bool                // the case decides nothing, for example because it hangs on a second
}

// segment is one group of rows. An engine names it by the values of any of its rows.
type segment struct {
	names []string
	count int
	age   bool // the observation is an age, which depends on the clock, and not the count
	rows  []row
}

// spellings is in how many ways the values of a segment are written.
func (s segment) spellings(t *table, by []string) int {
	ways := map[string]bool{}
	for _, r := range s.rows {
		var values []any
		for _, name := range by {
			values = append(values, r[t.index(name)])
		}
		ways[fmt.Sprintf("%v", values)] = true
	}
	return len(ways)
}

// bound is a condition on a number. The zero bound is none.
type bound struct {
	op        string
	low, high int64
}

func drawBound(r *rand.Rand, near int) bound {
	number := func() int64 {
		return pick(r, []int64{0, 1, 2, int64(near / 2), int64(near - 1), int64(near), int64(near + 1)})
	}
	operators := []string{"<", "<=", ">", ">=", "=", "!=", "between", "not between"}
	b := bound{op: pick(r, operators), low: number(), high: number()}
	b.low, b.high = max(0, min(b.low, b.high)), max(1, b.low, b.high)
	if b.op == "<" || b.op == ">=" {
		b.low = max(1, b.low) // no count is below 0, so that the bound would decide nothing
	}
	return b
}

func (b bound) String() string {
	if strings.HasSuffix(b.op, "between") {
		return fmt.Sprintf("%s %d and %d", b.op, b.low, b.high)
	}
	return fmt.Sprintf("%s %d", b.op, b.low)
}

func (b bound) holds(v *big.Rat) bool {
	low, high := v.Cmp(new(big.Rat).SetInt64(b.low)), v.Cmp(new(big.Rat).SetInt64(b.high))
	switch b.op {
	case "":
		return false
	case "between":
		return low >= 0 && high <= 0
	case "not between":
		return low < 0 || high > 0
	}
	return compares(low, b.op)
}

// limits are the two conditions of a check.
type limits struct{ warn, fail bound }

func drawLimits(r *rand.Rand, near int) limits {
	l := limits{fail: drawBound(r, near)}
	switch r.IntN(3) {
	case 0:
		l.warn = drawBound(r, near)
	case 1:
		l.warn, l.fail = l.fail, bound{}
	}
	return l
}

func (l limits) into(m map[string]any) {
	if l.warn.op != "" {
		m["warn"] = l.warn.String()
	}
	if l.fail.op != "" {
		m["fail"] = l.fail.String()
	}
}

func (l limits) status(v *big.Rat) sentinel.Status {
	switch {
	case l.fail.holds(v):
		return sentinel.Fail
	case l.warn.holds(v):
		return sentinel.Warn
	}
	return sentinel.Pass
}

func integer(n int) *big.Rat { return new(big.Rat).SetInt64(int64(n)) }

func worse(a, b sentinel.Status) sentinel.Status {
	if b.Worse(a) {
		return b
	}
	return a
}

// rowCount is a row_count check.
type rowCount struct {
	limits
	where      predicate
	unit       string // of the bucket; "" for none
	delay      int    // minutes
	by         []string
	partitions string // unit of the periods that must have rows; "" for none
	last       int
}

func drawRowCount(r *rand.Rand, t *table) rule {
	c := rowCount{limits: drawLimits(r, len(t.rows)), where: drawWhere(r), last: 1 + r.IntN(9)}
	units := []string{"hour", "day", "day", "week", "month"}
	if t.columns[t.index("at")].kind == day {
		units = units[1:]
	}
	if r.IntN(2) == 0 {
		c.unit, c.delay = pick(r, units), pick(r, []int{0, 0, 30, 120, 1441})
		c.limits = drawLimits(r, len(t.rows)/4)
	}
	if r.IntN(3) == 0 {
		c.by = pick(r, [][]string{{"s"}, {"n"}, {"s", "n"}})
		c.limits = drawLimits(r, len(t.rows)/12)
	}
	if len(c.by) == 0 && r.IntN(3) == 0 { // a check has either
		c.partitions = pick(r, units)
	}
	return c
}

func (c rowCount) config(e *engine, t *table) map[string]any {
	m := map[string]any{}
	c.into(m)
	if c.where != nil {
		m["where"] = c.where.sql(e, t)
	}
	if c.unit != "" {
		m["bucket"] = c.unit
		if c.delay > 0 {
			m["delay"] = fmt.Sprintf("%dm", c.delay)
		}
	}
	if len(c.by) > 0 {
		m["by"], m["limit"] = c.by, 1000
	}
	if c.partitions != "" {
		m["expected_partitions"] = map[string]any{"every": c.partitions, "last": c.last}
	}
	return map[string]any{"row_count": m}
}

func (c rowCount) expect(e *engine, t *table) expectation {
	all := t.selected(e, c.where)
	rows := all
	if c.unit != "" {
		rows = t.inPeriod(e, rows, c.unit, t.closedLabels(e, c.unit, minutesBefore(t.tick, c.delay), 1)[0])
	}
	x := expectation{numbers: map[string]*big.Rat{}}
	if len(c.by) == 0 {
		x.status = c.status(integer(len(rows)))
		x.numbers["row_count"] = integer(len(rows))
	} else {
		x.segments = t.segments(e, rows, c.by)
		x.status = sentinel.Pass
		if len(x.segments) == 0 {
			x.status = c.status(integer(0))
		}
		for _, s := range x.segments {
			x.status = worse(x.status, c.status(integer(s.count)))
		}
	}
	if c.partitions != "" {
		missing, filled := 0, t.filled(e, all, c.partitions)
		for _, name := range t.closedLabels(e, c.partitions, t.tick, c.last) {
			if !filled[name] {
				missing++
			}
		}
		x.numbers["missing_partitions"] = integer(missing)
		if missing > 0 {
			x.status = worse(x.status, sentinel.Fail)
		}
	}
	return x
}

func minutesBefore(at time.Time, n int) time.Time { return at.Add(-time.Duration(n) * time.Minute) }

// forms returns the names that a segment may have: a value stands as it is or quoted.
func forms(plain, quoted []string) []string {
	if len(plain) == 0 {
		return []string{""}
	}
	var out []string
	for _, rest := range forms(plain[1:], quoted[1:]) {
		for _, first := range []string{plain[0], quoted[0]} {
			if rest != "" {
				first += ", " + rest
			}
			out = append(out, first)
		}
	}
	return out
}

// segments groups rows as the engine compares them.
func (t *table) segments(e *engine, rows []row, by []string) []segment {
	var out []segment
	at := map[string]int{}
	for _, r := range rows {
		var id, name, quoted []string
		for _, b := range by {
			k := t.index(b)
			shown := fmt.Sprint(r[k])
			key := "=" + shown
			switch s, is := r[k].(string); {
			case is:
				key = "=" + e.flavour.equal(t.columns[k].ci && e.flavour.ci != "", s)
			case r[k] == nil:
				shown, key = "<null>", ""
			}
			both := strconv.Quote(shown)
			switch {
			case r[k] == nil:
				both = shown
			case shown == "<null>" || strings.HasPrefix(shown, `"`):
				shown = both // as it stands it would be NULL, or another text that is quoted
			}
			id, name = append(id, fmt.Sprintf("%q", key)), append(name, b+"="+shown)
			quoted = append(quoted, b+"="+both)
		}
		key := strings.Join(id, ",")
		if _, seen := at[key]; !seen {
			at[key] = len(out)
			out = append(out, segment{})
		}
		s := &out[at[key]]
		s.count++
		s.rows = append(s.rows, r)
		s.names = append(s.names, forms(name, quoted)...)
	}
	return out
}
