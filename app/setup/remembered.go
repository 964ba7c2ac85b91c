package setup

import (
	"context"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/store"
)

// RememberedDatasets finds the configured datasets by what the state remembers: the tables
// that have results, and those that patterns have matched. It asks no warehouse, so a name
// without a schema and in another case is found once its table has a result.
func (s Setup) RememberedDatasets(ctx context.Context, state *store.Store) (out Resolved, err error) {
	results, err := state.LastResults(ctx, store.Filter{})
	if err != nil {
		return out, err
	}
	tables := map[string]map[sentinel.Table]bool{} // by warehouse
	for _, r := range results {
		if tables[r.Table.Warehouse] == nil {
			tables[r.Table.Warehouse] = map[sentinel.Table]bool{}
		}
		tables[r.Table.Warehouse][r.Table] = true
	}
	for _, w := range s.Config.Warehouses {
		memory, err := agent.ReadTables(ctx, state, w.Name)
		if err != nil {
			return out, err
		}
		if memory == nil {
			memory = &agent.TableMemory{}
		}
		var found []config.Dataset
		for i := range s.Config.Datasets {
			d := &s.Config.Datasets[i]
			if d.Table.Warehouse != w.Name {
				continue
			}
			some, err := rememberedAs(d, *memory, tables[w.Name])
			if err != nil {
				out.Problems = append(out.Problems, err)
			}
			found = append(found, some...)
		}
		for _, d := range config.Together(found) {
			out.Datasets = append(out.Datasets, agentDataset(d))
		}
	}
	out.resolveUpstreams()
	return out, nil
}

// rememberedAs finds the datasets of one entry.
func rememberedAs(
	d *config.Dataset, memory agent.TableMemory, tables map[sentinel.Table]bool,
) ([]config.Dataset, error) {
	if d.Pattern.Wild() {
		return matchPattern(d, nil, memory)
	}
	var named []sentinel.Table
	for t := range tables {
		if d.Names(t) {
			named = append(named, t)
		}
	}
	one := *d
	if len(named) == 1 {
		one.Table = named[0]
	}
	return []config.Dataset{one}, nil
}
