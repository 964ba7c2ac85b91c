package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// compiled is one statement, with the position of each answer in its row. Column 0 is
// the database's clock.
type compiled struct {
	statement warehouse.Statement
	columns   []int // column of each ask's answer
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
	out := compiled{columns: make([]int, len(asks))}
	outputs := []string{d.Epoch("")}
	var from []string
	for i, s := range groupScans(rel, asks) {
		first := len(outputs)
		var expressions, list []string // of this scan: equal asks share one
		for _, member := range s.members {
			expr, err := asks[member].sql(d, s.mixed)
			if err != nil {
				return compiled{}, err
			}
			k := slices.Index(expressions, expr)
			if k < 0 {
				k = len(expressions)
				expressions = append(expressions, expr)
				list = append(list, fmt.Sprintf("%s AS c%d", expr, k+1))
				outputs = append(outputs, fmt.Sprintf("s%d.c%d", i+1, k+1))
			}
			out.columns[member] = first + k
		}
		filter, err := s.filter(d, &out.statement.Args)
		if err != nil {
			return compiled{}, err
		}
		from = append(from, fmt.Sprintf("(SELECT %s FROM %s%s) s%d", strings.Join(list, ", "), table, filter, i+1))
	}
	out.statement.SQL = "SELECT " + strings.Join(outputs, ", ") + " FROM " + strings.Join(from, " CROSS JOIN ")
	return out, nil
}

// scan is one pass over the rows of a window.
type scan struct {
	window  Window
	where   string // filters the whole scan, unless mixed
	mixed   bool   // members have different filters, which go into a CASE each
	own     string // not empty: only asks with an equal value share the scan
	members []int  // indexes of the asks that it answers
}

// groupScans decides which asks share a scan.
func groupScans(rel *warehouse.Table, asks []*Aggregate) []scan {
	var scans []scan
	for i, a := range asks {
		own := ""
		switch {
		case a.usesIndex(rel) && !scannedAnyway(rel, asks, a.Window):
			own = a.Func + " " + a.Column
		case a.Func == "":
			// An aggregate of the user cannot be put into a CASE.
			own = "where " + a.Where
		}
		at := slices.IndexFunc(scans, func(s scan) bool { return s.own == own && s.window.equal(a.Window) })
		if at < 0 {
			at = len(scans)
			scans = append(scans, scan{window: a.Window, where: a.Where, own: own})
		}
		s := &scans[at]
		s.mixed = s.mixed || s.where != a.Where
		s.members = append(s.members, i)
	}
	return scans
}

// usesIndex reports whether an index answers the aggregate alone.
func (a *Aggregate) usesIndex(rel *warehouse.Table) bool {
	return (a.Func == "max" || a.Func == "min") && a.Where == "" && a.Column != "" && rel.LeadsIndex(a.Column)
}

// scannedAnyway reports whether another ask scans all rows of the window.
func scannedAnyway(rel *warehouse.Table, asks []*Aggregate, w Window) bool {
	return slices.ContainsFunc(asks, func(a *Aggregate) bool {
		return a.Func != "" && !a.usesIndex(rel) && a.Window.equal(w)
	})
}

func (w Window) equal(v Window) bool {
	return w.Column == v.Column && w.From.Equal(v.From) && w.To.Equal(v.To)
}

// filter writes the scan's WHERE clause; empty if there is none.
func (s *scan) filter(d warehouse.Dialect, args *[]any) (string, error) {
	conditions, err := s.window.conditions(d, args)
	if err != nil {
		return "", err
	}
	if !s.mixed && s.where != "" {
		conditions = append(conditions, "("+s.where+")")
	}
	return whereClause(conditions), nil
}

func whereClause(conditions []string) string {
	if len(conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(conditions, " AND ")
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
		if b.at.IsZero() {
			continue
		}
		expr, arg := warehouse.Comparable(d, column, b.at)
		*args = append(*args, arg)
		out = append(out, expr+" "+b.op+" "+d.Param(len(*args)))
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
		bucket := fmt.Sprintf("%s / %d", d.Epoch(column), int64(g.Every/time.Second))
		columns = []string{warehouse.Floor(d, bucket)}
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
	by := strings.Join(columns, ", ")
	groups := fmt.Sprintf("SELECT %s, count(*), count(*) OVER (), sum(count(*)) OVER ()"+
		" FROM %s%s GROUP BY %s ORDER BY count(*) DESC, %s",
		by, table, whereClause(conditions), by, by)
	st.SQL = warehouse.Limit(d, groups, g.Limit)
	return st, nil
}
