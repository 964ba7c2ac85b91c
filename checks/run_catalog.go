package checks

import (
	"bytes"
	"context"
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
	known, err := r.env.Baselines(ctx, ids)
	for _, t := range wanting {
		data, ok := known[t.Check]
		if !ok {
			t.Known.HistoryErr = err
			continue
		}
		if t.Known.Baseline, t.Known.HistoryErr = recallBaseline(t, data); t.Known.HistoryErr != nil {
			t.Known.HistoryErr = fmt.Errorf("check %s: %w", t.Check, t.Known.HistoryErr)
		}
	}
}

// recallBaseline decodes a snapshot, unless it is that of the table as it is now,
// as nearly always: to write the table's takes a fraction of the time.
func recallBaseline(t *Target, data []byte) (*warehouse.Table, error) {
	if t.Known.Relation != nil {
		table := snapshot(t)
		now, err := EncodeSnapshot(table)
		if err != nil || bytes.Equal(now, data) {
			return table, err
		}
	}
	return DecodeSnapshot(data)
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
	type want struct {
		facts  warehouse.Facts
		tables []warehouse.TableName
	}
	wants := map[string]*want{}
	add := func(t sentinel.Table, f warehouse.Facts) {
		w := wants[t.Warehouse]
		if w == nil {
			w = &want{tables: make([]warehouse.TableName, 0, len(jobs))}
			wants[t.Warehouse] = w
		}
		w.facts |= f
		w.tables = append(w.tables, warehouse.TableName{Schema: t.Schema, Name: t.Name})
	}
	for i, j := range jobs {
		// Columns tell how a time column reads, indexes and partitions how to ask.
		facts := warehouse.Columns | warehouse.Indexes
		if r.db != nil && r.db.Config.ChangeCounters {
			facts |= warehouse.Changes
		}
		for _, n := range r.needs[i] {
			facts |= n.Facts
			if n.Like != nil {
				add(*n.Like, n.LikeFacts)
			}
		}
		add(j.Table, facts)
	}
	r.looks = map[string]look{}
	for name, w := range wants {
		var l look
		if l.db, l.err = r.env.Warehouse(name); l.err == nil {
			l.catalog, l.err = readCatalog(ctx, l.db, r.env.Memory, w.facts, w.tables)
		}
		r.looks[name] = l
	}
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
func readCatalog(ctx context.Context, db *warehouse.DB, memory *Memory, facts warehouse.Facts, tables []warehouse.TableName) (*warehouse.Catalog, error) {
	tables = slices.Clone(tables)
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
	scope := warehouse.Scope{Tables: tables, Facts: facts}
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
