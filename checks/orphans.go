package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// Orphans counts the rows whose key is in no row of another table of the warehouse. Rows with
// a NULL in the key are left out. The other table is that of Needs.Like.
type Orphans struct {
	Columns []warehouse.Column
	Of      []warehouse.Column // of the other table, one for each of Columns
	ByText  bool               // texts are compared by their characters, not as the engine does
	Where   string
	ToWhere string // filter of the other table
	Window  Window
}

// keysOf are the keys of the rows of one side.
type keysOf struct {
	of      source
	columns []warehouse.Column
	window  Window
	where   string
}

// keyRows writes a query that selects the keys of a table as k1, k2 and so on. SQL of the
// user stands in it alone, so that no name in it can mean a column of the other table.
func (o *Orphans) keyRows(d warehouse.Dialect, k keysOf, args *[]any) (string, error) {
	texts, err := keyTexts(d, k.columns, o.ByText)
	if err != nil {
		return "", err
	}
	table, err := k.of.from(d, args)
	if err != nil {
		return "", err
	}
	conditions, err := k.window.conditions(d, args)
	if err != nil {
		return "", err
	}
	if k.where != "" {
		conditions = append(conditions, filterText(k.where))
	}
	for i, c := range k.columns {
		column, err := d.Quote(c.Name)
		if err != nil {
			return "", err
		}
		texts[i] += fmt.Sprintf(" AS k%d", i+1)
		conditions = append(conditions, column+" IS NOT NULL")
	}
	return strings.Join(texts, ", ") + " FROM " + table + whereClause(conditions), nil
}

// compileOrphans writes the statement of an Orphans ask.
func compileOrphans(d warehouse.Dialect, of, to source, o *Orphans) (st warehouse.Statement, err error) {
	from, err := o.from(d, of, to, &st.Args)
	st.SQL = "SELECT count(*) FROM " + from
	return st, err
}

// from writes the rows without a partner as FROM and WHERE. Their keys are l.k1, l.k2 and so on.
func (o *Orphans) from(d warehouse.Dialect, of, to source, args *[]any) (string, error) {
	rows, err := o.keyRows(d, keysOf{of, o.Columns, o.Window, o.Where}, args)
	if err != nil {
		return "", err
	}
	partners, err := o.keyRows(d, keysOf{of: to, columns: o.Of, where: o.ToWhere}, args)
	if err != nil {
		return "", err
	}
	var same []string
	for i := range o.Columns {
		same = append(same, fmt.Sprintf("r.k%d = l.k%d", i+1, i+1))
	}
	equal := strings.Join(same, " AND ")
	if _, left := d.(warehouse.LeftJoiner); left {
		distinct := ""
		if o.ByText && slices.ContainsFunc(o.Of, func(c warehouse.Column) bool { return c.Type.IsText() }) {
			distinct = "DISTINCT " // what is converted has no index
		}
		return fmt.Sprintf("(SELECT %s) l LEFT JOIN (SELECT %s1 AS found, %s) r ON %s WHERE r.found IS NULL",
			rows, distinct, partners, equal), nil
	}
	return fmt.Sprintf("(SELECT %s) l WHERE NOT EXISTS (SELECT 1 FROM (SELECT %s) r WHERE %s)", rows, partners, equal), nil
}
