package checks

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

const (
	// mostExplainedGroups is how many combinations of values are read.
	mostExplainedGroups = 10_000
	// longestExplainedValue is the number of bytes of a value; columns of longer ones name nothing.
	longestExplainedValue = 256
)

// explain sends the statements.
func (x *explainedTable) explain(ctx context.Context) {
	if !x.open() {
		return
	}
	full, err := x.readGroups(ctx)
	again := full && len(x.columns) > 1
	if again {
		x.leaveOutWidest()
	} else if timedOut := errors.Is(err, context.DeadlineExceeded) || warehouse.KindOf(err) == warehouse.TimedOut; timedOut &&
		ctx.Err() == nil {
		again = x.leaveOutKeys(ctx, err)
	}
	if again {
		full, err = x.readGroups(ctx)
	}
	if err == nil && full {
		err = fmt.Errorf("the columns have more than %d combinations of values", mostExplainedGroups)
	}
	if err != nil {
		x.fail(ctx, err, func(*explainedRun) bool { return true })
		return
	}
	for _, m := range x.members {
		if m.Note == "" {
			m.cause = findCause(m.groups, m.columns)
			if m.cause.conditions == nil {
				m.cause.counts = total(m.groups)
			}
		}
	}
	spans := map[*explainedRun]*span{}
	if !again {
		spans = x.readSpans(ctx)
	}
	for _, m := range x.members {
		if m.Note == "" && m.cause.bad > 0 {
			m.conclude(x, spans[m])
		}
	}
}

// open reports whether a check is left that can be explained.
func (x *explainedTable) open() bool {
	return slices.ContainsFunc(x.members, func(m *explainedRun) bool { return m.Note == "" })
}

// leaveOutKeys leaves out the checks of keys, which take long, if others are left that may take less.
func (x *explainedTable) leaveOutKeys(ctx context.Context, err error) bool {
	ofKeys := func(m *explainedRun) bool { return m.rows != nil && m.rows.keys != nil }
	isOther := func(m *explainedRun) bool { return m.Note == "" && !ofKeys(m) }
	if !slices.ContainsFunc(x.members, isOther) {
		return false
	}
	n := slices.IndexFunc(x.members, func(m *explainedRun) bool { return m.Note == "" && ofKeys(m) })
	x.fail(ctx, err, ofKeys)
	return n >= 0
}

// fail notes why the statement of some checks had no answer.
func (x *explainedTable) fail(ctx context.Context, err error, of func(*explainedRun) bool) {
	var names []string
	for _, c := range x.columns {
		names = append(names, c.Name)
	}
	why := err.Error()
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) || warehouse.KindOf(err) != "" {
		why = statementError(ctx, err, x.limit, names)
	}
	for _, m := range x.members {
		if m.Note == "" && of(m) {
			m.fail(errors.New(why))
		}
	}
}

// leaveOutWidest leaves out the column that has the most values.
func (x *explainedTable) leaveOutWidest() {
	widest, most := 0, 0
	for c := range x.columns {
		values := map[warehouse.Cell]bool{}
		for _, g := range x.members[x.first()].groups {
			values[g.values[c]] = true
		}
		if len(values) > most {
			widest, most = c, len(values)
		}
	}
	x.columns = slices.Delete(x.columns, widest, widest+1)
	for _, m := range x.members {
		var kept []int
		for _, c := range m.columns {
			if c > widest {
				c--
			} else if c == widest {
				continue
			}
			kept = append(kept, c)
		}
		m.columns = kept
	}
}

// first returns the place of the first check that can be explained.
func (x *explainedTable) first() int {
	return slices.IndexFunc(x.members, func(m *explainedRun) bool { return m.Note == "" })
}

// windows writes the condition that a row is in the window of one of the checks; "" if one of
// them looks at all times.
func (x *explainedTable) windows(args *[]any) (string, error) {
	var known []Window
	for _, m := range x.members {
		if m.Note != "" || slices.ContainsFunc(known, m.rows.window.equal) {
			continue
		}
		if !m.rows.window.Time.set() {
			return "", nil
		}
		known = append(known, m.rows.window)
	}
	var any []string
	for _, w := range known {
		conditions, err := w.conditions(x.db.Dialect, args)
		if err != nil {
			return "", err
		}
		any = append(any, strings.Join(conditions, " AND "))
	}
	return "(" + strings.Join(any, " OR ") + ")", nil
}

