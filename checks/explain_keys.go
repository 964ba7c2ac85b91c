package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// looksUp reports whether other rows than those that a check looks at say which of them are bad.
func (m *explainedRun) looksUp() bool {
	return m.Note == "" && m.rows.keys != nil && (m.rows.keys.orphans != nil || m.rows.keys.repeated.Beyond)
}

// repeats reports whether a row is bad because another one has its key.
func (m *explainedRun) repeats() bool {
	return m.Note == "" && m.rows.keys != nil && m.rows.keys.repeated != nil
}

// comparesRows reports whether a check compares the rows with each other, so that none may be left
// out.
func (x *explainedTable) comparesRows() bool {
	return slices.ContainsFunc(x.members, (*explainedRun).repeats)
}

// compared returns the columns of a key, and whether texts are compared by their characters.
func (k *failingKeys) compared() (columns []warehouse.Column, byText bool) {
	if k.repeated != nil {
		return k.repeated.Columns, k.repeated.ByText
	}
	return k.orphans.Columns, k.orphans.ByText
}

// keysToLookUp writes the columns of the key of a check as x1k1, x1k2 and so on; none if it looks
// nothing up.
func (x *explainedTable) keysToLookUp(i int) (outputs []string, err error) {
	if !x.members[i].looksUp() {
		return nil, nil
	}
	columns, byText := x.members[i].rows.keys.compared()
	texts, err := keyTexts(x.db.Dialect, columns, byText)
	for k, text := range texts {
		outputs = append(outputs, fmt.Sprintf("%s AS x%dk%d", text, i+1, k+1))
	}
	return outputs, err
}

// repeatedCode writes whether a row repeats the key of another one, among those that the check
// compares. window is the name of the window of that key.
func (x *explainedTable) repeatedCode(m *explainedRun, window string, args *[]any) (string, error) {
	looked, err := x.looked(m, args)
	return onlyIf(looked, fmt.Sprintf("CASE WHEN row_number() OVER %[1]s > 1 THEN 2"+
		" WHEN lead(1) OVER %[1]s IS NOT NULL THEN 3 ELSE 1 END", window)), err
}

// windowsOfKeys writes the windows w1, w2 and so on of the checks whose keys repeat.
func (x *explainedTable) windowsOfKeys(args *[]any) (string, error) {
	d := x.db.Dialect
	var list []string
	for i, m := range x.members {
		if !m.repeats() {
			continue
		}
		k := m.rows.keys.repeated
		same, err := keyTexts(d, k.Columns, k.ByText)
		if err != nil {
			return "", err
		}
		for _, name := range m.by {
			column, err := d.Quote(name)
			if err != nil {
				return "", err
			}
			same = append(same, column)
		}
		others, err := x.chosen(m, args) // rows that are not looked at have windows of their own
		if err != nil {
			return "", err
		}
		if len(others) > 0 {
			same = append(same, onlyIf(others, "1"))
		}
		order, err := x.order(m, same[0])
		if err != nil {
			return "", err
		}
		list = append(list, fmt.Sprintf("w%d AS (PARTITION BY %s ORDER BY %s)", i+1, strings.Join(same, ", "), order))
	}
	if len(list) == 0 {
		return "", nil
	}
	return " WINDOW " + strings.Join(list, ", "), nil
}

// order writes which row of a key is the first: by the time that may be named, then by the
// primary key, if samples list it. Else the engine decides: all rows of a window have the same key.
func (x *explainedTable) order(m *explainedRun, key string) (string, error) {
	d := x.db.Dialect
	var by []string
	if m.timed {
		value, err := x.time.value(d)
		if err != nil {
			return "", err
		}
		by = append(by, "CASE WHEN "+value+" IS NULL THEN 1 ELSE 0 END", value)
	}
	listed := m.run.check.Common().Samples.Columns
	if key := x.rel.PrimaryKey; key != nil {
		all := !slices.ContainsFunc(key.Columns, func(c string) bool { return !containsColumn(x.rel, listed, c) })
		for _, c := range key.Columns {
			name, err := d.Quote(c)
			if err != nil {
				return "", err
			}
			if all || slices.Contains(listed, sampleKeys) {
				by = append(by, name)
			}
		}
	}
	if len(by) == 0 {
		return key, nil
	}
	return strings.Join(by, ", "), nil
}

// lookedUp writes what a row is for a check, after its key was looked up.
func (x *explainedTable) lookedUp(i int, args *[]any) (string, error) {
	m, c := x.members[i], fmt.Sprintf("c%d", i+1)
	switch {
	case !m.looksUp():
		return c, nil
	case m.rows.keys.orphans != nil:
		return fmt.Sprintf("CASE WHEN %[1]s > 0 AND r%[2]d.found IS NULL THEN 2 ELSE %[1]s END AS %[1]s", c, i+1), nil
	}
	k := m.rows.keys.repeated
	outside, err := k.outside(x.db.Dialect, source{rel: x.rel}, args)
	var same []string
	for n := range k.Columns {
		same = append(same, fmt.Sprintf("r.k%[1]d = q.x%[2]dk%[1]d", n+1, i+1))
	}
	return fmt.Sprintf("CASE WHEN %[1]s > 0 AND EXISTS (SELECT 1 FROM (%[2]s) r WHERE %[3]s) THEN 2 ELSE %[1]s END AS %[1]s",
		c, outside, strings.Join(same, " AND ")), err
}

// partners joins the keys that a reference needs, each once, so that no row is there twice.
func (x *explainedTable) partners(i int, args *[]any) (string, error) {
	keys := x.members[i].rows.keys
	o := keys.orphans
	partners, err := o.keyRows(x.db.Dialect, keysOf{of: source{rel: keys.to}, columns: o.Of, where: o.ToWhere}, args)
	var same []string
	for n := range o.Of {
		same = append(same, fmt.Sprintf("r%[1]d.k%[2]d = q.x%[1]dk%[2]d", i+1, n+1))
	}
	return fmt.Sprintf(" LEFT JOIN (SELECT DISTINCT 1 AS found, %s) r%d ON %s", partners, i+1,
		strings.Join(same, " AND ")), err
}
