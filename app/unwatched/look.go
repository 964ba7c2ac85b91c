package unwatched

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/app/propose"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/web/page"
)

// look reads the catalogs that are due.
func (f *Finder) look(ctx context.Context) (err error) {
	cfg := f.Host.InForce()
	f.forget(cfg)
	if cfg.Unwatched == nil {
		return nil
	}
	now := f.Clock.Now()
	var due []warehouse.Config
	f.mu.Lock()
	all := f.wanted
	for _, w := range cfg.Warehouses {
		every := lookEvery
		if f.known[w.Name].Failed != "" {
			every = lookAgain
		}
		if all || now.Sub(f.tried[w.Name]) >= every {
			due = append(due, w)
		}
	}
	f.wanted, f.looking = false, len(due) > 0
	f.mu.Unlock()
	if len(due) == 0 {
		return nil
	}
	defer f.looked()
	for _, w := range due {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err = errors.Join(err, f.lookAt(ctx, cfg, w))
	}
	return err
}

// looked ends a look.
func (f *Finder) looked() {
	f.mu.Lock()
	f.looking = false
	f.mu.Unlock()
	f.Host.Changed()
}

// forget forgets the warehouses that the configuration does not have, or all where it is off.
func (f *Finder) forget(cfg *config.Config) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name := range f.known {
		here := func(w warehouse.Config) bool { return w.Name == name }
		if cfg.Unwatched == nil || !slices.ContainsFunc(cfg.Warehouses, here) {
			f.Metrics.Forget(exporters.UnwatchedTables, name)
			delete(f.known, name)
			delete(f.tried, name)
		}
	}
}

// lookAt reads the catalog of one warehouse. If it cannot be read, what was found before stays,
// with the reason.
func (f *Finder) lookAt(ctx context.Context, cfg *config.Config, w warehouse.Config) error {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	f.mu.Lock()
	before := f.known[w.Name]
	f.tried[w.Name] = f.Clock.Now()
	f.mu.Unlock()
	found, err := f.read(ctx, cfg, w, before.Tables)
	if err != nil {
		found = before
		found.Failed = sentinel.Clip(err.Error())
	}
	found.Name = w.Name
	kept := f.keep(ctx, found)
	if err != nil {
		return errors.Join(fmt.Errorf("warehouse %s: %w", w.Name, err), kept)
	}
	f.Log.Debug("looked for tables that nobody watches", "warehouse", w.Name, "relations", found.Relations,
		"unwatched", found.Count)
	return kept
}

// read finds the tables of a warehouse that nobody watches. before are those of the last time:
// what was proposed by their rows stays.
func (f *Finder) read(
	ctx context.Context, cfg *config.Config, w warehouse.Config, before []page.UnwatchedTable,
) (found page.UnwatchedWarehouse, err error) {
	db, err := f.Host.Open(cfg, w)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	catalog, err := db.Catalog(ctx, warehouse.Scope{Facts: warehouse.Estimates})
	if err != nil {
		return found, err
	}
	if len(catalog.Tables) == 0 {
		return found, errors.New("the catalog shows no table: does the user of the DSN have privileges on one?")
	}
	found = choose(cfg, w.Name, db.Dialect, catalog)
	found.Read = f.Clock.Now().UTC().Truncate(time.Second)
	for i := range found.Tables {
		t := &found.Tables[i]
		if at, was := find(before, t.Table); was && !before[at].RowsRead.IsZero() {
			t.Proposal, t.RowsRead = before[at].Proposal, before[at].RowsRead
		}
	}
	source := propose.Source{Warehouse: w.Name, Dialect: db.Dialect}
	return found, proposeByCatalog(ctx, db, source, &found)
}

// choose returns the tables of a catalog that nobody watches, by name.
func choose(
	cfg *config.Config, name string, d warehouse.Dialect, c *warehouse.Catalog,
) (found page.UnwatchedWarehouse) {
	watched := cfg.Watched(name, c.DefaultSchema)
	source := propose.Source{
		Warehouse: name, Dialect: d, Catalog: c, State: propose.StateTables(c), Schemas: watched.Schemas(),
	}
	names, _ := source.Names()
	found.Relations = len(names)
	for _, n := range names {
		t := sentinel.Table{Warehouse: name, Schema: n.Schema, Name: n.Name}
		switch {
		case watched.Names(t):
		case watched.Excludes(t):
			found.Excluded++
		default:
			of := c.Tables[n]
			found.Tables = append(found.Tables, page.UnwatchedTable{
				Table: t, Kind: string(of.Kind), Rows: of.Rows, Bytes: of.Bytes,
			})
		}
	}
	found.Count = len(found.Tables)
	if len(found.Tables) > listed {
		found.Tables = slices.Clone(largest(found.Tables)[:listed])
	}
	slices.SortFunc(found.Tables, func(a, b page.UnwatchedTable) int { return a.Table.Compare(b.Table) })
	return found
}

// largest sorts tables, those with the most rows first.
func largest(tables []page.UnwatchedTable) []page.UnwatchedTable {
	slices.SortFunc(tables, func(a, b page.UnwatchedTable) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), a.Table.Compare(b.Table))
	})
	return tables
}

// proposeByCatalog proposes checks for the largest tables that have no proposal, without reading
// rows. Tables that `init` leaves out, such as those that inherit from another one, go.
func proposeByCatalog(
	ctx context.Context, db *warehouse.DB, s propose.Source, found *page.UnwatchedWarehouse,
) error {
	var names []warehouse.TableName
	for _, t := range largest(slices.Clone(found.Tables))[:min(proposed, len(found.Tables))] {
		if t.Proposal == "" {
			names = append(names, warehouse.TableName{Schema: t.Table.Schema, Name: t.Table.Name})
		}
	}
	for part := range slices.Chunk(names, atOnce) {
		c, err := db.Catalog(ctx, warehouse.Scope{
			Tables: part, Facts: propose.Facts, Definitions: []warehouse.TableName{},
		})
		if err != nil {
			return err
		}
		s.Catalog, s.Schemas = c, schemasOf(part)
		texts := map[sentinel.Table]string{}
		for _, t := range propose.From(s, nil).Tables {
			texts[t.Name] = t.YAML()
		}
		for _, n := range part {
			at, there := find(found.Tables, sentinel.Table{Warehouse: s.Warehouse, Schema: n.Schema, Name: n.Name})
			if text := texts[found.Tables[at].Table]; there && text != "" {
				found.Tables[at].Proposal = text
			} else if there {
				found.Tables = slices.Delete(found.Tables, at, at+1)
				found.Count--
				found.Relations--
			}
		}
	}
	return nil
}

func schemasOf(names []warehouse.TableName) (out []string) {
	for _, n := range names {
		if !slices.Contains(out, n.Schema) {
			out = append(out, n.Schema)
		}
	}
	return out
}
