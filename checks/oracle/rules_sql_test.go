package oracle_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
)

// query is an sql check.
type query struct {
	limits
	where    predicate
	function string // count, sum, min, max
	column   string // n or x
	onNull   string
}

func drawQuery(r *rand.Rand, t *table) rule {
	q := query{limits: drawLimits(r, len(t.rows)), where: drawWhere(r),
		function: pick(r, []string{"count", "sum", "min", "max"}), column: pick(r, []string{"n", "n", "x"}),
		onNull: pick(r, []string{"", "fail", "ignore", "warn"})}
	if q.column == "x" && q.function == "sum" { // depends on the order of the rows
		q.function = "max"
	}
	return q
}

func (q query) config(e *engine, t *table) map[string]any {
	s := fmt.Sprintf("SELECT %s(%s) FROM %s.%s", q.function, q.column, e.database.Schema, t.name)
	if q.where != nil {
		s += " WHERE " + q.where.sql(e, t)
	}
	m := map[string]any{"name": "q", "query": s}
	q.into(m)
	if q.onNull != "" {
		m["on_null"] = q.onNull
	}
	return map[string]any{"sql": m}
}

func (q query) expect(e *engine, t *table) expectation {
	total, mayRefuse := t.aggregate(e, t.selected(e, q.where), q.function, q.column)
	x := expectation{mayRefuse: mayRefuse, numbers: map[string]*big.Rat{"value": total}}
	switch {
	case mayRefuse && total == nil: // NaN
		x.status = sentinel.Error
	case total == nil:
		x.status = policy(q.onNull, sentinel.Unknown)
	default:
		x.status = q.status(total)
	}
	return x
}

// aggregate computes an aggregate of a column; nil is NULL, or not a number. mayRefuse
// is true for what engines or 64 bits cannot hold.
func (t *table) aggregate(e *engine, rows []row, function, column string) (total *big.Rat, mayRefuse bool) {
	k := t.index(column)
	var values []*big.Rat
	size, nan := new(big.Rat), 0
	for _, r := range rows {
		switch v := e.stored(r[k]).(type) {
		case *big.Int:
			values = append(values, new(big.Rat).SetInt(v))
		case float64:
			if math.IsNaN(v) {
				nan++
				continue
			}
			values = append(values, new(big.Rat).SetFloat64(v))
		}
	}
	switch {
	case function == "count":
		return integer(len(values) + nan), false
	case nan > 0 && (function == "max" || len(values) == 0): // NaN is the largest number
		return nil, true
	}
	for _, v := range values {
		size.Add(size, new(big.Rat).Abs(v))
		switch {
		case total == nil:
			total = new(big.Rat).Set(v)
		case function == "sum":
			total.Add(total, v)
		case function == "min" && v.Cmp(total) < 0, function == "max" && v.Cmp(total) > 0:
			total.Set(v)
		}
	}
	return total, column == "n" && size.Cmp(new(big.Rat).SetInt64(math.MaxInt64)) > 0
}

// reconcile compares a table with another one.
type reconcile struct {
	with      *table
	on        func(e *engine) *engine // where the other table is
	where     predicate
	unit      string
	tolerance int
	percent   bool
	sum       bool
	severity  string
}

// anyEngine writes texts as standard SQL does.
var anyEngine = &engine{flavour: flavours["postgres"]}

