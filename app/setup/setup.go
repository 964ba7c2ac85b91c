// Package setup turns a configuration into the parts that work by it: open
// warehouses, sessions for repairs, resolved datasets, and an agent's plan.
// [Setup.Plan] makes all of them at once.
package setup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/telemetry"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Setup makes parts by one configuration.
type Setup struct {
	Config  *config.Config
	Clock   sentinel.Clock
	Metrics *exporters.Prometheus // nil: statements are not counted
	Traces  *telemetry.Telemetry  // nil: statements are not traced
	Log     *slog.Logger          // of what no caller waits for; nil: nobody is told
}

// Warehouses are open connection pools by the warehouse's name.
type Warehouses map[string]*warehouse.DB

// Close closes all of them.
func (w Warehouses) Close() (err error) {
	for _, db := range w {
		err = errors.Join(err, db.Close())
	}
	return err
}

// Writers are the sessions of every `repair_dsn` by the warehouse's name.
type Writers map[string]*repair.Writer

// Close closes all of them.
func (w Writers) Close() (err error) {
	for _, writer := range w {
		err = errors.Join(err, writer.Close())
	}
	return err
}

// Warehouses opens all warehouses of the configuration. None needs to be up.
func (s Setup) Warehouses() (Warehouses, error) {
	open := Warehouses{}
	for _, w := range s.Config.Warehouses {
		db, err := s.Warehouse(w)
		if err != nil {
			return nil, errors.Join(err, open.Close())
		}
		open[w.Name] = db
	}
	return open, nil
}

// Warehouse opens one warehouse of the configuration.
func (s Setup) Warehouse(w warehouse.Config) (*warehouse.DB, error) {
	w.Clock = s.Clock
	if s.Metrics != nil {
		w.Observer = s.observe(w)
	}
	return warehouse.Open(w)
}

// Writers opens the sessions of every `repair_dsn`. No server needs to be up.
func (s Setup) Writers() (Writers, error) {
	open := Writers{}
	for _, w := range s.Config.Warehouses {
		if w.RepairDSN.IsZero() {
			continue
		}
		w.Observer = writing{name: w.Name, log: s.Log}
		writer, err := repair.OpenWriter(w)
		if err != nil {
			return nil, errors.Join(err, open.Close())
		}
		open[w.Name] = writer
	}
	return open, nil
}

// Plan makes what an agent does by the configuration. Closing the plan closes
// its warehouses and writers. Without a state nobody is notified.
func (s Setup) Plan(state *store.Store) (agent.Plan, error) {
	open, err := s.Warehouses()
	if err != nil {
		return agent.Plan{}, err
	}
	writers, err := s.Writers()
	if err != nil {
		return agent.Plan{}, errors.Join(err, open.Close())
	}
	var destinations []agent.Exporter
	for _, e := range s.Config.Exporters {
		destinations = append(destinations, agent.Exporter{
			Name: e.Kind, Exporter: exporters.Routed{Exporter: e.Exporter, Rules: s.Config.Outbound},
		})
	}
	return agent.Plan{
		Exporters:      destinations,
		Warehouses:     open,
		Writers:        writers,
		Jitter:         s.Config.Jitter,
		CatchUp:        s.Config.CatchUp,
		Retention:      s.Config.Retention,
		RetentionSize:  s.Config.RetentionSize,
		AuditRetention: s.Config.AuditRetention,
		Notifications:  s.Notifications(state),
		Resolver:       resolver{s, open, state},
		Resources:      connections{open, writers},
	}, nil
}

// resolver finds the configured datasets in the catalogs of open warehouses.
type resolver struct {
	setup Setup
	open  Warehouses
	state *store.Store
}

// Datasets implements agent.Resolver.
func (r resolver) Datasets(ctx context.Context) ([]agent.Dataset, []error) {
	found := r.setup.Datasets(ctx, r.open, r.state)
	if len(found.States) > 0 {
		_, err := r.state.Record(ctx, store.Batch{States: found.States})
		if err != nil && !errors.Is(err, store.ErrReadOnly) { // the agent that leads remembers the tables
			found.Problems = append(found.Problems, fmt.Errorf("remembering the tables of patterns: %w", err))
		}
	}
	return found.Datasets, found.Problems
}

// connections are all that a plan has opened.
type connections struct {
	warehouses Warehouses
	writers    Writers
}

// Close closes all of them.
func (c connections) Close() error { return errors.Join(c.warehouses.Close(), c.writers.Close()) }

// Notifications is who is notified of incidents by the configuration. Without a
// state, or without a channel, nothing is sent.
func (s Setup) Notifications(state *store.Store) *agent.Notifications {
	t := &agent.Notifications{
		Routes: s.Config.Routes, Windows: s.Config.Windows, MaxSilence: s.Config.MaxSilence, Flaps: s.Config.Flaps,
	}
	if state != nil && len(s.Config.Channels) > 0 {
		t.Dispatcher = s.Dispatcher(state)
	}
	return t
}

// Dispatcher sends notifications through the configuration's channels. Its
// queue is in the state; nil is enough for [notify.Dispatcher.Test].
func (s Setup) Dispatcher(state *store.Store) *notify.Dispatcher {
	return &notify.Dispatcher{
		Store:    state,
		Channels: s.Config.Channels,
		URL:      s.Config.URL,
		Clock:    s.Clock,
		Flaps:    s.Config.Flaps,
		Rand:     rand.Float64,
	}
}
