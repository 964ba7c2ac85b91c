package drill

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/demo"
	"github.com/sentinel-dq/sentinel/scratch"
	"github.com/sentinel-dq/sentinel/store"
)

// One server twice: alone, and with a standby to move to.
const serversConfig = `
state: sqlite:state.db
listen: 127.0.0.1:0
warehouses:
  alone: {dsn: "postgres://%[1]s"}
  pair:
    dsn: "postgres://%[1]s"
    standby_dsn: ["postgres://%[2]s"]
    repair_dsn: "postgres://%[3]s&target_session_attrs=read-write"
defaults: {schedule: "@every 1s", timezone: UTC, owner: drill}
datasets:
  - table: alone.public.orders
    checks: [{row_count: {id: alone, fail: "< 1"}}]
  - table: pair.public.orders
    time_column: created_at
    checks: [{row_count: {id: pair, expected_partitions: {every: day, last: 5}}}]
    repair: [{on: [row_count.missing_partition], reload_partition: {from: pair.public.orders_archive}, mode: auto}]
`

// serving is the part of a drill on real servers.
type serving struct {
	drilled
	primary, standby *scratch.Server
}

// onServers stages the failures of servers. Where PostgreSQL is not installed the
// outcome says so, unless servers are required.
func (run Drill) onServers(ctx context.Context, dir string) (outcomes []Outcome, err error) {
	if missing := scratch.Missing(); missing != nil {
		if run.Servers == On {
			return nil, fmt.Errorf("--servers on: %w", missing)
		}
		return []Outcome{{
			Name:     "a database killed, one promoted",
			Detected: -1,
			Repaired: -1,
			Note:     "left out: " + missing.Error(),
		}}, nil
	}
	d := &serving{drilled: drilled{dir: dir, clock: run.Clock}}
	if d.primary, err = scratch.StartPostgres("fsync=off", "max_connections=50"); err != nil {
		return nil, err
	}
	defer d.primary.Stop()
	if err := d.primary.Exec(
		`CREATE TABLE orders (id bigint PRIMARY KEY, created_at timestamptz NOT NULL)`,
		`INSERT INTO orders SELECT i, now() - i * interval '1 minute' FROM generate_series(1, 8640) i`,
		`CREATE TABLE orders_archive (LIKE orders INCLUDING ALL)`,
		`INSERT INTO orders_archive SELECT * FROM orders`); err != nil {
		return nil, err
	}
	if d.standby, err = scratch.StartStandby(d.primary); err != nil {
		return nil, err
	}
	defer d.standby.Stop()
	address := func(s *scratch.Server) string { return strings.TrimPrefix(s.DSN, "postgres://") }
	user, hostOfPrimary, _ := strings.Cut(address(d.primary), "@")
	hostOfPrimary, rest, _ := strings.Cut(hostOfPrimary, "/")
	_, hostOfStandby, _ := strings.Cut(address(d.standby), "@")
	hostOfStandby, _, _ = strings.Cut(hostOfStandby, "/")
	both := user + "@" + hostOfPrimary + "," + hostOfStandby + "/" + rest
	config := fmt.Appendf(nil, serversConfig, address(d.primary), address(d.standby), both)
	if err := os.WriteFile(filepath.Join(dir, "sentinel.yaml"), config, 0o600); err != nil {
		return nil, err
	}
	err = d.begin(ctx, 2)
	if err == nil {
		outcomes, err = staged(ctx, d.databaseKilled, d.replicaPromoted)
	}
	return outcomes, errors.Join(err, d.stop())
}

func passes(r sentinel.Result) bool { return r.Status == sentinel.Pass }

func onStandby(r sentinel.Result) bool { return strings.Contains(r.Message, "taken on standby 1") }

