package setup

import (
	"context"
	"reflect"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/slo"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Resolved is what the configured datasets are in the warehouses.
type Resolved struct {
	Datasets []agent.Dataset
	Problems []error
	States   []store.State // what is to be remembered of the patterns' tables
}

// Datasets finds the configured datasets in the catalogs. It reads each warehouse's
// catalog once. A table that a pattern matched before stays a dataset, although it is
// gone or its warehouse cannot be read, until somebody accepts that it is gone. state
// remembers the tables; nil: nothing is remembered.
func (s Setup) Datasets(ctx context.Context, open Warehouses, state *store.Store) (out Resolved) {
	for _, w := range s.Config.Warehouses {
		var configured []*config.Dataset
		for i := range s.Config.Datasets {
			if d := &s.Config.Datasets[i]; d.Table.Warehouse == w.Name {
				configured = append(configured, d)
			}
		}
		if len(configured) > 0 {
			out.add(s.resolve(ctx, open[w.Name], configured, state))
		}
	}
	out.resolveUpstreams()
	return out
}

// resolveUpstreams gives upstreams the names that their tables have in the catalog. The
// configuration may write them without a schema or in another case.
func (r *Resolved) resolveUpstreams() {
	known := map[sentinel.Table]bool{}
	folded := map[string][]sentinel.Table{}
	key := func(t sentinel.Table) string { return t.Warehouse + " " + strings.ToLower(t.Name) }
	for _, d := range r.Datasets {
		known[d.Table] = true
		folded[key(d.Table)] = append(folded[key(d.Table)], d.Table)
	}
	for i := range r.Datasets {
		for j, up := range r.Datasets[i].DependsOn {
			if known[up] {
				continue
			}
			var named []sentinel.Table
			for _, t := range folded[key(up)] {
				if sentinel.MatchTable(up.String(), t) {
					named = append(named, t)
				}
			}
			if len(named) == 1 {
				r.Datasets[i].DependsOn[j] = named[0]
			}
		}
	}
}

func (r *Resolved) add(more Resolved) {
	r.Datasets = append(r.Datasets, more.Datasets...)
	r.Problems = append(r.Problems, more.Problems...)
	r.States = append(r.States, more.States...)
}

// resolve finds the datasets of one warehouse.
func (s Setup) resolve(
	ctx context.Context, db *warehouse.DB, configured []*config.Dataset, state *store.Store,
) (out Resolved) {
	name := configured[0].Table.Warehouse
	problem := func(err error) { out.Problems = append(out.Problems, &agent.ResolveError{Warehouse: name, Err: err}) }
	var before agent.TableMemory
	remembered, memoryErr := agent.ReadTables(ctx, state, name)
	if memoryErr != nil {
		problem(memoryErr)
	} else if remembered != nil {
		before = *remembered
	}
	catalog, err := catalogOf(ctx, db, configured)
	if err != nil {
		problem(err)
		catalog = nil
	}
	var found []config.Dataset
	matched := map[string][]config.Dataset{}
	for _, d := range configured {
		some, err := s.datasetsOf(d, catalog, before)
		if err != nil && catalog != nil {
			out.Problems = append(out.Problems, err)
		}
		if d.Pattern.Wild() {
			matched[patternKey(d)] = some
		}
		found = append(found, some...)
	}
	after := before
	if catalog != nil {
		after = remember(before, matched, catalog, s.Clock.Now())
	}
	found = config.Together(found)
	for _, d := range found {
		one := agentDataset(d)
		name := warehouse.TableName{Schema: d.Table.Schema, Name: d.Table.Name}
		one.Gone = d.OfPattern() && catalog != nil && catalog.Tables[name] == nil
		one.Created = d.OfPattern() && after.Tables[d.Table.String()].Created
		out.Datasets = append(out.Datasets, one)
	}
	if catalog != nil && memoryErr == nil && len(matched)+len(before.Tables) > 0 && !reflect.DeepEqual(before, after) {
		st, err := after.State(name)
		if err != nil {
			problem(err)
		}
		out.States = append(out.States, st)
	}
	return out
}

// datasetsOf finds the datasets of one entry. catalog is nil if it could not be read.
func (s Setup) datasetsOf(
	d *config.Dataset, catalog *warehouse.Catalog, before agent.TableMemory,
) ([]config.Dataset, error) {
	switch {
	case d.Pattern.Wild():
		return matchPattern(d, catalog, before)
	case catalog == nil:
		return d.Resolve(&warehouse.Catalog{})
	}
	return d.Resolve(catalog)
}

// catalogOf reads the names of the tables that the datasets may mean. A pattern,
// or a name without a schema, needs all names.
func catalogOf(ctx context.Context, db *warehouse.DB, datasets []*config.Dataset) (*warehouse.Catalog, error) {
	names := make([]warehouse.TableName, 0, len(datasets))
	exact := true
	for _, d := range datasets {
		names = append(names, warehouse.TableName{Schema: d.Table.Schema, Name: d.Table.Name})
		if d.Pattern.Wild() || d.Table.Schema == "" {
			exact = false
		}
	}
	if !exact {
		return db.Catalog(ctx, warehouse.Scope{})
	}
	catalog, err := db.Catalog(ctx, warehouse.Scope{Tables: names})
	if err == nil && len(catalog.Tables) < len(names) {
		// A name does not exist as it is written. It may exist in another case.
		return db.Catalog(ctx, warehouse.Scope{})
	}
	return catalog, err
}

func agentDataset(d config.Dataset) agent.Dataset {
	out := agent.Dataset{
		Table:      d.Table,
		TimeColumn: d.TimeColumn,
		Time:       d.Time,
		Location:   d.Location,
		Repairs:    d.Repairs,
		DependsOn:  d.DependsOn,
		Checks:     make([]agent.Check, 0, len(d.Checks)),
	}
	for _, c := range d.Checks {
		meta := agent.Meta{Tier: c.Tier, Owner: c.Owner, Runbook: c.Runbook, Tags: d.Tags}
		out.Checks = append(out.Checks, agent.Check{Check: c.Check, Schedule: c.Schedule, Meta: meta})
	}
	if s := d.SLO; s != nil {
		out.SLO = &slo.Objective{Target: float64(s.Objective), Window: s.Window}
	}
	k := d.Risk
	if k == nil {
		return out
	}
	arrivals := out.Checks[k.Check]
	out.Risk = &agent.Risk{
		Check:     arrivals.Common().ID,
		Deadline:  k.Schedule,
		Grace:     k.Grace,
		Calendar:  k.Calendar,
		Age:       k.Age,
		Threshold: *k.Threshold,
		Clear:     *k.Clear,
		Horizon:   k.Horizon,
		Status:    sentinel.Warn,
		Meta:      arrivals.Meta,
	}
	if k.Status == "fail" {
		out.Risk.Status = sentinel.Fail
	}
	return out
}
