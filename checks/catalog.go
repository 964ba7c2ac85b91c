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

// require adds to the scope a table, some facts of it, and a column whose type must be
// known.
func (v *catalogView) require(t sentinel.Table, f warehouse.Facts, column string) {
	s := &v.scope
	s.Facts |= f
	name := warehouse.TableName{Schema: t.Schema, Name: t.Name}
	if len(s.Tables) == 0 || s.Tables[len(s.Tables)-1] != name {
		s.Tables = append(s.Tables, name)
	}
	if column != "" && !slices.Contains(s.ColumnNames, column) {
		s.ColumnNames = append(s.ColumnNames, column)
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
			own.require(j.Table, facts|n.Facts, n.Column)
			if n.Like != nil {
				of(n.Like.Warehouse).require(*n.Like, n.LikeFacts, n.Column)
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
	read := func(t sentinel.Table, column string) {
		v := e.catalogs[t.Warehouse]
		if column == "" || v.err != nil || v.scope.Facts&warehouse.Columns != 0 {
			return
		}
		if table, _ := v.find(t); table != nil && table.Column(column) == nil {
			v.scope.Facts |= warehouse.Columns
			v.catalog, v.err = readCatalog(ctx, v.db, e.env.Cache, v.scope)
		}
	}
	for run := range allChecks(part) {
		read(run.target.Table, run.needs.Column)
		if run.needs.Like != nil {
			read(*run.needs.Like, run.needs.Column)
		}
	}
}

// lookUpTables sets the catalog's facts of the check's tables.
func (e *executor) lookUpTables(run *checkRun) {
	known := &run.target.Known
	own := e.catalogs[run.target.Table.Warehouse]
	known.Catalog = own.catalog
	known.Relation, known.Err = own.find(run.target.Table)
	like := run.needs.Like
	if like == nil {
		return
	}
	other := e.catalogs[like.Warehouse]
	if known.Like, known.LikeErr = other.find(*like); known.LikeErr == nil {
		known.LikeServer = Server{Place: other.db.Server(), Standby: other.catalog.Standby, Lag: other.catalog.Lag}
	}
}

// readCatalog reads the tables' facts. For names without a schema it reads the
// engine's default schema first.
func readCatalog(
	ctx context.Context, db *warehouse.DB, cache *Cache, scope warehouse.Scope,
) (*warehouse.Catalog, error) {
	tables := scope.Tables
	if slices.ContainsFunc(tables, func(t warehouse.TableName) bool { return t.Schema == "" }) {
		tables = slices.Clone(tables)
		c, err := db.Catalog(ctx, warehouse.Scope{Tables: []warehouse.TableName{}})
		if err != nil {
			return nil, err
		}
		for i := range tables {
			if tables[i].Schema == "" {
				tables[i].Schema = c.DefaultSchema
			}
		}
	}
	scope.Tables = tables
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
