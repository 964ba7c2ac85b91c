package checks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// compiled is one statement and where in its answer each ask's number stands.
// Column 0 is the database's clock.
type compiled struct {
	statement warehouse.Statement
	columns   []int // by ask
}

// compile merges aggregates of one table into one statement. Aggregates over
// the same rows share a scan; different scans are derived tables of the same
// statement, so that each prunes its partitions and uses its index alone:
//
//	SELECT clock, s1.c1, s1.c2, s2.c1
//	FROM (SELECT count(*) AS c1, sum(x) AS c2 FROM t WHERE at >= $1 AND at < $2) s1
//	CROSS JOIN (SELECT max(at) AS c1 FROM t) s2
func compile(d warehouse.Dialect, rel *warehouse.Table, asks []*Aggregate) (compiled, error) {
	table, err := warehouse.QuoteTable(d, rel.TableName)
	if err != nil {
		return compiled{}, err
	}
	scans, place := groupScans(rel, asks)
	c := compiled{columns: make([]int, len(asks))}
	from, outputs := make([]byte, 0, 128+64*len(asks)), make([]byte, 0, 64+16*len(asks))
	outputs = append(append(outputs, "SELECT "...), d.Epoch("")...)
	position := 1
	for i := range scans {
		s := &scans[i]
		if i > 0 {
			from = append(from, " CROSS JOIN "...)
		}
		var n int
		from = append(from, '(')
		if from, n, err = s.compile(from, d, table, i, &c.statement.Args, asks, place, c.columns, position); err != nil {
			return compiled{}, err
		}
		from = strconv.AppendInt(append(from, ") s"...), int64(i+1), 10)
		for k := range n {
			outputs = strconv.AppendInt(append(outputs, ", s"...), int64(i+1), 10)
			outputs = strconv.AppendInt(append(outputs, ".c"...), int64(k+1), 10)
		}
		position += n
	}
	c.statement.SQL = string(append(append(outputs, " FROM "...), from...))
	return c, nil
}

// scan is one pass over the rows of a window.
type scan struct {
	window Window
	where  string // filters the whole scan; members with other filters use CASE
	own    string // not "": a scan of its own, shared with equal asks only
	mixed  bool   // members have different filters
}

// groupScans decides which asks share a scan. place is the scan of each ask.
func groupScans(rel *warehouse.Table, asks []*Aggregate) (scans []scan, place []int) {
	place = make([]int, len(asks))
	for i, a := range asks {
		own := ""
		switch {
		case a.looksUp(rel) && !slices.ContainsFunc(asks, func(b *Aggregate) bool { return b.Func != "" && !b.looksUp(rel) && b.Window.equal(a.Window) }):
			// An index look-up, where no scan reads the same rows anyway.
			own = a.Func + " " + a.Column
		case a.Func == "":
			// The user's own aggregate cannot be put into a CASE.
			own = "where " + a.Where
		}
		at := slices.IndexFunc(scans, func(s scan) bool { return s.own == own && s.window.equal(a.Window) })
		if at < 0 {
			at = len(scans)
			scans = append(scans, scan{window: a.Window, where: a.Where, own: own})
		} else if scans[at].where != a.Where {
			scans[at].mixed = true
		}
		place[i] = at
	}
	return scans, place
}

// looksUp reports whether an index answers the aggregate alone.
func (a *Aggregate) looksUp(rel *warehouse.Table) bool {
	return (a.Func == "max" || a.Func == "min") && a.Where == "" && a.Column != "" && rel.LeadsIndex(a.Column)
}

func (w Window) equal(v Window) bool {
	return w.Column == v.Column && w.From.Equal(v.From) && w.To.Equal(v.To)
}

