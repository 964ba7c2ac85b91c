package checks

import (
	"context"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// removal is a table that lacks, as it was read, something that its reference has.
type removal struct {
	db        *warehouse.DB
	reference *warehouse.Table
	table     **warehouse.Table // in the target of the check
	facts     warehouse.Facts
}

// confirmRemovals reads tables again that lack something, and asks the server about what
// they still lack, where the catalog shows only what the user may read. What is not
// confirmed makes the table unreadable, so that it is not reported as removed.
func (e *executor) confirmRemovals(ctx context.Context, part []jobRun) {
	byDB := map[*warehouse.DB][]removal{}
	for run := range allChecks(part) {
		for _, r := range e.removalsOf(run) {
			if (*r.table).Unreadable&warehouse.Columns == 0 && lacks(r.reference, *r.table) {
				byDB[r.db] = append(byDB[r.db], r)
			}
		}
	}
	for db, removals := range byDB {
		var scope warehouse.Scope
		for _, r := range removals {
			scope.Tables = append(scope.Tables, (*r.table).TableName)
			scope.Facts |= r.facts
		}
		catalog, err := db.Catalog(ctx, scope)
		for _, r := range removals {
			if err != nil {
				*r.table = unreadable(*r.table, err)
				continue
			}
			r.confirm(ctx, catalog.Tables[(*r.table).TableName])
		}
	}
}

// confirm replaces the table by what was read again, or by one that is unreadable.
func (r *removal) confirm(ctx context.Context, again *warehouse.Table) {
	if again == nil {
		return // dropped meanwhile: the first reading stands
	}
	*r.table = again
	if again.Unreadable&warehouse.Columns != 0 || !lacks(r.reference, again) {
		return
	}
	if err := r.db.ConfirmRemoved(ctx, r.reference, again); err != nil {
		*r.table = unreadable(again, err)
	}
}

func unreadable(t *warehouse.Table, err error) *warehouse.Table {
	out := *t
	out.Unreadable, out.ReadErr = warehouse.AllFacts, err
	return &out
}

// removalsOf returns the tables of a check of which the server must confirm what they lack.
func (e *executor) removalsOf(run *checkRun) (out []removal) {
	known := &run.target.Known
	schema, ok := run.check.(SchemaCheck)
	if !ok || run.bug != nil || known.Err != nil || known.Relation == nil {
		return nil
	}
	add := func(t sentinel.Table, reference *warehouse.Table, table **warehouse.Table) {
		db := e.catalogs[t.Warehouse].db
		if reference != nil && *table != nil && db != nil && db.MustConfirm() {
			out = append(out, removal{db, reference, table, e.catalogs[t.Warehouse].scope.Facts})
		}
	}
	switch like, declared := schema.Reference(); {
	case like != nil:
		if known.Like != nil { // only columns are compared by name
			add(run.target.Table, &warehouse.Table{Columns: known.Like.Columns}, &known.Relation)
			add(*like, &warehouse.Table{Columns: known.Relation.Columns}, &known.Like)
		}
	case len(declared) > 0:
		add(run.target.Table, &warehouse.Table{Columns: declared}, &known.Relation)
	case known.Baseline != known.Relation:
		add(run.target.Table, known.Baseline, &known.Relation)
	}
	return out
}

// lacks reports whether the table has not all columns, keys and indexes of the reference.
func lacks(reference, table *warehouse.Table) bool {
	if reference.PrimaryKey != nil && table.PrimaryKey == nil {
		return true
	}
	for i := range reference.Columns {
		if !slices.ContainsFunc(table.Columns, func(c warehouse.Column) bool {
			return strings.EqualFold(c.Name, reference.Columns[i].Name)
		}) {
			return true
		}
	}
	has := map[string]bool{}
	for _, ix := range table.Indexes {
		has[ix.Name] = true
	}
	for _, fk := range table.ForeignKeys {
		has[fk.Name] = true
	}
	for _, ix := range reference.Indexes {
		if !has[ix.Name] {
			return true
		}
	}
	return slices.ContainsFunc(reference.ForeignKeys, func(fk warehouse.ForeignKey) bool { return !has[fk.Name] })
}