// databaseKilled kills a server. Without a standby the checks cannot read, which says
// nothing about the data. With one the checks move to it, and return when the server
// has been healthy for a while.
func (d *serving) databaseKilled(ctx context.Context) (o Outcome, err error) {
	o.Name = "the database is killed"
	begin := d.clock.Now()
	d.primary.Halt(true)
	if o.Detected, err = d.says(ctx, "alone", isError); err != nil {
		return o, fmt.Errorf("not detected: %w", err)
	}
	if _, err := d.says(ctx, "pair", func(r sentinel.Result) bool { return passes(r) && onStandby(r) }); err != nil {
		return o, fmt.Errorf("checks do not move to the standby: %w", err)
	}
	if _, err := d.says(ctx, "alone", leftAlone); err != nil {
		return o, fmt.Errorf("the server is not left alone: %w", err)
	}
	if err := d.primary.Start(); err != nil {
		return o, err
	}
	back := d.clock.Now()
	if o.Repaired, err = d.says(ctx, "alone", passes); err != nil {
		return o, fmt.Errorf("not well again: %w", err)
	}
	if err := demo.Poll(ctx, 2*time.Minute, func() (bool, error) {
		results, err := d.memory.LastResults(ctx, store.Filter{Check: "pair"})
		return len(results) == 1 && passes(results[0]) && !onStandby(results[0]), err
	}); err != nil {
		return o, fmt.Errorf("checks do not move back: %w", err)
	}
	o.Note = fmt.Sprintf("checks were on the standby meanwhile, and moved back %s after it was up",
		took(d.clock.Now().Sub(back)))
	err = errors.Join(
		d.account(ctx, &o, begin, "alone", inPublic("alone")),
		d.account(ctx, &o, begin, "pair", inPublic("pair")),
	)
	return o, err
}

func inPublic(name string) sentinel.Table {
	return sentinel.Table{Warehouse: name, Schema: "public", Name: "orders"}
}

const lostDay = `created_at >= date_trunc('day', now(), 'UTC') - interval '2 days'
	AND created_at < date_trunc('day', now(), 'UTC') - interval '1 day'`

// replicaPromoted loses a day and then the primary, before a check runs. Nothing is
// repaired on the standby. After its promotion the day is repaired there.
func (d *serving) replicaPromoted(ctx context.Context) (o Outcome, err error) {
	o.Name = "the replica is promoted"
	begin := d.clock.Now()
	before, err := d.count(ctx, d.standby)
	if err != nil {
		return o, err
	}
	_, had, err := d.alarms(ctx, "pair")
	if err != nil {
		return o, err
	}
	if err := d.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return o, err
	}
	err = d.primary.Exec(`DELETE FROM orders WHERE ` + lostDay)
	if err == nil {
		err = until(ctx, func() (bool, error) {
			n, err := d.count(ctx, d.standby)
			return n == 0, err
		})
	}
	d.primary.Halt(true)
	if err := errors.Join(err, d.cmd.Process.Signal(syscall.SIGCONT)); err != nil {
		return o, err
	}
	if o.Detected, err = d.seen(ctx, "pair", had); err != nil {
		return o, fmt.Errorf("not detected on the standby: %w", err)
	}
	if err := until(ctx, func() (bool, error) {
		plans, err := d.memory.Repairs(ctx, store.RepairFilter{Check: "pair"})
		return len(plans) > 0 && strings.Contains(plans[0].Plan.Why, "nothing is repaired by what a standby says"), err
	}); err != nil {
		return o, fmt.Errorf("the repair is not refused on the standby: %w", err)
	}
	if err := d.standby.Exec("SELECT pg_promote(true, 30)"); err != nil {
		return o, err
	}
	if o.Repaired, err = d.gone(ctx, "pair"); err != nil {
		return o, fmt.Errorf("not repaired on the new primary: %w", err)
	}
	done, err := d.memory.Repairs(ctx, store.RepairFilter{Check: "pair", State: sentinel.RepairSucceeded})
	if err != nil {
		return o, err
	}
	after, err := d.count(ctx, d.standby)
	o.Lost, o.Twice = max(0, before-after), max(0, after-before)+max(0, len(done)-1)
	o.Note = fmt.Sprintf("refused on the standby, then %d rows reloaded on it as the new primary", after)
	lost, failed := d.lostTicks(ctx, inPublic("pair"), begin)
	o.Lost += lost
	return o, errors.Join(err, failed)
}

// count counts the rows of the day that is lost.
func (d *serving) count(ctx context.Context, s *scratch.Server) (n int, err error) {
	db, err := sql.Open("pgx", s.DSN)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	return n, db.QueryRowContext(ctx, "SELECT count(*) FROM orders WHERE "+lostDay).Scan(&n)
}
