package checks

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// keyTexts writes the columns of a key as they are compared.
func keyTexts(d warehouse.Dialect, columns []warehouse.Column, byText bool) ([]string, error) {
	tester, canTest := d.(warehouse.ValueTester)
	out := make([]string, len(columns))
	for i, c := range columns {
		column, err := d.Quote(c.Name)
		if err != nil {
			return nil, err
		}
		out[i] = column
		if !byText || !c.Type.IsText() {
			continue
		}
		if !canTest {
			return nil, fmt.Errorf("the dialect %s cannot compare texts by their characters: use compare: engine", d.Name())
		}
		out[i] = tester.Exact(column, c.Type)
	}
	return out, nil
}

// compileKeys writes the statement of a Keys ask.
func compileKeys(d warehouse.Dialect, of source, k *Keys) (st warehouse.Statement, err error) {
	from, err := k.from(d, of, &st.Args)
	others := k.others()
	st.SQL = fmt.Sprintf(
		"SELECT coalesce(sum(n), 0), coalesce(sum(n - 1%[1]s), 0), count(CASE WHEN n%[1]s > 1 THEN 1 END)"+
			", count(*) FROM %[2]s",
		others,
		from,
	)
	return st, err
}

// others writes what rows outside of the window add to the number of rows of a key.
func (k *Keys) others() string {
	if k.Beyond {
		return " + others"
	}
	return ""
}

// from writes the keys as k1, k2 and so on, each with its number of rows, n. With Beyond, others
// is 1 if a row outside of the window has the key, and 0 if none has.
func (k *Keys) from(d warehouse.Dialect, of source, args *[]any) (string, error) {
	if !k.Beyond {
		keys, err := k.counted(d, of, args)
		return "(" + keys + ") k", err
	}
	rows, err := k.outside(d, of, args)
	if err != nil {
		return "", err
	}
	var same []string
	for i := range k.Columns {
		same = append(same, fmt.Sprintf("r.k%[1]d = g.k%[1]d", i+1))
	}
	keys, err := k.counted(d, of, args)
	return fmt.Sprintf("(SELECT g.*, CASE WHEN EXISTS (SELECT 1 FROM (%s) r WHERE %s) THEN 1 ELSE 0 END AS others"+
		" FROM (%s) g) k", rows, strings.Join(same, " AND "), keys), err
}

// counted writes the keys of the rows in the window.
func (k *Keys) counted(d warehouse.Dialect, of source, args *[]any) (string, error) {
	texts, err := keyTexts(d, k.Columns, k.ByText)
	if err != nil {
		return "", err
	}
	table, err := of.from(d, args)
	if err != nil {
		return "", err
	}
	conditions, err := k.Window.conditions(d, args)
	if err != nil {
		return "", err
	}
	if k.Where != "" {
		conditions = append(conditions, filterText(k.Where))
	}
	for _, c := range k.Columns {
		column, err := d.Quote(c.Name)
		if err != nil {
			return "", err
		}
		if !k.IncludeNull {
			conditions = append(conditions, column+" IS NOT NULL")
		}
	}
	return fmt.Sprintf("SELECT count(*) AS n%s FROM %s%s GROUP BY %s", keyOutputs(texts), table, whereClause(conditions),
		strings.Join(texts, ", ")), nil
}

// keyOutputs writes the outputs k1, k2 and so on, each after a comma.
func keyOutputs(texts []string) (list string) {
	for i, text := range texts {
		list += fmt.Sprintf(", %s AS k%d", text, i+1)
	}
	return list
}

// outside writes the keys of the rows outside of the window, each as often as it is there. SQL of
// the user stands in it alone, so that no name in it can mean another column.
func (k *Keys) outside(d warehouse.Dialect, of source, args *[]any) (string, error) {
	texts, err := keyTexts(d, k.Columns, false)
	if err != nil {
		return "", err
	}
	table, err := of.from(d, args)
	if err != nil {
		return "", err
	}
	within, err := k.Window.conditions(d, args)
	if err != nil {
		return "", err
	}
	conditions := []string{"CASE WHEN " + strings.Join(within, " AND ") + " THEN 0 ELSE 1 END = 1"}
	if k.Where != "" {
		conditions = append(conditions, filterText(k.Where))
	}
	return "SELECT " + strings.TrimPrefix(keyOutputs(texts), ", ") + " FROM " + table + whereClause(conditions), nil
}

// decodeKeys reads the answer to a Keys ask.
func decodeKeys(rows warehouse.Rows) Answer {
	a := Answer{Evidence: sentinel.Evidence{Source: "scan", Confidence: sentinel.Exact}}
	if len(rows) != 1 || len(rows[0]) != 4 {
		return Answer{Err: errors.New("the database answered without a row")}
	}
	for _, c := range rows[0] {
		n, err := c.Number()
		if err != nil {
			return Answer{Err: err}
		}
		a.Values = append(a.Values, n)
	}
	return a
}

// provesRows reports whether the constraints of the table hold for all rows that a check
// reads, because the engine enforces them and no other rows are read.
func (t Target) provesRows() bool {
	rel := t.Known.Relation
	return rel != nil && !t.Known.Substituted && !rel.Unproven &&
		(rel.Kind == warehouse.BaseTable || rel.Kind == warehouse.PartitionedTable)
}

// provesUnique returns the name of a key that makes the columns unique; "" if there is none.
// Keys of texts prove nothing: an upgrade of the C library's collations breaks them. Only a
// primary key is sure on an engine that counts distinct values in a scan: such an engine
// loads without checks of the others.
func (t Target) provesUnique(columns []string, includeNull bool) string {
	rel := t.Known.Relation
	if !t.provesRows() {
		return ""
	}
	proves := func(of []string) bool {
		for _, name := range of {
			c := rel.Column(name)
			if c == nil || c.Type.IsText() || includeNull && c.Nullable || !containsColumn(rel, columns, name) {
				return false
			}
		}
		return len(of) > 0
	}
	if k := rel.PrimaryKey; k != nil && proves(k.Columns) {
		return "the primary key"
	}
	if _, loose := t.Known.Dialect.(warehouse.DistinctCounter); loose {
		return ""
	}
	for _, ix := range rel.Indexes {
		if ix.Unique && !ix.Invalid && ix.Partial == "" && proves(ix.Columns) {
			return "the unique index " + ix.Name
		}
	}
	return ""
}

func containsColumn(rel *warehouse.Table, columns []string, name string) bool {
	for _, c := range columns {
		if rel.SameColumn(c, name) {
			return true
		}
	}
	return false
}

// proven is the result of a check whose rule the catalog proves.
func proven(kind, message string) sentinel.Result {
	return sentinel.Result{Kind: kind, Status: sentinel.Pass, Message: message,
		Observations: []sentinel.Observation{{Metric: failedRows, Value: sentinel.Int(0)}},
		Evidence:     sentinel.Evidence{Source: "constraint", Confidence: sentinel.Exact}}
}

// mayBeProven reports whether no number is needed that only a scan gives.
func (b *BadRows) mayBeProven(o *Options, verify bool) bool {
	zero := sentinel.Int(0)
	return !verify && o.Anomaly == nil && b.OnEmpty == "pass" && !(b.Fail.Set() && b.Fail.Holds(zero)) &&
		!(b.Warn.Set() && b.Warn.Holds(zero))
}
