package checks

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/rowdiff"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Column returns a column of the dataset; the empty name is the dataset's time
// column. The error names the columns that there are. Known.Relation must be set.
func (t Target) Column(name string) (*warehouse.Column, error) {
	return t.columnOf(t.Known.Relation, name)
}

func (t Target) columnOf(rel *warehouse.Table, name string) (*warehouse.Column, error) {
	name = t.columnName(name)
	if name == "" {
		return nil, errors.New("no column: set `column:` on the check or `time_column:` on the dataset")
	}
	if c := rel.Column(name); c != nil {
		return c, nil
	}
	if err := rel.Unread(warehouse.Columns); err != nil {
		return nil, err
	}
	return nil, missingColumn(rel, name)
}

// missingColumn says that a table has no column of that name, and what it has.
func missingColumn(rel *warehouse.Table, name string) error {
	return &warehouse.Error{Kind: warehouse.MissingColumn,
		Err: fmt.Errorf("column %s does not exist; the table has %s", name, columnNames(rel))}
}

func columnNames(rel *warehouse.Table) string {
	names := make([]string, len(rel.Columns))
	for i, c := range rel.Columns {
		names[i] = c.Name
	}
	return strings.Join(names, ", ")
}

// unknownColumn returns an error if the question names a column that its table has not. An
// engine could take the name for something else. Engines that fold names, and those whose
// catalog shows only what the user may read, answer themselves.
func (q question) unknownColumn(d warehouse.Dialect) error {
	rel := q.relation()
	if _, partial := d.(warehouse.Confirmer); partial || rel == nil || len(rel.Columns) == 0 {
		return nil
	}
	for _, name := range q.ask.columns() {
		folds := func(c warehouse.Column) bool { return strings.EqualFold(c.Name, name) }
		if rel.Column(name) == nil && rel.Unread(warehouse.Columns) == nil && !slices.ContainsFunc(rel.Columns, folds) {
			return missingColumn(rel, name)
		}
	}
	return nil
}

// columns returns the names of columns that the question reads, but for those of times,
// whose types were looked up.
func (a Ask) columns() (names []string) {
	switch {
	case a.Aggregate != nil:
		names = a.Aggregate.columns()
	case a.Orphans != nil:
		for _, c := range a.Orphans.Columns {
			names = append(names, c.Name)
		}
	case a.Foreign != nil:
		for _, c := range a.Foreign.Comparison.Columns[rowdiff.Here] {
			names = append(names, c.Name)
		}
	case a.Compare != nil:
		for _, c := range a.Compare.columns() {
			names = append(names, c.Name)
		}
	case a.Keys != nil:
		for _, c := range a.Keys.Columns {
			names = append(names, c.Name)
		}
	case a.Cells != nil:
		names = append(names, a.Cells.Column.Name)
	case a.Groups != nil:
		names = append(names, a.Groups.By...)
		for _, v := range a.Groups.Values {
			names = append(names, v.columns()...)
		}
		if a.Groups.Keys != nil {
			for _, c := range a.Groups.Keys.Columns {
				names = append(names, c.Name)
			}
		}
	}
	return names
}

// columns returns the names of columns that the aggregate reads, but for those of times.
func (a *Aggregate) columns() (names []string) {
	if a.Column != "" {
		names = append(names, a.Column)
	}
	if a.Distinct != nil {
		for _, c := range a.Distinct.Columns {
			names = append(names, c.Name)
		}
	}
	if a.Bad != nil {
		columns, _ := warehouse.PredicateColumns(a.Bad)
		names = append(names, columns...)
	}
	return names
}

// relation returns the table that the question is for.
func (q question) relation() *warehouse.Table {
	if q.ask.Of != nil {
		return q.from.target.Known.Like
	}
	return q.from.target.Known.Relation
}

// listColumns adds to the error of a statement that names an unknown column which columns
// the table has.
func (p *planned) listColumns() {
	if p.err == nil || !ofOneCheck(p.questions) || warehouse.KindOf(p.err) != warehouse.MissingColumn {
		return
	}
	q := p.questions[0]
	named := slices.ContainsFunc(p.questions, func(q question) bool { return len(q.ask.columns()) > 0 })
	if rel := q.relation(); q.ask.Query == nil && rel != nil && len(rel.Columns) > 0 && named {
		p.err = fmt.Errorf("%w; the table has %s", p.err, columnNames(rel))
	}
}

// columnName returns the configured column, else the dataset's time column.
func (t Target) columnName(configured string) string { return cmp.Or(configured, t.TimeColumn) }

// zone returns the dataset's time zone; UTC if none is configured.
func (t Target) zone() *time.Location {
	if t.Location == nil {
		return time.UTC
	}
	return t.Location
}

func noZone(column string) error {
	const advice = "set `timezone:` on the check, the dataset or in defaults"
	return fmt.Errorf("column %s has no time zone of its own: %s", column, advice)
}

func newTarget(j Job, c Check) Target {
	return Target{
		Check:      c.Common().ID,
		Table:      j.Table,
		TimeColumn: j.TimeColumn,
		Time:       j.Time,
		Location:   location(c, j),
		Tick:       j.Tick,
		Created:    j.Created,
	}
}