// drawReconcile makes the other table: the same rows, some of them lost, doubled or changed.
func drawReconcile(r *rand.Rand, t *table, on func(*engine) *engine) rule {
	with := *t
	with.name = t.name + "_copy"
	with.rows = nil
	for _, row := range t.rows {
		switch r.IntN(12) {
		case 0:
			continue
		case 1:
			with.rows = append(with.rows, row)
		case 2:
			row = slices.Clone(row)
			row[1] = big.NewInt(r.Int64N(9))
		}
		with.rows = append(with.rows, row)
	}
	if r.IntN(3) == 0 {
		with.rows = t.rows
	}
	c := reconcile{with: &with, on: on, where: drawWhere(r), sum: r.IntN(2) == 0,
		severity: pick(r, []string{"", "warn", "fail"})}
	if c.where != nil && strings.Contains(c.where.sql(anyEngine, t), `\`) {
		c.where = nil // engines read a backslash differently, and both tables get the same text
	}
	// An expression is in one engine's SQL, and both tables get the same.
	if r.IntN(3) == 0 && t.columns[t.index("at")].kind != day && t.named() {
		c.unit = pick(r, []string{"hour", "day", "week", "month"})
	}
	if r.IntN(2) == 0 {
		c.tolerance, c.percent = 1+r.IntN(20), r.IntN(2) == 0
	}
	return c
}

func (c reconcile) config(e *engine, t *table) map[string]any {
	other := c.on(e)
	m := map[string]any{"with": other.name + "." + other.database.Schema + "." + c.with.name}
	if c.where != nil {
		m["where"] = c.where.sql(e, t)
	}
	if c.unit != "" {
		m["bucket"] = c.unit
	}
	if c.tolerance > 0 {
		m["tolerance"] = fmt.Sprint(c.tolerance)
		if c.percent {
			m["tolerance"] = fmt.Sprintf("%d%%", c.tolerance)
		}
	}
	if c.sum {
		m["sum"] = []string{"n"}
	}
	if c.severity != "" {
		m["severity"] = c.severity
	}
	return map[string]any{"reconcile": m}
}

func (c reconcile) expect(e *engine, t *table) expectation {
	here, there := t.selected(e, c.where), c.with.selected(c.on(e), c.where)
	if c.unit != "" {
		clock := e // both sides are of the same period
		if !t.knowsZones(c.on(e)) {
			clock = c.on(e)
		}
		period := t.closedLabels(clock, c.unit, t.tick, 1)[0]
		here, there = t.inPeriod(clock, here, c.unit, period), c.with.inPeriod(clock, there, c.unit, period)
	}
	x := expectation{status: sentinel.Pass, numbers: map[string]*big.Rat{"row_count": integer(len(here))}}
	agree := c.agree(integer(len(here)), integer(len(there)))
	if c.sum {
		a, refuseA := t.aggregate(e, here, "sum", "n")
		b, refuseB := c.with.aggregate(c.on(e), there, "sum", "n")
		x.mayRefuse = refuseA || refuseB
		agree = agree && c.agree(a, b)
	}
	if !agree {
		x.status = policy(c.severity, sentinel.Fail)
	}
	return x
}

func (c reconcile) agree(a, b *big.Rat) bool {
	if a == nil || b == nil {
		return a == b
	}
	limit := new(big.Rat).SetInt64(int64(c.tolerance))
	if c.percent {
		larger := new(big.Rat).Abs(a)
		if other := new(big.Rat).Abs(b); other.Cmp(larger) > 0 {
			larger = other
		}
		limit.Mul(limit, larger).Quo(limit, big.NewRat(100, 1))
	}
	return new(big.Rat).Abs(new(big.Rat).Sub(a, b)).Cmp(limit) <= 0
}

// declared is a schema check that declares columns by name.
type declared struct {
	columns []string
	extra   string
}

func drawDeclared(r *rand.Rand, t *table) rule {
	d := declared{extra: pick(r, []string{"ignore", "ignore", "warn", "fail"})}
	for _, c := range t.columns {
		if r.IntN(5) > 0 {
			d.columns = append(d.columns, c.name)
		}
	}
	if r.IntN(4) == 0 || len(d.columns) == 0 {
		d.columns = append(d.columns, "nowhere")
	}
	return d
}

func (d declared) config(*engine, *table) map[string]any {
	columns := map[string]any{}
	for _, c := range d.columns {
		columns[c] = nil
	}
	return map[string]any{"schema": map[string]any{"columns": columns, "extra": d.extra}}
}

func (d declared) expect(_ *engine, t *table) expectation {
	x := expectation{status: sentinel.Pass}
	if slices.Contains(d.columns, "nowhere") {
		x.status = sentinel.Fail
	}
	for _, c := range t.columns {
		if !slices.Contains(d.columns, c.name) {
			x.status = worse(x.status, policy(d.extra, sentinel.Warn))
		}
	}
	return x
}