// compile appends the scan and notes the position of its members' numbers; n is how
// many there are.
func (s *scan) compile(b []byte, d warehouse.Dialect, table string, self int, args *[]any, asks []*Aggregate, place, columns []int, first int) (_ []byte, n int, err error) {
	var room [8]string
	outputs := room[:0]
	b = append(b, "SELECT "...)
	for i, a := range asks {
		if place[i] != self {
			continue
		}
		expr, err := a.sql(d, s.mixed)
		if err != nil {
			return nil, 0, err
		}
		k := slices.Index(outputs, expr)
		if k < 0 {
			k = len(outputs)
			outputs = append(outputs, expr)
			if k > 0 {
				b = append(b, ", "...)
			}
			b = strconv.AppendInt(append(append(b, expr...), " AS c"...), int64(k+1), 10)
		}
		columns[i] = first + k
	}
	b = append(append(b, " FROM "...), table...)
	conditions, err := s.window.conditions(d, args)
	if err != nil {
		return nil, 0, err
	}
	if !s.mixed && s.where != "" {
		conditions = append(conditions, "("+s.where+")")
	}
	for i, condition := range conditions {
		before := " AND "
		if i == 0 {
			before = " WHERE "
		}
		b = append(append(b, before...), condition...)
	}
	return b, len(outputs), nil
}

// conditions writes the window with bound parameters.
func (w Window) conditions(d warehouse.Dialect, args *[]any) ([]string, error) {
	if w.Column == "" {
		return nil, nil
	}
	column, err := d.Quote(w.Column)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, b := range []struct {
		at time.Time
		op string
	}{{w.From, ">="}, {w.To, "<"}} {
		if !b.at.IsZero() {
			expr, arg := warehouse.Comparable(d, column, b.at)
			*args = append(*args, arg)
			out = append(out, expr+" "+b.op+" "+d.Param(len(*args)))
		}
	}
	return out, nil
}

// sql writes the aggregate; inCase puts its own filter into it.
func (a *Aggregate) sql(d warehouse.Dialect, inCase bool) (string, error) {
	arg := a.Expr
	if a.Column != "" {
		quoted, err := d.Quote(a.Column)
		if err != nil {
			return "", err
		}
		arg = quoted
	}
	if a.Func == "" {
		return arg, nil
	}
	if arg == "" {
		arg = "*"
	}
	if inCase && a.Where != "" {
		value := arg
		if arg == "*" {
			value = "1"
		}
		arg = "CASE WHEN " + a.Where + " THEN " + value + " END"
	}
	sql := a.Func + "(" + arg + ")"
	if a.Epoch {
		sql = d.Epoch(sql)
	}
	return sql, nil
}

// compileGroups writes the statement of a Groups ask: the groups' columns, the
// group's count, the number of groups and the count of all rows.
func compileGroups(d warehouse.Dialect, rel *warehouse.Table, g *Groups) (warehouse.Statement, error) {
	table, err := warehouse.QuoteTable(d, rel.TableName)
	if err != nil {
		return warehouse.Statement{}, err
	}
	columns := make([]string, len(g.By))
	if g.Every > 0 {
		column, err := d.Quote(g.Window.Column)
		if err != nil {
			return warehouse.Statement{}, err
		}
		columns = []string{fmt.Sprintf("floor(%s / %d)", d.Epoch(column), int64(g.Every/time.Second))}
	}
	for i, c := range g.By {
		if columns[i], err = d.Quote(c); err != nil {
			return warehouse.Statement{}, err
		}
	}
	var st warehouse.Statement
	conditions, err := g.Window.conditions(d, &st.Args)
	if err != nil {
		return st, err
	}
	if g.Where != "" {
		conditions = append(conditions, "("+g.Where+")")
	}
	filter := ""
	if len(conditions) > 0 {
		filter = " WHERE " + strings.Join(conditions, " AND ")
	}
	by := strings.Join(columns, ", ")
	st.SQL = fmt.Sprintf("SELECT %s, count(*), count(*) OVER (), sum(count(*)) OVER () FROM %s%s GROUP BY %s ORDER BY count(*) DESC, %s LIMIT %d",
		by, table, filter, by, by, g.Limit)
	return st, nil
}
