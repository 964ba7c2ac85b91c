package checks

import (
	"context"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// location returns the time zone of the check, else that of the dataset.
func location(c Check, j Job) *time.Location {
	if name := c.Common().Timezone; name != "" {
		if loc, err := schedule.Zone(name); err == nil { // Validate refuses unknown zones
			return loc
		}
	}
	return j.Location
}

// catalogView is the catalog of one warehouse, or why it could not be read.
type catalogView struct {
	db      *warehouse.DB
	scope   warehouse.Scope // what was read
	catalog *warehouse.Catalog
	err     error
}

// find returns a table; nil if there is none.
func (v *catalogView) find(t sentinel.Table) (*warehouse.Table, error) {
	if v.err != nil {
		return nil, v.err
	}
	if t.Schema == "" {
		t.Schema = v.catalog.DefaultSchema
	}
	return v.catalog.Tables[warehouse.TableName{Schema: t.Schema, Name: t.Name}], nil
}

// columns returns the names of columns whose types must be known.
func (n Needs) columns() []string {
	if n.Column == "" {
		return n.Columns
	}
	return append(slices.Clip(n.Columns), n.Column)
}

// require adds to the scope a table, some facts of it, and columns whose types must be
// known. The definitions of tables are read only where the fact Views is required: reading
// them opens the table.
func (v *catalogView) require(t sentinel.Table, f warehouse.Facts, columns []string) {
	s := &v.scope
	s.Facts |= f
	name := warehouse.TableName{Schema: t.Schema, Name: t.Name}
	if len(s.Tables) == 0 || s.Tables[len(s.Tables)-1] != name {
		s.Tables = append(s.Tables, name)
	}
	if n := len(s.Definitions); f&warehouse.Views != 0 && (n == 0 || s.Definitions[n-1] != name) {
		s.Definitions = append(s.Definitions, name)
	}
	for _, column := range columns {
		if !slices.Contains(s.ColumnNames, column) {
			s.ColumnNames = append(s.ColumnNames, column)
		}
	}
}

// readCatalogs reads the facts of all jobs' tables, and of the tables they are
// compared with, once per warehouse.
func (e *executor) readCatalogs(ctx context.Context, jobs []Job) {
	e.catalogs = map[string]*catalogView{}
	of := func(warehouseName string) *catalogView {
		v := e.catalogs[warehouseName]
		if v == nil {
			v = &catalogView{scope: warehouse.Scope{
				Tables:      make([]warehouse.TableName, 0, len(jobs)),
				ColumnNames: []string{},
				Definitions: []warehouse.TableName{},
			}}
			e.catalogs[warehouseName] = v
		}
		return v
	}
	facts := warehouse.Indexes // the planner uses indexes and partitions to choose cheap statements
	if e.db != nil && e.db.Config.ChangeCounters {
		facts |= warehouse.Changes
	}
	for _, j := range jobs {
		own := of(j.Table.Warehouse)
		for _, c := range j.Checks {
			n, _ := needsOf(c, newTarget(j, c)) // prepare keeps the error
			own.require(j.Table, facts|n.Facts, n.columns())
			if n.Like != nil {
				of(n.Like.Warehouse).require(*n.Like, n.LikeFacts, n.columns())
			}
		}
	}
	for name, v := range e.catalogs {
		if v.db, v.err = e.env.Warehouse(name); v.err == nil {
			v.catalog, v.err = readCatalog(ctx, v.db, e.env.Cache, v.scope)
		}
	}
}

// readMissingColumns reads a catalog again with all columns if a table lacks a column
// that a check needs, because the error message lists the existing columns.
func (e *executor) readMissingColumns(ctx context.Context, part []jobRun) {
	read := func(t sentinel.Table, columns []string) {
		v := e.catalogs[t.Warehouse]
		if v.err != nil || v.scope.Facts&warehouse.Columns != 0 {
			return
		}
		table, _ := v.find(t)
		lacks := func(name string) bool { return table.Column(name) == nil }
		if table != nil && slices.ContainsFunc(columns, lacks) {
			v.scope.Facts |= warehouse.Columns
			v.catalog, v.err = readCatalog(ctx, v.db, e.env.Cache, v.scope)
		}
	}
	for run := range allChecks(part) {
		read(run.target.Table, run.needs.columns())
		if run.needs.Like != nil {
			read(*run.needs.Like, run.needs.columns())
		}
	}
}

// lookUpTables sets the catalog's facts of the check's tables.
func (e *executor) lookUpTables(run *checkRun) {
	known := &run.target.Known
	own := e.catalogs[run.target.Table.Warehouse]
	known.Catalog = own.catalog
	known.Relation, known.Err = own.find(run.target.Table)
	if own.db != nil {
		known.Dialect = own.db.Dialect
	}
	like := run.needs.Like
	if like == nil {
		return
	}
	other := e.catalogs[like.Warehouse]
	if other.db != nil {
		known.LikeDialect = other.db.Dialect
	}
	if known.Like, known.LikeErr = other.find(*like); known.LikeErr == nil {
		known.LikeServer = &Server{Place: other.db.Server(), Standby: other.catalog.Standby, Lag: other.catalog.Lag}
	}
}

// readCatalog reads the tables' facts. For names without a schema it reads the
// engine's default schema first.
func readCatalog(
	ctx context.Context, db *warehouse.DB, cache *Cache, scope warehouse.Scope,
) (*warehouse.Catalog, error) {
	if slices.ContainsFunc(scope.Tables, func(t warehouse.TableName) bool { return t.Schema == "" }) {
		c, err := db.Catalog(ctx, warehouse.Scope{Tables: []warehouse.TableName{}})
		if err != nil {
			return nil, err
		}
		scope.Tables = inSchema(scope.Tables, c.DefaultSchema)
		scope.Definitions = inSchema(scope.Definitions, c.DefaultSchema)
	}
	tables := scope.Tables
	if !db.Config.ChangeCounters || cache == nil {
		return db.Catalog(ctx, scope)
	}
	scope.Previous = cache.catalog(db.Config.Name, tables)
	c, err := db.Catalog(ctx, scope)
	if err == nil {
		cache.storeCatalog(db.Config.Name, tables, c)
	}
	return c, err
}

// inSchema returns the names with a schema for those that have none.
func inSchema(names []warehouse.TableName, schema string) []warehouse.TableName {
	names = slices.Clone(names)
	for i := range names {
		if names[i].Schema == "" {
			names[i].Schema = schema
		}
	}
	return names
}
