package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// mostExplainedSegments is how many bad segments are looked at alone. Of more of them all rows are.
const mostExplainedSegments = 50

// onlyBad leaves the rows of the segments that a result found bad.
func (m *explainedRun) onlyBad(r sentinel.Result) error {
	if len(m.by) == 0 {
		return nil
	}
	var names []string
	for _, f := range r.Findings {
		name := sentinel.SegmentOf(f.Key)
		if f.Status.Bad() && name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 || len(names) > mostExplainedSegments {
		return nil
	}
	for _, name := range names {
		values, whole := segmentValues(name, m.by)
		if !whole {
			return fmt.Errorf("the name of the segment %s does not hold its whole values", name)
		}
		m.only = append(m.only, values)
	}
	return nil
}

// ofSegments says whose rows are looked at, if that is no single segment.
func (m *explainedRun) ofSegments() string {
	if len(m.only) < 2 {
		return ""
	}
	return fmt.Sprintf(" of %d segments", len(m.only))
}

// rows writes a query of the rows that the checks look at: the columns as v1, v2 and so on,
// the time as e, and for each check c1, c2 and so on: 2 for a bad row, 1 for another one, and 0
// for one that it does not look at. Where keys repeat, 2 is a row beyond the first of its key,
// and 3 the first one. since is a further bound.
func (x *explainedTable) rows(since Window, args *[]any) (string, error) {
	if !slices.ContainsFunc(x.members, (*explainedRun).looksUp) {
		return x.ownRows(since, args)
	}
	var outputs, joins []string
	for i := range x.columns {
		outputs = append(outputs, fmt.Sprintf("v%d", i+1))
	}
	if x.time.set() {
		outputs = append(outputs, "e")
	}
	for i, m := range x.members {
		if m.Note != "" {
			continue
		}
		output, err := x.lookedUp(i, args)
		if err != nil {
			return "", err
		}
		outputs = append(outputs, output)
	}
	own, err := x.ownRows(since, args)
	if err != nil {
		return "", err
	}
	for i, m := range x.members {
		if !m.looksUp() || m.rows.keys.orphans == nil {
			continue
		}
		join, err := x.partners(i, args)
		if err != nil {
			return "", err
		}
		joins = append(joins, join)
	}
	return "SELECT " + strings.Join(outputs, ", ") + " FROM (" + own + ") q" + strings.Join(joins, ""), nil
}

// ownRows writes what the rows of the table say by themselves. The keys that are looked up are
// x1k1, x1k2 and so on.
func (x *explainedTable) ownRows(since Window, args *[]any) (string, error) {
	d := x.db.Dialect
	tester, ok := d.(warehouse.ValueTester)
	if !ok {
		return "", fmt.Errorf("the dialect %s cannot write values as texts", d.Name())
	}
	var outputs []string
	for i, c := range x.columns {
		name, err := d.Quote(c.Name)
		if err != nil {
			return "", err
		}
		outputs = append(outputs, fmt.Sprintf("%s AS v%d", tester.Exact(name, c.Type), i+1))
	}
	if x.time.set() {
		value, err := x.time.value(d)
		if err != nil {
			return "", err
		}
		epoch, err := x.time.epoch(d, value)
		if err != nil {
			return "", err
		}
		outputs = append(outputs, epoch+" AS e")
	}
	for i, m := range x.members {
		if m.Note != "" {
			continue
		}
		code, err := x.code(i, args)
		if err != nil {
			return "", err
		}
		keys, err := x.keysToLookUp(i)
		if err != nil {
			return "", err
		}
		outputs = append(append(outputs, fmt.Sprintf("%s AS c%d", code, i+1)), keys...)
	}
	table, err := source{rel: x.rel}.from(d, args)
	if err != nil {
		return "", err
	}
	conditions, err := since.conditions(d, args)
	if err != nil {
		return "", err
	}
	windows, err := x.windows(args)
	if windows != "" {
		conditions = append(conditions, windows)
	}
	if err != nil {
		return "", err
	}
	keys, err := x.windowsOfKeys(args)
	return "SELECT " + strings.Join(outputs, ", ") + " FROM " + table + whereClause(conditions) + keys, err
}

// code writes what a row is for a check. Rows whose key is looked up are good until then.
func (x *explainedTable) code(i int, args *[]any) (string, error) {
	m := x.members[i]
	d, f := x.db.Dialect, m.rows
	if m.repeats() {
		return x.repeatedCode(m, fmt.Sprintf("w%d", i+1), args)
	}
	looked, err := x.looked(m, args)
	if err != nil {
		return "", err
	}
	code := "1"
	if f.keys == nil {
		bad, err := warehouse.WritePredicate(d, f.bad, args)
		if err != nil {
			return "", err
		}
		code = "CASE WHEN (" + bad + ") THEN 2 ELSE 1 END"
	}
	return onlyIf(looked, code), nil
}

// onlyIf writes 0 for the rows for which not all conditions hold.
func onlyIf(conditions []string, code string) string {
	if len(conditions) == 0 {
		return code
	}
	return "CASE WHEN " + strings.Join(conditions, " AND ") + " THEN " + code + " ELSE 0 END"
}

// looked writes the conditions of the rows that a check looks at.
func (x *explainedTable) looked(m *explainedRun, args *[]any) ([]string, error) {
	d, f := x.db.Dialect, m.rows
	conditions, err := x.chosen(m, args)
	if err != nil || f.keys == nil || f.keys.repeated != nil && f.keys.repeated.IncludeNull {
		return conditions, err
	}
	for _, c := range f.keys.columns() {
		name, err := d.Quote(c.Name)
		if err != nil {
			return nil, err
		}
		if c.Nullable {
			conditions = append(conditions, name+" IS NOT NULL")
		}
	}
	return conditions, nil
}

// chosen writes the conditions of the rows that a check looks at, whatever their key is.
func (x *explainedTable) chosen(m *explainedRun, args *[]any) ([]string, error) {
	d, f := x.db.Dialect, m.rows
	conditions, err := f.window.conditions(d, args)
	if err != nil {
		return nil, err
	}
	if f.where != "" {
		conditions = append(conditions, filterText(f.where))
	}
	var segments []string
	for _, values := range m.only {
		equal, err := (&Groups{By: m.by, Equal: values}).equalTo(d, args)
		if err != nil {
			return nil, err
		}
		segments = append(segments, strings.Join(equal, " AND "))
	}
	if len(segments) > 0 {
		conditions = append(conditions, "("+strings.Join(segments, " OR ")+")")
	}
	return conditions, nil
}
