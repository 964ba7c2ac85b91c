package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// compiled is one statement, with the position of each answer in its row. Column 0 is
// the database's clock.
type compiled struct {
	statement warehouse.Statement
	columns   []int // column of each ask's answer
}

// mostOutputs and mostParameters are how many of them a statement may have. PostgreSQL
// takes 1,664 outputs and 65,535 parameters, SQLite 2,000 and 32,766.
const mostOutputs, mostParameters = 500, 30_000

// mostOutputsOfCheck and mostParametersOfCheck are those of a statement for one check, which
// is divided last.
const mostOutputsOfCheck, mostParametersOfCheck = 1_600, 32_000

// outputs returns the number of answers in the statement's row.
func (c compiled) outputs() int {
	n := 0
	for _, column := range c.columns {
		n = max(n, column)
	}
	return n
}

// compile merges aggregates of one table into one statement. Aggregates over
// the same rows share a scan; different scans are derived tables of the same
// statement, so that each prunes its partitions and uses its index alone:
//
//	SELECT clock, s1.c1, s1.c2, s2.c1
//	FROM (SELECT count(*) AS c1, sum(x) AS c2 FROM t WHERE at >= $1 AND at < $2) s1
//	CROSS JOIN (SELECT max(at) AS c1 FROM t) s2
//
// An aggregate of the user may be none. Limits keep it from returning a row for each of the
// table; see [planned.holdOneRow].
func compile(d warehouse.Dialect, of source, asks []*Aggregate) (compiled, error) {
	out := compiled{columns: make([]int, len(asks))}
	outputs := []string{d.Epoch("")}
	var from []string
	limited := false
	for i, s := range groupScans(d, of.rel, asks) {
		first := len(outputs)
		var known, list []string // of this scan: equal asks share one column
		for _, member := range s.members {
			ask := asks[member]
			same := "" // of the only member
			if len(s.members) > 1 {
				var err error
				if same, err = ask.identity(d, s.mixed); err != nil {
					return compiled{}, err
				}
			}
			k := slices.Index(known, same)
			if k < 0 {
				k = len(known)
				expr, err := ask.sql(d, s.mixed, &out.statement.Args)
				if err != nil {
					return compiled{}, err
				}
				known = append(known, same)
				list = append(list, fmt.Sprintf("%s AS c%d", expr, k+1))
				outputs = append(outputs, fmt.Sprintf("s%d.c%d", i+1, k+1))
			}
			out.columns[member] = first + k
		}
		table, err := of.from(d, &out.statement.Args)
		if err != nil {
			return compiled{}, err
		}
		filter, err := s.filter(d, &out.statement.Args)
		if err != nil {
			return compiled{}, err
		}
		rows := fmt.Sprintf("SELECT %s FROM %s%s", strings.Join(list, ", "), table, filter)
		if slices.ContainsFunc(s.members, func(m int) bool { return asks[m].Func == "" }) {
			rows, limited = fewRows(d, rows), true
		}
		from = append(from, fmt.Sprintf("(%s) s%d", rows, i+1))
	}
	limited = limited && len(from) > 1 // each scan may have as many rows
	for i := range outputs {
		if limited { // names of which none occurs twice
			outputs[i] += fmt.Sprintf(" AS o%d", i)
		}
	}
	out.statement.SQL = "SELECT " + strings.Join(outputs, ", ") + " FROM " + strings.Join(from, " CROSS JOIN ")
	if limited {
		out.statement.SQL = fewRows(d, out.statement.SQL)
	}
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
func groupScans(d warehouse.Dialect, rel *warehouse.Table, asks []*Aggregate) []scan {
	var scans []scan
	add := func(i int, own string) {
		a := asks[i]
		window := a.scanWindow()
		at := slices.IndexFunc(scans, func(s scan) bool { return s.own == own && s.window.equal(window) })
		if at < 0 {
			at = len(scans)
			scans = append(scans, scan{window: window, where: a.Where, own: own})
		}
		s := &scans[at]
		s.mixed = s.mixed || s.where != a.Where
		s.members = append(s.members, i)
	}
	for i, a := range asks {
		switch {
		case a.Func == "":
		case a.usesIndex(rel) && !scannedAnyway(rel, asks, a.Window):
			add(i, a.Func+" "+a.Column+a.Time.Column)
		default:
			add(i, "")
		}
	}
	for i, a := range asks {
		if a.Func != "" {
			continue
		}
		// An aggregate of the user cannot be put into a CASE. Beside one, what is none would have
		// the value of some row.
		own := "where " + a.Where
		if !callsAggregate(d, a.Expr) {
			add(i, own+" "+a.Expr)
			continue
		}
		same := func(s scan) bool { return s.own == "" && s.window.equal(a.Window) && s.condition() == a.Where }
		if at := slices.IndexFunc(scans, same); at >= 0 {
			scans[at].members = append(scans[at].members, i)
		} else {
			add(i, own)
		}
	}
	return scans
}

// condition is the filter of the user that the whole scan has.
func (s *scan) condition() string {
	if s.mixed {
		return ""
	}
	return s.where
}

// usesIndex reports whether an index answers the aggregate alone.
func (a *Aggregate) usesIndex(rel *warehouse.Table) bool {
	column := a.Column
	if a.Time.raw() {
		column = a.Time.Column
	}
	return (a.Func == "max" || a.Func == "min") && a.Where == "" && a.Bad == nil && column != "" && rel.LeadsIndex(column)
}

// scanWindow returns the window of the scan that answers the aggregate. A window that an
// index cannot help with selects rows in a CASE, so that one scan serves all of them.
func (a *Aggregate) scanWindow() Window {
	if a.windowInCase() {
		return Window{}
	}
	return a.Window
}

func (a *Aggregate) windowInCase() bool {
	return a.Func != "" && a.Window.Time.set() && (a.InCase || !a.Window.Time.raw())
}

// scannedAnyway reports whether another ask scans all rows of the window.
func scannedAnyway(rel *warehouse.Table, asks []*Aggregate, w Window) bool {
	return slices.ContainsFunc(asks, func(a *Aggregate) bool {
		return a.Func != "" && !a.usesIndex(rel) && a.scanWindow().equal(w)
	})
}

func (w Window) equal(v Window) bool {
	return w.Time == v.Time && w.From.Equal(v.From) && w.To.Equal(v.To) &&
		w.FromWall.Equal(v.FromWall) && w.ToWall.Equal(v.ToWall) &&
		w.InGaps == v.InGaps && slices.Equal(w.Gaps, v.Gaps)
}

// filter writes the scan's WHERE clause; empty if there is none.
func (s *scan) filter(d warehouse.Dialect, args *[]any) (string, error) {
	conditions, err := s.window.conditions(d, args)
	if err != nil {
		return "", err
	}
	if where := s.condition(); where != "" {
		conditions = append(conditions, filterText(where))
	}
	return whereClause(conditions), nil
}

func whereClause(conditions []string) string {
	if len(conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(conditions, " AND ")
}

// identity is equal for aggregates that have the same answer.
func (a *Aggregate) identity(d warehouse.Dialect, mixed bool) (string, error) {
	var args []any
	sql, err := a.sql(d, mixed, &args)
	return fmt.Sprint(sql, args), err
}

// sql writes the aggregate. With mixed, the scan has no filter, and the aggregate's own
// goes into a CASE.
func (a *Aggregate) sql(d warehouse.Dialect, mixed bool, args *[]any) (string, error) {
	if a.Func == "" {
		return a.Expr, nil
	}
	value := a.Expr
	var conditions []string
	if a.windowInCase() {
		within, err := a.Window.conditions(d, args)
		if err != nil {
			return "", err
		}
		conditions = within
	}
	if mixed && a.Where != "" {
		conditions = append(conditions, filterText(a.Where))
	}
	if a.Bad != nil {
		bad, err := warehouse.WritePredicate(d, a.Bad, args)
		if err != nil {
			return "", err
		}
		conditions = append(conditions, "("+bad+")")
	}
	wrap := func(aggregate string) string { return aggregate }
	var err error
	switch {
	case a.Time.set():
		var some string
		if value, some, wrap, err = a.Time.values(d, a.Func, a.Values); some != "" {
			conditions = append(conditions, some)
		}
	case a.Column != "":
		value, err = d.Quote(a.Column)
	}
	if err != nil {
		return "", err
	}
	if a.Distinct != nil {
		values, err := keyTexts(d, a.Distinct.Columns, a.Distinct.ByText)
		if err == nil && len(conditions) > 0 {
			// A row that has NULL in one of the values is left out. The parameters are bound once.
			values[0] = "CASE WHEN " + strings.Join(conditions, " AND ") + " THEN " + values[0] + " END"
		}
		return "count(DISTINCT " + strings.Join(values, ", ") + ")", err
	}
	if a.InCase { // before the parameters of the window come in, which wrap may repeat
		value = wrap(value)
		wrap = func(aggregate string) string { return aggregate }
	}
	if value == "" {
		value = "*"
	}
	if len(conditions) > 0 {
		if value == "*" {
			value = "1"
		}
		value = "CASE WHEN " + strings.Join(conditions, " AND ") + " THEN " + value + " END"
	}
	return wrap(a.Func + "(" + value + ")"), nil
}

// filterText is a user's filter in parentheses. The line break ends a comment in it.
func filterText(where string) string {
	if strings.Contains(where, "--") || strings.Contains(where, "#") {
		return "(" + where + "\n)"
	}
	return "(" + where + ")"
}

// values writes the numbers of each group, and behind them their sums over all groups.
func (g *Groups) values(d warehouse.Dialect, args *[]any) (list string, err error) {
	forms := []string{", %s"}
	if g.Totals {
		forms = append(forms, ", sum(%s) OVER ()")
	}
	for _, form := range forms {
		for _, v := range g.Values {
			value, err := v.sql(d, false, args)
			if err != nil {
				return "", err
			}
			list += fmt.Sprintf(form, value)
		}
	}
	return list, nil
}

// compileGroups writes the statement of a Groups ask: the groups' columns, the
// group's count, the number of groups and the count of all rows.
func compileGroups(d warehouse.Dialect, of source, g *Groups) (warehouse.Statement, error) {
	var st warehouse.Statement
	values, err := g.values(d, &st.Args)
	if err != nil {
		return st, err
	}
	rows, err := g.rows(d, of, &st.Args)
	if err != nil {
		return st, err
	}
	count := "count(*)"
	if g.Rank != nil {
		count = "sum(" + timesName + ")"
	}
	if len(rows.columns) == 0 {
		st.SQL = fmt.Sprintf("SELECT coalesce(%[1]s, 0), 1, coalesce(%[1]s, 0)%[2]s FROM %[3]s", count, values, rows.from)
		return st, nil
	}
	by := strings.Join(rows.columns, ", ")
	groups := fmt.Sprintf("SELECT %[1]s, %[2]s, count(*) OVER (), sum(%[2]s) OVER ()%[3]s"+
		" FROM %[4]s GROUP BY %[1]s ORDER BY %[2]s DESC, %[1]s", by, count, values, rows.from)
	st.SQL = warehouse.Limit(d, groups, g.Limit)
	return st, nil
}
