package checks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	sentinel "github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// recallBaselines reads all checks' accepted schemas at once.
func (r *run) recallBaselines(ctx context.Context, needs [][]Needs) {
	var wanting []*Target
	var ids []string
	for i, jr := range r.jobs {
		for k := range jr.targets {
			if needs[i][k].Baseline {
				wanting, ids = append(wanting, &jr.targets[k]), append(ids, jr.targets[k].Check)
			}
		}
	}
	if len(ids) == 0 || r.env.Baselines == nil {
		return
	}
	if r.env.Digests != nil {
		if wanting, ids = r.unlessUnchanged(ctx, wanting, ids); len(ids) == 0 {
			return
		}
	}
	known, err := r.env.Baselines(ctx, ids)
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
func (r *run) unlessUnchanged(ctx context.Context, wanting []*Target, ids []string) (_ []*Target, changed []string) {
	digests, err := r.env.Digests(ctx, ids)
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

// look is a warehouse with its catalog, or why that could not be read.
type look struct {
	db      *warehouse.DB
	catalog *warehouse.Catalog
	err     error
}

// find returns a table, nil where there is none.
func (l look) find(t sentinel.Table) (*warehouse.Table, error) {
	if l.err != nil {
		return nil, l.err
	}
	if t.Schema == "" {
		t.Schema = l.catalog.DefaultSchema
	}
	return l.catalog.Tables[warehouse.TableName{Schema: t.Schema, Name: t.Name}], nil
}

// readCatalogs reads the facts of all jobs' tables, and of the tables they are
// compared with, once per warehouse.
func (r *run) readCatalogs(ctx context.Context, jobs []Job) {
	wants := map[string]*warehouse.Scope{}
	add := func(t sentinel.Table, f warehouse.Facts, column string) {
		w := wants[t.Warehouse]
		if w == nil {
			w = &warehouse.Scope{Tables: make([]warehouse.TableName, 0, len(jobs)), ColumnNames: []string{}}
			wants[t.Warehouse] = w
		}
		w.Facts |= f
		if name := (warehouse.TableName{Schema: t.Schema, Name: t.Name}); len(w.Tables) == 0 || w.Tables[len(w.Tables)-1] != name {
			w.Tables = append(w.Tables, name)
		}
		if column != "" && !slices.Contains(w.ColumnNames, column) {
			w.ColumnNames = append(w.ColumnNames, column)
		}
	}
	for i, j := range jobs {
		facts := warehouse.Indexes // they and partitions tell how to ask
		if r.db != nil && r.db.Config.ChangeCounters {
			facts |= warehouse.Changes
		}
		for _, n := range r.needs[i] {
			add(j.Table, facts|n.Facts, n.Column)
			if n.Like != nil {
				add(*n.Like, n.LikeFacts, n.Column)
			}
		}
	}
	r.looks = map[string]look{}
	for name, w := range wants {
		var l look
		if l.db, l.err = r.env.Warehouse(name); l.err == nil {
			l.catalog, l.err = readCatalog(ctx, l.db, r.env.Memory, *w)
			r.looks[name] = l
			if w.Facts&warehouse.Columns == 0 && r.lacksColumns(jobs, name) { // people must hear which there are
				w.Facts |= warehouse.Columns
				l.catalog, l.err = readCatalog(ctx, l.db, r.env.Memory, *w)
			}
		}
		r.looks[name] = l
	}
}

// lacksColumns reports whether the catalog of a warehouse has a table without a
// column that a check needs.
func (r *run) lacksColumns(jobs []Job, name string) bool {
	lacks := func(t sentinel.Table, column string) bool {
		if t.Warehouse != name || column == "" {
			return false
		}
		table, err := r.looks[name].find(t)
		return err == nil && table != nil && table.Column(column) == nil
	}
	for i, j := range jobs {
		for _, n := range r.needs[i] {
			if lacks(j.Table, n.Column) || n.Like != nil && lacks(*n.Like, n.Column) {
				return true
			}
		}
	}
	return false
}

// knowTables tells a check what the catalogs say of its tables.
func (r *run) knowTables(t *Target, n Needs) {
	own := r.looks[t.Table.Warehouse]
	t.Known.Catalog = own.catalog
	t.Known.Relation, t.Known.Err = own.find(t.Table)
	if n.Like == nil {
		return
	}
	other := r.looks[n.Like.Warehouse]
	if t.Known.Like, t.Known.LikeErr = other.find(*n.Like); t.Known.LikeErr == nil {
		t.Known.LikeWhere = Where{other.db.Place(), other.catalog.Standby, other.catalog.Lag}
	}
}

// readCatalog reads the tables' facts. Names without a schema need the engine's
// default, which only a first look tells.
func readCatalog(ctx context.Context, db *warehouse.DB, memory *Memory, scope warehouse.Scope) (*warehouse.Catalog, error) {
	tables := slices.Clone(scope.Tables)
	if slices.ContainsFunc(tables, func(t warehouse.TableName) bool { return t.Schema == "" }) {
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
func (r *run) recall(ctx context.Context, t *Target, n Needs) {
	t.Known.New = n.Past && r.env.New != nil && r.env.New(t.Check)
	if len(n.History) == 0 || r.env.History == nil {
		return
	}
	t.Known.History = map[Series][]sentinel.Point{}
	for _, s := range n.History {
		points, err := r.env.History(ctx, t.Check, s)
		if err != nil {
			t.Known.HistoryErr = fmt.Errorf("reading history: %w", err)
		}
		t.Known.History[s] = points
	}
}
