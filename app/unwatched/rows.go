package unwatched

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/app/propose"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/web/page"
)

// proposeAsked reads the rows of the tables that somebody has asked for, one after another.
func (f *Finder) proposeAsked(ctx context.Context) (err error) {
	for ctx.Err() == nil {
		f.mu.Lock()
		var next []sentinel.Table
		if len(f.asked) > 0 {
			next = f.asked[:1]
		}
		f.mu.Unlock()
		if len(next) == 0 {
			return err
		}
		err = errors.Join(err, panics.Catch(func() error { return f.proposeRows(ctx, next[0]) }))
		f.answered(next[0])
		f.Host.Changed()
	}
	return err
}

// proposeRows proposes checks for one table by its rows, and keeps them. Why the table cannot be
// read is kept in place of them.
func (f *Finder) proposeRows(ctx context.Context, t sentinel.Table) error {
	text, failed := f.readRows(ctx, t)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f.mu.Lock()
	found := f.known[t.Warehouse]
	f.mu.Unlock()
	at, there := find(found.Tables, t)
	if !there {
		return nil // it is watched by now
	}
	found.Tables = slices.Clone(found.Tables)
	one := &found.Tables[at]
	one.Failed = ""
	if failed != nil {
		one.Failed = sentinel.Clip(failed.Error())
	} else {
		one.Proposal, one.RowsRead = text, f.Clock.Now().UTC().Truncate(time.Second)
	}
	return f.keep(ctx, found)
}

// readRows returns the proposal for one table.
func (f *Finder) readRows(ctx context.Context, t sentinel.Table) (text string, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	cfg := f.Host.InForce()
	at := slices.IndexFunc(cfg.Warehouses, func(w warehouse.Config) bool { return w.Name == t.Warehouse })
	if at < 0 {
		return "", fmt.Errorf("warehouse %s is not configured", t.Warehouse)
	}
	db, err := f.Host.Open(cfg, cfg.Warehouses[at])
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	name := warehouse.TableName{Schema: t.Schema, Name: t.Name}
	c, err := db.Catalog(ctx, warehouse.Scope{
		Tables: []warehouse.TableName{name}, Facts: propose.Facts, Definitions: []warehouse.TableName{},
	})
	if err != nil {
		return "", err
	}
	source := propose.Source{
		Warehouse: t.Warehouse, Dialect: db.Dialect, Catalog: c, Schemas: []string{t.Schema}, NoValues: true,
	}
	if names, _ := source.Names(); len(names) == 0 {
		return "", errors.New("the table is gone, or the user of the DSN may not see it")
	}
	p, err := propose.FromRows(ctx, db, source, f.Clock)
	if err != nil {
		return "", err
	}
	return p.Tables[0].YAML(), nil
}

// stateKind is the kind of the states of what was found, by warehouse.
const stateKind = "unwatched"

// keep makes what was found known, and remembers it.
func (f *Finder) keep(ctx context.Context, found page.UnwatchedWarehouse) error {
	f.put(found)
	f.Host.Changed()
	data, err := encode(found)
	if err != nil {
		return err
	}
	_, err = f.Store.Record(ctx, store.Batch{States: []store.State{{Kind: stateKind, Key: found.Name, Data: data}}})
	if err != nil {
		return fmt.Errorf("remembering the tables that nobody watches: %w", err)
	}
	return nil
}

func (f *Finder) put(found page.UnwatchedWarehouse) {
	f.mu.Lock()
	f.known[found.Name] = found
	f.mu.Unlock()
	if !found.Read.IsZero() {
		f.Metrics.Set(exporters.UnwatchedTables, float64(found.Count), found.Name)
	}
}

// restore reads what was found before. What is damaged is found again.
func (f *Finder) restore(ctx context.Context) {
	states, err := f.Store.States(ctx, stateKind)
	if err != nil && ctx.Err() == nil {
		f.Log.Warn("reading which tables nobody watches", "error", err)
	}
	cfg := f.Host.InForce()
	for _, s := range states {
		found, err := decode(s.Data)
		if err != nil {
			f.Log.Warn("ignoring a damaged list of tables that nobody watches", "warehouse", s.Key, "error", err)
			continue
		}
		if known(cfg, s.Key) {
			f.put(found)
			f.mu.Lock()
			f.tried[s.Key] = found.Read
			f.mu.Unlock()
		}
	}
}

func known(cfg *config.Config, name string) bool {
	return cfg.Unwatched != nil &&
		slices.ContainsFunc(cfg.Warehouses, func(w warehouse.Config) bool { return w.Name == name })
}

// encode writes what was found as compressed JSON.
func encode(found page.UnwatchedWarehouse) ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	err := errors.Join(json.NewEncoder(z).Encode(found), z.Close())
	return out.Bytes(), err
}

// decode reads what encode wrote.
func decode(data []byte) (found page.UnwatchedWarehouse, err error) {
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return found, err
	}
	return found, errors.Join(json.NewDecoder(z).Decode(&found), z.Close())
}
