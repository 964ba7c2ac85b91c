package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/tools/internal/scaled"
)

// daily is the schedule of the checks of a growing state. One tick a day makes a state of a year
// quickly. It is about as large as that of a week of checks that run every half hour.
const daily = "0 0 * * *"

// grown is a state that grows, with an agent that is started on it again and again.
type grown struct {
	dir    string
	checks int
	fleet  *fleet
	start  time.Time // of the first tick
}

// growth prints how long an agent takes to start and for a tick, and what answers take, for
// numbers of checks and for ages of the state.
func growth(ctx context.Context, checks, days string) error {
	sizes, err := numbers(checks)
	if err != nil {
		return err
	}
	ages, err := numbers(days)
	if err != nil {
		return err
	}
	fmt.Printf("%7s %5s %9s %8s %7s %7s %11s %11s %11s %11s %7s\n", "CHECKS", "DAYS", "RESULTS", "STATE MB",
		"START s", "TICK s", "OVERVIEW ms", "DATASETS ms", "HISTORY ms", "METRICS ms", "RSS MB")
	for _, n := range sizes {
		if err := growthOf(ctx, n, ages); err != nil {
			return err
		}
	}
	return nil
}

func numbers(text string) (list []int, err error) {
	for _, part := range strings.Split(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	slices.Sort(list)
	return list, nil
}

// growthOf prints the rows of one number of checks.
func growthOf(ctx context.Context, checks int, ages []int) (err error) {
	dir, err := os.MkdirTemp("", "bench-growth")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	g := &grown{dir: dir, checks: checks, fleet: newFleet(checks/checksADataset, 24*time.Hour)}
	g.start, g.fleet.schedule = g.fleet.now, daily
	for _, d := range g.fleet.datasets {
		d.table.Schema = "main"
	}
	if err := g.makeWarehouse(ctx); err != nil {
		return err
	}
	for _, days := range ages {
		if err := g.fill(ctx, g.start.AddDate(0, 0, days)); err != nil {
			return err
		}
		if err := g.measure(ctx, days); err != nil {
			return err
		}
	}
	return nil
}

// makeWarehouse makes a table with one row for each dataset.
func (g *grown) makeWarehouse(ctx context.Context) (err error) {
	db, err := sql.Open("sqlite", filepath.Join(g.dir, "warehouse.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, d := range g.fleet.datasets {
		_, err := tx.ExecContext(ctx, fmt.Sprintf(
			"CREATE TABLE %[1]s (id INTEGER, updated_at TIMESTAMP, amount REAL); INSERT INTO %[1]s VALUES (1, '%[2]s', 1.5)",
			d.table.Name, g.start.Format(time.DateTime)))
		if err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

// configure writes the configuration of an agent.
func (g *grown) configure(address string) (path string, err error) {
	var b strings.Builder
	fmt.Fprintf(&b, `listen: %s
state: sqlite:state.db
retention: 400d
warehouses: {warehouse: {dsn: "scaled:warehouse.db"}}
defaults: {timezone: UTC, schedule: %q}
datasets:
`, address, daily)
	for _, d := range g.fleet.datasets {
		fmt.Fprintf(&b, `  - table: %s
    time_column: updated_at
    checks: [row_count > 0, {freshness: {fail: 10000d}}, schema, {sql: {expression: avg(amount), fail: "> 100000"}}]
`, d.table)
	}
	path = filepath.Join(g.dir, "sentinel.yaml")
	return path, os.WriteFile(path, []byte(b.String()), 0o600)
}

func (g *grown) state() string { return filepath.Join(g.dir, "state.db") }

// fill records the ticks before an instant, and prunes as the agent would have.
func (g *grown) fill(ctx context.Context, until time.Time) (err error) {
	s, err := store.Open(ctx, "sqlite:"+g.state())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	f := g.fleet
	for ; f.now.Before(until); f.now = f.now.Add(f.every) {
		for _, batch := range f.tick() {
			if _, err := s.Record(ctx, batch); err != nil {
				return err
			}
		}
	}
	_, err = s.Prune(ctx, f.now, 400*24*time.Hour)
	return err
}

// measure starts an agent a minute after its next tick was due, waits for that tick, and asks it.
func (g *grown) measure(ctx context.Context, days int) (err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := listener.Addr().String()
	config, err := g.configure(address)
	if err := errors.Join(err, listener.Close()); err != nil {
		return err
	}
	began := time.Now()
	clock := scaled.NewClock(g.fleet.now.Add(time.Minute), 1)
	a, err := scaled.Start(config, address, filepath.Join(g.dir, "sentinel.log"), clock)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Stop()) }()
	if err := a.AwaitReady(ctx); err != nil {
		return err
	}
	ready := time.Now()
	results, err := g.awaitTick(ctx)
	if err != nil {
		return err
	}
	ticked := time.Now()
	info, err := os.Stat(g.state())
	if err != nil {
		return err
	}
	fmt.Printf("%7d %5d %9d %8.1f %7.2f %7.2f", g.checks, days, results, float64(info.Size())/1e6,
		ready.Sub(began).Seconds(), ticked.Sub(ready).Seconds())
	table := g.fleet.datasets[len(g.fleet.datasets)/2].table
	page := fmt.Sprintf("/datasets/%s/%s/%s", table.Warehouse, table.Schema, table.Name)
	for _, path := range []string{"/", "/datasets", page, "/metrics"} {
		took, err := medianOf(ctx, a, path)
		if err != nil {
			return err
		}
		fmt.Printf(" %11.1f", float64(took.Microseconds())/1000)
	}
	metrics, err := a.Scrape(ctx)
	fmt.Printf(" %7.0f\n", metrics.Sum("process_resident_memory_bytes")/1e6)
	return err
}

// awaitTick waits until the agent has recorded its tick, and returns the results of the state.
func (g *grown) awaitTick(ctx context.Context) (results int, err error) {
	db, err := sql.Open("sqlite", "file:"+g.state()+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	every := time.NewTicker(10 * time.Millisecond)
	defer every.Stop()
	for {
		const query = `SELECT coalesce(sum(checks), 0) FROM tick WHERE tick >= ?`
		if err := db.QueryRowContext(ctx, query, g.fleet.now.UnixMicro()).Scan(&results); err != nil {
			return 0, err
		}
		if results >= g.checks {
			err := db.QueryRowContext(ctx, `SELECT sum(checks) FROM tick`).Scan(&results)
			return results, err
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("the tick was not recorded: %d results are: %w", results, ctx.Err())
		}
	}
}

// medianOf is the median of the time that a page takes, of nine.
func medianOf(ctx context.Context, a *scaled.Agent, path string) (time.Duration, error) {
	var all []time.Duration
	for range 9 {
		began := time.Now()
		if _, err := a.Get(ctx, path); err != nil {
			return 0, err
		}
		all = append(all, time.Since(began))
	}
	slices.SortFunc(all, cmp.Compare)
	return all[len(all)/2], nil
}
