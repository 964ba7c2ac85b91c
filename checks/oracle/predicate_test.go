package oracle_test

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
)

// truth is SQL's logic of three values.
type truth int

const (
	no truth = iota - 1
	unknown
	yes
)

// predicate is a condition on a row: how an engine writes it, and what it means.
type predicate interface {
	sql(e *engine, t *table) string
	holds(e *engine, t *table, r row) truth
}

// comparison compares an integer column with a number.
type comparison struct {
	column string
	op     string
	than   int64
}

func (c comparison) sql(*engine, *table) string {
	return fmt.Sprintf("%s %s %d", c.column, c.op, c.than)
}

func (c comparison) holds(_ *engine, t *table, r row) truth {
	v := r[t.index(c.column)]
	if v == nil {
		return unknown
	}
	return truthOf(compares(v.(*big.Int).Cmp(big.NewInt(c.than)), c.op))
}

func compares(cmp int, op string) bool {
	switch op {
	case "<":
		return cmp < 0
	case "<=":
		return cmp <= 0
	case ">":
		return cmp > 0
	case ">=":
		return cmp >= 0
	case "<>", "!=":
		return cmp != 0
	}
	return cmp == 0
}

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// among is `s IN (...)`; with one text it is `s = ...`.
type among []string

func (a among) sql(e *engine, _ *table) string {
	list := make([]string, len(a))
	for i, s := range a {
		list[i] = e.flavour.quote(s)
	}
	if len(list) == 1 {
		return "s = " + list[0]
	}
	return "s IN (" + strings.Join(list, ", ") + ")"
}

func (a among) holds(e *engine, t *table, r row) truth {
	at := t.index("s")
	if r[at] == nil {
		return unknown
	}
	for _, s := range a {
		if e.same(t.columns[at], r[at].(string), s) {
			return yes
		}
	}
	return no
}

func (e *engine) same(c column, a, b string) bool {
	ci := c.ci && e.flavour.ci != ""
	return e.flavour.equal(ci, a) == e.flavour.equal(ci, b)
}

// null is `column IS NULL`.
type null string

func (n null) sql(*engine, *table) string { return string(n) + " IS NULL" }

func (n null) holds(e *engine, t *table, r row) truth {
	return truthOf(e.stored(r[t.index(string(n))]) == nil)
}

// not, and, or combine.
type not struct{ p predicate }

func (n not) sql(e *engine, t *table) string { return "NOT (" + n.p.sql(e, t) + ")" }

func (n not) holds(e *engine, t *table, r row) truth { return -n.p.holds(e, t, r) }

type and struct{ p, q predicate }

func (a and) sql(e *engine, t *table) string { return a.p.sql(e, t) + " AND (" + a.q.sql(e, t) + ")" }

func (a and) holds(e *engine, t *table, r row) truth {
	return min(a.p.holds(e, t, r), a.q.holds(e, t, r))
}

type or struct{ p, q predicate }

// The condition is written without parentheses around the whole: what is added
// to it must not change its meaning.
func (o or) sql(e *engine, t *table) string { return o.p.sql(e, t) + " OR " + o.q.sql(e, t) }

func (o or) holds(e *engine, t *table, r row) truth {
	return max(o.p.holds(e, t, r), o.q.holds(e, t, r))
}

// noted has a comment behind it.
type noted struct{ p predicate }

func (n noted) sql(e *engine, t *table) string { return n.p.sql(e, t) + " -- it's so" }

func (n noted) holds(e *engine, t *table, r row) truth { return n.p.holds(e, t, r) }

func drawPredicate(r *rand.Rand, depth int) predicate {
	if depth > 0 {
		switch r.IntN(4) {
		case 0:
			return not{drawPredicate(r, depth-1)}
		case 1:
			return and{leaf(r), drawPredicate(r, depth-1)}
		case 2:
			return or{leaf(r), drawPredicate(r, depth-1)}
		}
	}
	return leaf(r)
}

func leaf(r *rand.Rand) predicate {
	switch r.IntN(4) {
	case 0:
		return null(pick(r, []string{"n", "x", "s", "at"}))
	case 1:
		list := among{pick(r, texts)}
		for range r.IntN(3) {
			list = append(list, pick(r, texts))
		}
		return list
	case 2:
		return comparison{"id", pick(r, []string{"<", ">=", "<>"}), r.Int64N(40)}
	}
	return comparison{"n", pick(r, []string{"<", "<=", ">", ">=", "=", "<>", "!="}), r.Int64N(12) - 3}
}

// drawWhere draws the condition of a check; often there is none.
func drawWhere(r *rand.Rand) predicate {
	if r.IntN(2) == 0 {
		return nil
	}
	p := drawPredicate(r, 2)
	if r.IntN(10) == 0 {
		return noted{p}
	}
	return p
}

// selected returns the rows for which the condition is true.
func (t *table) selected(e *engine, where predicate) []row {
	if where == nil {
		return t.rows
	}
	var out []row
	for _, r := range t.rows {
		if where.holds(e, t, r) == yes {
			out = append(out, r)
		}
	}
	return out
}
