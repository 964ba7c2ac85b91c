package setup

import (
	"context"
	"fmt"
	"slices"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Datasets finds the configured datasets in the catalogs. It reads each
// warehouse's catalog once. Of a warehouse that cannot be read, plain names stay
// as they are written, and patterns match nothing yet; a problem says so.
func (s Setup) Datasets(ctx context.Context, open Warehouses) (out []agent.Dataset, problems []error) {
	for _, w := range s.Config.Warehouses {
		var configured []*config.Dataset
		for i := range s.Config.Datasets {
			if d := &s.Config.Datasets[i]; d.Table.Warehouse == w.Name {
				configured = append(configured, d)
			}
		}
		if len(configured) == 0 {
			continue
		}
		catalog, err := catalogOf(ctx, open[w.Name], configured)
		if err != nil {
			problems = append(problems, fmt.Errorf("warehouse %s: %w", w.Name, err))
			catalog = &warehouse.Catalog{}
		}
		found := make([]config.Dataset, 0, len(configured))
		for _, d := range configured {
			some, err := d.Resolve(catalog)
			if err != nil && catalog.Tables != nil {
				problems = append(problems, err)
			}
			found = append(found, some...)
		}
		found = config.Together(found)
		out = slices.Grow(out, len(found))
		for _, d := range found {
			out = append(out, agentDataset(d))
		}
	}
	return out, problems
}

// catalogOf reads the names of the tables that the datasets may mean. A pattern,
// or a name without a schema, needs all names.
func catalogOf(ctx context.Context, db *warehouse.DB, datasets []*config.Dataset) (*warehouse.Catalog, error) {
	names := make([]warehouse.TableName, 0, len(datasets))
	exact := true
	for _, d := range datasets {
		names = append(names, warehouse.TableName{Schema: d.Table.Schema, Name: d.Table.Name})
		if config.Wild(d.Table) || d.Table.Schema == "" {
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
		Location:   d.Location,
		Repairs:    d.Repairs,
		DependsOn:  d.DependsOn,
		Checks:     make([]agent.Check, 0, len(d.Checks)),
	}
	for _, c := range d.Checks {
		meta := agent.Meta{Tier: c.Tier, Owner: c.Owner, Runbook: c.Runbook}
		out.Checks = append(out.Checks, agent.Check{Check: c.Check, Schedule: c.Schedule, Meta: meta})
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
