package checks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// recallBaselines reads all checks' accepted schemas at once.
func (l *Look) recallBaselines(ctx context.Context) {
	var wanting []*Target
	var ids []string
	for i, n := range l.needs {
		if n.Baseline {
			wanting, ids = append(wanting, &l.targets[i]), append(ids, l.targets[i].Check)
		}
	}
	if len(ids) == 0 || l.env.Baselines == nil {
		return
	}
	if l.env.Digests != nil {
		if wanting, ids = l.unlessUnchanged(ctx, wanting, ids); len(ids) == 0 {
			return
		}
	}
	known, err := l.env.Baselines(ctx, ids)
	for _, t := range wanting {
		data, ok := known[t.Check]
		if !ok {
			t.Known.HistoryErr = err
			continue
		}
		if t.Known.Baseline, t.Known.HistoryErr = DecodeSnapshot(data); t.Known.HistoryErr != nil {
			t.Known.HistoryErr = fmt.Errorf("check %s: %w", t.Check, t.Known.HistoryErr)
		}
	}
}

// unlessUnchanged leaves out the checks whose table is as it was accepted, by its
// digest: that is known, then.
func (l *Look) unlessUnchanged(ctx context.Context, wanting []*Target, ids []string) (_ []*Target, changed []string) {
	digests, err := l.env.Digests(ctx, ids)
	if err != nil {
		return wanting, ids // who reads them says what is wrong
	}
	left := wanting[:0]
	var now []byte
	for _, t := range wanting {
		if d, ok := digests[t.Check]; ok && t.Known.Relation != nil {
			now = appendSnapshot(now[:0], snapshot(t))
			if sum := sha256.Sum256(now); bytes.Equal(sum[:], d) {
				t.Known.Baseline = t.Known.Relation
				continue
			}
		}
		left, changed = append(left, t), append(changed, t.Check)
	}
	return left, changed
}

// location is the check's own time zone, else the dataset's.
func location(c Check, j Job) *time.Location {
	if name := c.Common().Timezone; name != "" {
		if loc, err := schedule.Zone(name); err == nil { // Validate has refused unknown zones
			return loc
		}
	}
	return j.Location
}

// view is a warehouse with its catalog, or why that could not be read.
type view struct {
	db      *warehouse.DB
	scope   warehouse.Scope // what was asked for
	catalog *warehouse.Catalog
	err     error
}

// find returns a table, nil where there is none.
func (v *view) find(t sentinel.Table) (*warehouse.Table, error) {
	if v.err != nil {
		return nil, v.err
	}
	if t.Schema == "" {
		t.Schema = v.catalog.DefaultSchema
	}
	return v.catalog.Tables[warehouse.TableName{Schema: t.Schema, Name: t.Name}], nil
}

// wants adds a table, some facts of it, and a column whose type must be known.
func (v *view) wants(t sentinel.Table, f warehouse.Facts, column string) {
	s := &v.scope
	s.Facts |= f
	if name := (warehouse.TableName{Schema: t.Schema, Name: t.Name}); len(s.Tables) == 0 || s.Tables[len(s.Tables)-1] != name {
		s.Tables = append(s.Tables, name)
	}
	if column != "" && !slices.Contains(s.ColumnNames, column) {
		s.ColumnNames = append(s.ColumnNames, column)
	}
}

// readCatalogs reads the facts of all jobs' tables, and of the tables they are
// compared with, once per warehouse.
func (l *Look) readCatalogs(ctx context.Context, n int, jobs iter.Seq[Job]) {
	l.views = map[string]*view{}
	of := func(warehouseName string) *view {
		if l.views[warehouseName] == nil {
			l.views[warehouseName] = &view{scope: warehouse.Scope{Tables: make([]warehouse.TableName, 0, n), ColumnNames: []string{}}}
		}
		return l.views[warehouseName]
	}
	facts := warehouse.Indexes // they and partitions tell how to ask
	if l.db != nil && l.db.Config.ChangeCounters {
		facts |= warehouse.Changes
	}
	for j := range jobs {
		own := of(j.Table.Warehouse)
		for _, c := range j.Checks {
			n := c.Needs(target(j, c))
			own.wants(j.Table, facts|n.Facts, n.Column)
			if n.Like != nil {
				of(n.Like.Warehouse).wants(*n.Like, n.LikeFacts, n.Column)
			}
		}
	}
	for name, v := range l.views {
		if v.db, v.err = l.env.Warehouse(name); v.err == nil {
			v.catalog, v.err = readCatalog(ctx, v.db, l.env.Memory, v.scope)
		}
	}
}

// knowColumns reads the catalog of a warehouse again, with all columns, where a table
// lacks one that a check needs: people must hear which there are.
func (l *Look) knowColumns(ctx context.Context) {
	know := func(t sentinel.Table, column string) {
		v := l.views[t.Warehouse]
		if column == "" || v.err != nil || v.scope.Facts&warehouse.Columns != 0 {
			return
		}
		if table, _ := v.find(t); table != nil && table.Column(column) == nil {
			v.scope.Facts |= warehouse.Columns
			v.catalog, v.err = readCatalog(ctx, v.db, l.env.Memory, v.scope)
		}
	}
	for i, n := range l.needs {
		know(l.targets[i].Table, n.Column)
		if n.Like != nil {
			know(*n.Like, n.Column)
		}
	}
}

// knowTables tells a check what the catalogs say of its tables.
func (l *Look) knowTables(t *Target, n Needs) {
	own := l.views[t.Table.Warehouse]
	t.Known.Catalog = own.catalog
	t.Known.Relation, t.Known.Err = own.find(t.Table)
	if n.Like == nil {
		return
	}
	other := l.views[n.Like.Warehouse]
	if t.Known.Like, t.Known.LikeErr = other.find(*n.Like); t.Known.LikeErr == nil {
		t.Known.LikeWhere = Where{other.db.Place(), other.catalog.Standby, other.catalog.Lag}
	}
}

// readCatalog reads the tables' facts. Names without a schema need the engine's
// default, which only a first look tells.
func readCatalog(ctx context.Context, db *warehouse.DB, memory *Memory, scope warehouse.Scope) (*warehouse.Catalog, error) {
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
	if !db.Config.ChangeCounters || memory == nil {
		return db.Catalog(ctx, scope)
	}
	scope.Previous = memory.catalog(db.Config.Name, tables)
	c, err := db.Catalog(ctx, scope)
	if err == nil {
		memory.keep(db.Config.Name, tables, c)
	}
	return c, err
}

// recall reads what the check remembers.
func (l *Look) recall(ctx context.Context, t *Target, n Needs) {
	t.Known.New = n.Past && l.env.New != nil && l.env.New(t.Check)
	if len(n.History) == 0 || l.env.History == nil {
		return
	}
	t.Known.History = map[Series][]sentinel.Point{}
	for _, s := range n.History {
		points, err := l.env.History(ctx, t.Check, s)
		if err != nil {
			t.Known.HistoryErr = fmt.Errorf("reading history: %w", err)
		}
		t.Known.History[s] = points
	}
}
