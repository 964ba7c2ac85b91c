package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// failingKeys are keys that are bad: values that repeat, or that another table has not. One of
// the fields is set.
type failingKeys struct {
	repeated *Keys
	orphans  *Orphans
	to       *warehouse.Table // the other table
}

// rowsOfKey is the name of the number of rows in a sample of keys. It is the last column.
const rowsOfKey = "rows"

// columns returns the columns of the keys.
func (k *failingKeys) columns() []warehouse.Column {
	if k.repeated != nil {
		return k.repeated.Columns
	}
	return k.orphans.Columns
}

// from writes the keys as k1, k2 and so on, each with its number of rows, n, those with the most
// rows first.
func (k *failingKeys) from(d warehouse.Dialect, rel *warehouse.Table, args *[]any) (string, error) {
	if k.repeated != nil {
		keys, err := k.repeated.from(d, source{rel: rel}, args)
		return keys + " WHERE n" + k.repeated.others() + " > 1 ORDER BY n DESC", err
	}
	rows, err := k.orphans.from(d, source{rel: rel}, source{rel: k.to}, args)
	var names []string
	for i := range k.orphans.Columns {
		names = append(names, fmt.Sprintf("l.k%d", i+1))
	}
	list := strings.Join(names, ", ")
	return fmt.Sprintf("(SELECT count(*) AS n, %s FROM %s GROUP BY %s) k ORDER BY n DESC", list, rows, list), err
}

func (c *Duplicate) failing(t Target) (*failingRows, error) {
	if err := c.timeError(t); err != nil {
		return nil, err
	}
	columns, err := c.columns(t)
	if err != nil {
		return nil, err
	}
	k := c.repeated(t, columns)
	return &failingRows{where: k.Where, window: k.Window, keys: &failingKeys{repeated: k}}, nil
}

func (c *Reference) failing(t Target) (*failingRows, error) {
	o, err := c.orphans(t)
	if err != nil {
		return nil, err
	}
	return &failingRows{where: o.Where, window: o.Window, keys: &failingKeys{orphans: o, to: t.Known.Like}}, nil
}

// onlyKey leaves the columns of the key, where keys are bad and not rows, and adds their number of
// rows.
func (m *sampledRun) onlyKey() error {
	rel := m.run.target.Known.Relation
	f, err := m.run.check.(sampledCheck).failing(m.run.target)
	if err != nil || f.keys == nil {
		return err
	}
	var names []string
	for _, c := range f.keys.columns() {
		names = append(names, c.Name)
	}
	m.Columns = slices.DeleteFunc(m.Columns, func(c sentinel.SampleColumn) bool {
		return !containsColumn(rel, names, c.Name)
	})
	if len(m.Columns) == 0 {
		return fmt.Errorf("samples.columns lists none of %s, whose values are bad", strings.Join(names, ", "))
	}
	m.Columns = append(m.Columns, sentinel.SampleColumn{Name: rowsOfKey})
	return nil
}

// keys writes the part of a check of keys.
func (m *sampledRun) keys(e *executor, k *failingKeys, number, width int, args *[]any) (string, error) {
	d, rel := e.db.Dialect, m.run.target.Known.Relation
	tester, ok := d.(warehouse.ValueTester)
	if !ok {
		return "", fmt.Errorf("the dialect %s cannot write values as texts", d.Name())
	}
	outputs := []string{fmt.Sprintf("%d AS n0", number)}
	for i := range width {
		text := "NULL"
		switch last := len(m.Columns) - 1; {
		case i < last:
			at := slices.IndexFunc(
				k.columns(),
				func(c warehouse.Column) bool { return rel.SameColumn(c.Name, m.Columns[i].Name) },
			)
			text = tester.Exact(fmt.Sprintf("k%d", at+1), k.columns()[at].Type)
		case i == last:
			text = tester.Exact("n", warehouse.Type{})
		}
		outputs = append(outputs, fmt.Sprintf("%s AS v%d", text, i+1))
	}
	from, err := k.from(d, rel, args)
	sql := "SELECT " + strings.Join(outputs, ", ") + " FROM " + from
	return warehouse.Limit(d, sql, m.run.check.Common().Samples.Limit), err
}