// perCheck writes what is read of each check: its rows, its bad rows, and their first and last
// time. form is the name of the check's number.
func (x *explainedTable) perCheck(form string) (outputs, anyBad []string) {
	for i, m := range x.members {
		if m.Note != "" {
			continue
		}
		c := fmt.Sprintf(form, i+1)
		for _, holds := range []string{" > 0", " = 2", " > 1"} {
			outputs = append(outputs, fmt.Sprintf("count(CASE WHEN %s%s THEN 1 END)", c, holds))
		}
		anyBad = append(anyBad, c+" = 2")
		if x.time.set() {
			outputs = append(outputs, fmt.Sprintf("min(CASE WHEN %[1]s = 2 THEN e END), max(CASE WHEN %[1]s = 2 THEN e END)", c))
		}
	}
	return outputs, anyBad
}

// groupStatement writes the statement that counts the rows by the values of the columns, those
// with the most bad rows first.
func (x *explainedTable) groupStatement() (st warehouse.Statement, err error) {
	rows, err := x.rows(Window{}, &st.Args)
	if err != nil {
		return st, err
	}
	var by []string
	for i := range x.columns {
		by = append(by, fmt.Sprintf("v%d", i+1))
	}
	outputs, bad := x.perCheck("c%d")
	st.SQL = "SELECT " + strings.Join(append(slices.Clip(by), outputs...), ", ") + " FROM (" + rows + ") r"
	if len(by) > 0 {
		st.SQL += " GROUP BY " + strings.Join(by, ", ")
		st.SQL = warehouse.Limit(x.db.Dialect, fmt.Sprintf("%s ORDER BY count(CASE WHEN %s THEN 1 END) DESC",
			st.SQL, strings.Join(bad, " OR ")), mostExplainedGroups+1)
	}
	return st, nil
}

// readGroups reads the rows by the values of the columns. full reports that there are more.
func (x *explainedTable) readGroups(ctx context.Context) (full bool, err error) {
	st, err := x.groupStatement()
	if err != nil {
		return false, err
	}
	answer, err := x.send(ctx, st)
	if err != nil {
		return false, err
	}
	for _, m := range x.members {
		m.groups = nil
	}
	for _, row := range answer {
		at := len(x.columns)
		for _, m := range x.members {
			if m.Note != "" {
				continue
			}
			g := explainedGroup{values: row[:len(x.columns)]}
			if at, err = x.decode(row, at, &g); err != nil {
				return false, err
			}
			if g.rows > 0 {
				m.groups = append(m.groups, g)
			}
		}
	}
	return len(answer) > mostExplainedGroups, nil
}

// decode reads what [explainedTable.perCheck] wrote of a check, from a column of the row on. It
// returns the next one.
func (x *explainedTable) decode(row []warehouse.Cell, at int, g *explainedGroup) (int, error) {
	for _, to := range []*int64{&g.rows, &g.bad, &g.kin} {
		n, err := row[at].Number()
		if err != nil {
			return at, err
		}
		*to, _ = n.Int64() // a count is an integer
		at++
	}
	g.first, g.last = math.NaN(), math.NaN()
	if !x.time.set() {
		return at, nil
	}
	for _, to := range []*float64{&g.first, &g.last} {
		n, err := row[at].Number()
		if err != nil {
			return at, err
		}
		if n.Finite() {
			*to = n.Float64()
		}
		at++
	}
	return at, nil
}

// send sends a statement. A value that is too long ends it.
func (x *explainedTable) send(ctx context.Context, st warehouse.Statement) (rows warehouse.Rows, err error) {
	ctx, cancel := context.WithTimeout(ctx, x.limit)
	defer cancel()
	st.VisibleRows = !slices.ContainsFunc(x.members, func(m *explainedRun) bool { return !visibleRows(m.run.check) })
	var long error
	st.Each = func() func([]warehouse.Cell) error {
		rows = nil
		return func(row []warehouse.Cell) error {
			for i, c := range row {
				if len(c.Text) > longestExplainedValue {
					long = fmt.Errorf(
						"a value of %s has more than %d bytes",
						x.columns[min(i, len(x.columns)-1)].Name,
						longestExplainedValue,
					)
					return long
				}
			}
			rows = append(rows, slices.Clone(row))
			return nil
		}
	}
	failed := errNotAnswered
	x.db.Run(ctx, []warehouse.Statement{st}, func(_ int, _ warehouse.Rows, err error) { failed = err })
	if long != nil {
		return nil, long
	}
	return rows, failed
}
