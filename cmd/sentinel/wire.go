package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/telemetry"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// load reads the file named by --config.
func load(cmd *cobra.Command) (*config.Config, error) {
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(path, os.LookupEnv)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: name a file with -c, or write one with `sentinel init DSN`", err)
	}
	forgetStart() // a command has begun when it knows what to do
	return cfg, err
}

// openWarehouses opens all warehouses of a configuration; none needs to be up.
func openWarehouses(cfg *config.Config, metrics *exporters.Prometheus, traces *telemetry.Telemetry) (map[string]*warehouse.DB, func() error, error) {
	open := map[string]*warehouse.DB{}
	closeAll := func() (err error) {
		for _, db := range open {
			err = errors.Join(err, db.Close())
		}
		return err
	}
	for _, w := range cfg.Warehouses {
		w.Now = clock
		if metrics != nil {
			w.Meter = meter(metrics, traces, w)
		}
		db, err := warehouse.Open(w)
		if err != nil {
			return nil, nil, errors.Join(err, closeAll())
		}
		open[w.Name] = db
	}
	return open, closeAll, nil
}

// meter exports what a warehouse is asked. Counters are there before the first
// event, so that it is not lost to increase().
func meter(metrics *exporters.Prometheus, traces *telemetry.Telemetry, w warehouse.Config) *warehouse.Meter {
	name := w.Name
	metrics.Add(exporters.Statements, 0, name)
	metrics.Add(exporters.Connections, 0, name)
	for _, kind := range warehouse.ErrorKinds() {
		metrics.Add(exporters.StatementErrors, 0, name, string(kind))
	}
	m := &warehouse.Meter{
		Statement: func(kind warehouse.ErrorKind) {
			metrics.Add(exporters.Statements, 1, name)
			if kind != "" {
				metrics.Add(exporters.StatementErrors, 1, name, string(kind))
			}
		},
		Batch:     func(took time.Duration) { metrics.Observe(exporters.QuerySeconds, took.Seconds(), name) },
		Connected: func() { metrics.Add(exporters.Connections, 1, name) },
		Breaker:   func(place string, state int) { metrics.Set(exporters.BreakerState, float64(state), name+" "+place) },
	}
	m.Lag = func(standby bool, lag warehouse.Lag) {
		switch {
		case !standby:
			metrics.Forget(exporters.ReplicationLag, name)
		case lag.Unknown != "":
			metrics.Set(exporters.ReplicationLag, math.NaN(), name)
		default:
			metrics.Set(exporters.ReplicationLag, lag.Behind.Seconds(), name)
		}
	}
	if traces != nil {
		m.Trace = func(ctx context.Context, text string) func(int, error) {
			return traces.Statement(ctx, w.Dialect, name, text)
		}
	}
	return m
}

// openWriters opens the sessions of every repair_dsn.
func openWriters(cfg *config.Config) (map[string]*repair.Writer, func() error, error) {
	open := map[string]*repair.Writer{}
	closeAll := func() (err error) {
		for _, w := range open {
			err = errors.Join(err, w.Close())
		}
		return err
	}
	for _, w := range cfg.Warehouses {
		if w.RepairDSN == "" {
			continue
		}
		writer, err := repair.OpenWriter(w)
		if err != nil {
			return nil, nil, errors.Join(err, closeAll())
		}
		open[w.Name] = writer
	}
	return open, closeAll, nil
}

// plan makes what an agent does out of a configuration.
func plan(cfg *config.Config, memory *store.Store, metrics *exporters.Prometheus, traces *telemetry.Telemetry) (agent.Plan, error) {
	open, closeAll, err := openWarehouses(cfg, metrics, traces)
	if err != nil {
		return agent.Plan{}, err
	}
	writers, closeWriters, err := openWriters(cfg)
	if err != nil {
		return agent.Plan{}, errors.Join(err, closeAll())
	}
	var destinations []*exporters.Queue
	for _, e := range cfg.Exporters {
		destinations = append(destinations, &exporters.Queue{Exporter: e.Exporter, Name: e.Kind})
	}
	return agent.Plan{
		Exporters:  destinations,
		Warehouses: open, Writers: writers, Jitter: cfg.Jitter, CatchUp: cfg.CatchUp, Retention: cfg.Retention, Telling: telling(cfg, memory),
		Close:    func() error { return errors.Join(closeAll(), closeWriters()) },
		Datasets: func(ctx context.Context) ([]agent.Dataset, []error) { return resolve(ctx, cfg, open) },
	}, nil
}

// telling is who hears of incidents by a configuration.
func telling(cfg *config.Config, memory *store.Store) *agent.Telling {
	t := &agent.Telling{Planner: &notify.Planner{Routes: cfg.Routes}, Windows: cfg.Windows}
	if memory != nil && len(cfg.Channels) > 0 {
		t.Dispatcher = dispatcher(cfg, memory)
	}
	return t
}

