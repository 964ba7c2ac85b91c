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

// compiler writes statements, in memory that is used again.
type compiler struct {
	asks          []*Aggregate // of the statement
	from, outputs []byte       // its parts
	scans         []scan       // its passes,
	place         []int        // and which of them an ask belongs to
	columns       []int        // of all statements until forget
}

// forget ends the validity of the columns of all statements so far.
func (c *compiler) forget() { c.columns = c.columns[:0] }

// compile merges aggregates of one table into one statement. Aggregates over
// the same rows share a scan; different scans are derived tables of the same
// statement, so that each prunes its partitions and uses its index alone:
//
//	SELECT clock, s1.c1, s1.c2, s2.c1
//	FROM (SELECT count(*) AS c1, sum(x) AS c2 FROM t WHERE at >= $1 AND at < $2) s1
//	CROSS JOIN (SELECT max(at) AS c1 FROM t) s2
func (c *compiler) compile(d warehouse.Dialect, rel *warehouse.Table, asks []*Aggregate) (out compiled, err error) {
	table, err := warehouse.QuoteTable(d, rel.TableName)
	if err != nil {
		return out, err
	}
	c.groupScans(rel, asks)
	before := len(c.columns)
	c.columns = slices.Grow(c.columns, len(asks))[:before+len(asks)]
	out.columns = c.columns[before:len(c.columns):len(c.columns)]
	from, outputs := c.from[:0], append(append(c.outputs[:0], "SELECT "...), d.Epoch("")...)
	position := 1
	for i := range c.scans {
		if i > 0 {
			from = append(from, " CROSS JOIN "...)
		}
		var n int
		from = append(from, '(')
		if from, n, err = c.scan(from, d, table, i, &out.statement.Args, asks, out.columns, position); err != nil {
			return compiled{}, err
		}
		from = strconv.AppendInt(append(from, ") s"...), int64(i+1), 10)
		for k := range n {
			outputs = strconv.AppendInt(append(outputs, ", s"...), int64(i+1), 10)
			outputs = strconv.AppendInt(append(outputs, ".c"...), int64(k+1), 10)
		}
		position += n
	}
	outputs = append(append(outputs, " FROM "...), from...)
	c.from, c.outputs = from, outputs
	out.statement.SQL = string(outputs)
	return out, nil
}

// scan is one pass over the rows of a window.
type scan struct {
	window Window
	where  string // filters the whole scan; members with other filters use CASE
	own    string // not "": a scan of its own, shared with equal asks only
	mixed  bool   // members have different filters
}

// groupScans decides which asks share a scan, and which one is each ask's.
func (c *compiler) groupScans(rel *warehouse.Table, asks []*Aggregate) {
	scans, place := c.scans[:0], c.place[:0]
	for _, a := range asks {
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
		place = append(place, at)
	}
	c.scans, c.place = scans, place
}

// looksUp reports whether an index answers the aggregate alone.
func (a *Aggregate) looksUp(rel *warehouse.Table) bool {
	return (a.Func == "max" || a.Func == "min") && a.Where == "" && a.Column != "" && rel.LeadsIndex(a.Column)
}

func (w Window) equal(v Window) bool {
	return w.Column == v.Column && w.From.Equal(v.From) && w.To.Equal(v.To)
}

// scan appends a scan and notes the position of its members' numbers; n is how many
// there are.
func (c *compiler) scan(b []byte, d warehouse.Dialect, table string, self int, args *[]any, asks []*Aggregate, columns []int, first int) (_ []byte, n int, err error) {
	s := &c.scans[self]
	var room [8]string
	outputs := room[:0]
	b = append(b, "SELECT "...)
	for i, a := range asks {
		if c.place[i] != self {
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
