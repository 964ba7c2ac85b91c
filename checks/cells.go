package checks

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Cells counts the rows by the value of a column: numbers by cells of about 2 % of their size,
// others by value. A group of the answer has Step 1 for the rows of the window and 0 for those
// of the reference. Its Segment is "" for NULL, else "=" with the cell after it.
//
// The cells of numbers are those of C. Masson, J. E. Rim and H. K. Lee, DDSketch (2019): cell k
// has the values from g^(k-1) to g^k with g = 1.01/0.99, so that each is within 1 % of any
// other. Their numbers are ordered as the values are.
type Cells struct {
	Column    warehouse.Column
	Numbers   bool
	Where     string
	Window    Window
	Reference []Window // none of them overlap; empty: there is none
}

const (
	// cellOffset keeps the cells of positive numbers apart from 0. A float has at most 37,300.
	cellOffset = 100_000
	// infiniteCell is that of infinity, with a minus that of minus infinity. notANumberCell is
	// that of NaN.
	infiniteCell, notANumberCell = 1_000_000, 2_000_000
	// cellWidth is the natural logarithm of 1.01/0.99.
	cellWidth = "0.020000666706669543"
	// mostCells is how many cells are read of both sides.
	mostCells = 20_000
)

// cell writes the cell of a value.
func (c *Cells) cell(d warehouse.Dialect) (string, error) {
	column, err := d.Quote(c.Column.Name)
	if err != nil {
		return "", err
	}
	tester, ok := d.(warehouse.ValueTester)
	if !ok {
		return "", fmt.Errorf("the dialect %s cannot test values of columns: use sql", d.Name())
	}
	if !c.Numbers {
		return tester.Exact(column, c.Column.Type), nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "CASE WHEN %s IS NULL THEN NULL", column)
	if v, mixed := d.(warehouse.ValueTimes); mixed {
		fmt.Fprintf(&b, " WHEN NOT %s THEN %d", v.IsNumber(column), notANumberCell)
	}
	if nan := tester.IsNaN(column, c.Column.Type); nan != "" {
		fmt.Fprintf(&b, " WHEN %s THEN %d", nan, notANumberCell)
	}
	if infinite := tester.IsNotFinite(column, c.Column.Type); infinite != "" {
		fmt.Fprintf(&b, " WHEN %[1]s THEN CASE WHEN %[2]s > 0 THEN %[3]d ELSE -%[3]d END", infinite, column, infiniteCell)
	}
	x := tester.AsFloat(column)
	fmt.Fprintf(
		&b,
		" WHEN %[1]s > 0 THEN %[2]d + ceil(ln(%[1]s) / %[3]s) WHEN %[1]s < 0 THEN -%[2]d - ceil(ln(-%[1]s) / %[3]s)"+
			" ELSE 0 END",
		x,
		cellOffset,
		cellWidth,
	)
	return b.String(), nil
}

// compileCells writes the statement of a Cells ask.
func compileCells(d warehouse.Dialect, of source, c *Cells) (warehouse.Statement, error) {
	var st warehouse.Statement
	within := func(w Window) (string, error) {
		conditions, err := w.conditions(d, &st.Args)
		return strings.Join(conditions, " AND "), err
	}
	current := "1"
	if len(c.Reference) > 0 {
		conditions, err := within(c.Window)
		if err != nil {
			return st, err
		}
		current = "CASE WHEN " + conditions + " THEN 1 ELSE 0 END"
	}
	cell, err := c.cell(d)
	if err != nil {
		return st, err
	}
	table, err := of.from(d, &st.Args)
	if err != nil {
		return st, err
	}
	var windows []string
	for _, w := range append([]Window{c.Window}, c.Reference...) {
		if !w.Time.set() {
			continue
		}
		conditions, err := within(w)
		if err != nil {
			return st, err
		}
		windows = append(windows, conditions)
	}
	var conditions []string
	if len(windows) > 0 {
		conditions = append(conditions, "("+strings.Join(windows, " OR ")+")")
	}
	if c.Where != "" {
		conditions = append(conditions, filterText(c.Where))
	}
	st.SQL = warehouse.Limit(d, fmt.Sprintf("SELECT now, cell, count(*) FROM (SELECT %s AS now, %s AS cell FROM %s%s) r"+
		" GROUP BY now, cell ORDER BY count(*) DESC", current, cell, table, whereClause(conditions)), mostCells+1)
	return st, nil
}

// decodeCells reads the answer to a Cells ask.
func decodeCells(rows warehouse.Rows, c *Cells) Answer {
	a := Answer{Evidence: sentinel.Evidence{Source: "scan", Confidence: sentinel.Exact}}
	if len(rows) > mostCells {
		return Answer{
			Err: fmt.Errorf("column %s has more than %d different values: they are no categories", c.Column.Name, mostCells),
		}
	}
	for _, row := range rows {
		if len(row) != 3 {
			return Answer{Err: errors.New("the database answered with another number of columns")}
		}
		now, err := row[0].Number()
		if err != nil {
			return Answer{Err: err}
		}
		n, err := row[2].Number()
		if err != nil {
			return Answer{Err: err}
		}
		g := Group{Count: n, Size: 1}
		g.Step, _ = now.Int64() // 0 or 1
		if !row[1].Null {
			g.Segment = "=" + row[1].Text
		}
		a.Groups = append(a.Groups, g)
	}
	return a
}