func dispatcher(cfg *config.Config, memory *store.Store) *notify.Dispatcher {
	return &notify.Dispatcher{Store: memory, Channels: cfg.Channels, URL: cfg.URL, Now: clock, Rand: rand.Float64}
}

// resolve finds the configured datasets in the catalogs: one look a warehouse,
// and none where every name is written out with its schema. A warehouse that
// cannot be read leaves names as they are written and patterns for later.
func resolve(ctx context.Context, cfg *config.Config, open map[string]*warehouse.DB) (out []agent.Dataset, problems []error) {
	for _, w := range cfg.Warehouses {
		var mine []*config.Dataset
		names := make([]warehouse.TableName, 0, len(cfg.Datasets))
		wild := false
		for i := range cfg.Datasets {
			if d := &cfg.Datasets[i]; d.Table.Warehouse == w.Name {
				mine = append(mine, d)
				names = append(names, warehouse.TableName{Schema: d.Table.Schema, Name: d.Table.Name})
				wild = wild || config.Wild(d.Table) || d.Table.Schema == ""
			}
		}
		if len(mine) == 0 {
			continue
		}
		scope := warehouse.Scope{Tables: names}
		if wild {
			scope.Tables = nil
		}
		catalog, err := open[w.Name].Catalog(ctx, scope)
		if err == nil && !wild && len(catalog.Tables) < len(names) {
			// A name is not there as it is written: look for it in another case.
			catalog, err = open[w.Name].Catalog(ctx, warehouse.Scope{})
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("warehouse %s: %w", w.Name, err))
			catalog = &warehouse.Catalog{}
		}
		found := make([]config.Dataset, 0, len(mine))
		for _, d := range mine {
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

func agentDataset(d config.Dataset) agent.Dataset {
	out := agent.Dataset{Table: d.Table, TimeColumn: d.TimeColumn, Location: d.Location, Repairs: d.Repairs, DependsOn: d.DependsOn}
	out.Checks = make([]agent.Check, 0, len(d.Checks))
	for _, c := range d.Checks {
		out.Checks = append(out.Checks, agent.Check{Check: c.Check, Schedule: c.Schedule, Meta: agent.Meta{Tier: c.Tier, Owner: c.Owner, Runbook: c.Runbook}})
	}
	if k := d.Risk; k != nil {
		arrivals := out.Checks[k.Check]
		out.Risk = &agent.Risk{
			Check: arrivals.Common().ID, Deadline: k.Schedule, Grace: k.Grace, Holiday: k.Holiday, Age: k.Age,
			Threshold: *k.Threshold, Clear: *k.Clear, Horizon: k.Horizon, Status: sentinel.Warn, Meta: arrivals.Meta,
		}
		if k.Status == "fail" {
			out.Risk.Status = sentinel.Fail
		}
	}
	return out
}

// only keeps the datasets a pattern like shop.public.* names; "" keeps all.
func only(datasets []agent.Dataset, pattern string) ([]agent.Dataset, error) {
	if pattern == "" {
		return datasets, nil
	}
	kept := slices.DeleteFunc(slices.Clone(datasets), func(d agent.Dataset) bool { return !config.Match(pattern, d.Table.String()) })
	if len(kept) == 0 {
		return nil, fmt.Errorf("--dataset %s names none of the %d datasets", pattern, len(datasets))
	}
	return kept, nil
}

// jobsOf makes one job a dataset, by warehouse.
func jobsOf(datasets []agent.Dataset) (byWarehouse map[string][]checks.Job) {
	byWarehouse = map[string][]checks.Job{}
	now := clock()
	for _, d := range datasets {
		j := checks.Job{Table: d.Table, TimeColumn: d.TimeColumn, Location: d.Location, Tick: now, Checks: make([]checks.Check, 0, len(d.Checks))}
		for _, c := range d.Checks {
			j.Checks = append(j.Checks, c.Check)
		}
		byWarehouse[d.Table.Warehouse] = append(byWarehouse[d.Table.Warehouse], j)
	}
	return byWarehouse
}

// reader opens the configured state for reading.
func reader(cmd *cobra.Command) (*store.Store, error) {
	cfg, err := load(cmd)
	if err != nil {
		return nil, err
	}
	s, err := store.OpenReader(cmd.Context(), cfg.State)
	return s, couldNotLook(err)
}

func parseDataset(name string) (sentinel.Table, error) {
	t, err := sentinel.ParseTable(name)
	if err != nil {
		return t, fmt.Errorf("--dataset: %w", err)
	}
	return t, nil
}
