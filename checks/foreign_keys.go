package checks

import (
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel/rowdiff"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// ForeignKeys counts the rows whose key is in no row of a table in another warehouse, which is
// that of Needs.Like. The keys of both sides are read in one order and merged; see
// [executor.askForeign]. Rows with a NULL in the key are left out. The answer's Values are the
// numbers of rows with a key, and of those without a partner.
type ForeignKeys struct {
	Comparison *rowdiff.Comparison // of the keys alone
	Where      string
	ToWhere    string // filter of the other table
	Window     Window
	Most       int64 // different keys of a side that are read
	Named      int   // keys without a partner that the answer names
}

// statement writes the statement that reads the keys of a side, in the order of their bytes:
//
//	SELECT r.k1, r.k2, count(*) FROM (SELECT text AS k1, text AS k2 FROM t) r GROUP BY 1, 2 ORDER BY 1, 2
func (f *ForeignKeys) statement(s rowdiff.Side, of source) (st warehouse.Statement, err error) {
	c := f.Comparison
	d := c.Dialects[s]
	tester, ok := d.(warehouse.ValueTester)
	if !ok {
		return st, fmt.Errorf("the dialect %s cannot compare texts by their characters", d.Name())
	}
	texts, err := c.KeyTexts(s)
	if err != nil {
		return st, err
	}
	table, err := of.from(d, &st.Args)
	if err != nil {
		return st, err
	}
	var conditions []string
	where := f.ToWhere
	if s == rowdiff.Here {
		where = f.Where
		if conditions, err = f.Window.conditions(d, &st.Args); err != nil {
			return st, err
		}
	}
	if where != "" {
		conditions = append(conditions, filterText(where))
	}
	var names []string
	for i, column := range c.Columns[s] {
		quoted, err := d.Quote(column.Name)
		if err != nil {
			return st, err
		}
		conditions = append(conditions, quoted+" IS NOT NULL")
		texts[i] = fmt.Sprintf("%s AS k%d", tester.Exact(texts[i], warehouse.Type{Family: warehouse.Text}), i+1)
		names = append(names, fmt.Sprintf("r.k%d", i+1))
	}
	list := strings.Join(names, ", ")
	sql := fmt.Sprintf("SELECT %[1]s, count(*) FROM (SELECT %[2]s FROM %[3]s%[4]s) r GROUP BY %[1]s ORDER BY %[1]s",
		list, strings.Join(texts, ", "), table, whereClause(conditions))
	st.SQL = warehouse.Limit(d, sql, int(f.Most)+1)
	return st, nil
}
