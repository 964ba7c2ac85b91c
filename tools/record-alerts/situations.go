package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const minute, hour = time.Minute, time.Hour

// common begins each configuration.
const common = `
warehouses: {shop: {dsn: "scaled:SHOP", repair_dsn: "scaled:SHOP"}}
notify: {hook: {webhook: {url: "HOOK"}}}
routes: [{to: hook, group_wait: 1m}]
defaults: {schedule: "*/5 * * * *", timezone: UTC, owner: ann, tier: critical}
`

// healthy watches tables that are well, on schedules of all kinds.
const healthy = common + `
datasets:
  - table: shop.main.orders
    time_column: at
    checks:
      - freshness: {id: fresh, fail: 2h}
      - row_count: {id: rows, fail: "< 1"}
      - schema: {id: shape}
      - sql: {id: largest, query: "SELECT max(n) FROM orders", fail: "> 1000000"}
` + schedules

// schedules are checks that run seldom.
const schedules = `
  - {table: shop.main.hourly, checks: [{row_count: {id: hourly, fail: "< 1", schedule: "0 * * * *"}}]}
  - {table: shop.main.daily, checks: [{row_count: {id: daily, fail: "< 1", schedule: "0 7 * * *"}}]}
  - {table: shop.main.weekly, checks: [{row_count: {id: weekly, fail: "< 1", schedule: "0 7 * * 1"}}]}
`

// tables are those of the configurations, with an order of half an hour before the start.
var tables = []string{
	"CREATE TABLE orders (id INTEGER PRIMARY KEY, at TIMESTAMP, n INTEGER)",
	"INSERT INTO orders (at, n) VALUES ('2026-03-02 05:30:00', 1)",
	"CREATE TABLE hourly (id INTEGER PRIMARY KEY)", "INSERT INTO hourly VALUES (1)",
	"CREATE TABLE daily (id INTEGER PRIMARY KEY)", "INSERT INTO daily VALUES (1)",
	"CREATE TABLE weekly (id INTEGER PRIMARY KEY)", "INSERT INTO weekly VALUES (1)",
	"CREATE TABLE empty (id INTEGER PRIMARY KEY)",
}

// order inserts an order of now.
func order(r *run, at time.Duration) error {
	return r.exec(context.Background(), fmt.Sprintf("INSERT INTO orders (at, n) VALUES ('%s', 1)",
		start.Add(at).Format(time.DateTime)))
}

// on is a step that runs statements.
func on(at time.Duration, statements ...string) step {
	return step{at, func(ctx context.Context, r *run) error { return r.exec(ctx, statements...) }}
}

// does is a step without a context.
func does(at time.Duration, do func(r *run) error) step {
	return step{at, func(_ context.Context, r *run) error { return do(r) }}
}

// reload puts another configuration in force.
func reload(at time.Duration, config string) step {
	return does(at, func(r *run) error {
		if err := r.write(0, config); err != nil {
			return err
		}
		return r.members[0].Reload()
	})
}

// situations are all of them.
func situations() []situation {
	return slices.Concat(agents(), data(), risks(), standbys(), stateOf())
}

// agents are situations of agents beside healthy tables.
func agents() []situation {
	return []situation{
		{name: "fresh-install", about: "the first hour of an agent", rate: 60, every: minute, length: hour,
			config: healthy, rows: tables, load: order},
		{name: "business-hours", about: "a schedule that pauses at night", rate: 1200, every: 2 * minute, length: 26 * hour,
			config: common + `
datasets: [{table: shop.main.orders, checks: [{row_count: {id: rows, fail: "< 1", schedule: "*/5 8-18 * * *"}}]}]`,
			rows: tables},
		{name: "long-schedules", about: "hourly, daily and weekly checks for eight days", rate: 2400, every: 5 * minute,
			length: 8 * 24 * hour, config: common + "datasets:\n" + schedules, rows: tables},
		{name: "restart", about: "an agent is restarted", rate: 60, every: minute, length: 40 * minute,
			config: healthy, rows: tables, load: order, steps: []step{
				does(15*minute, func(r *run) error { return r.stop(0) }),
				does(16*minute, func(r *run) error { return r.start(0) }),
			}},
		{name: "kill", about: "an agent is killed and started again", rate: 60, every: minute, length: 40 * minute,
			config: healthy, rows: tables, load: order, steps: []step{
				does(15*minute, func(r *run) error { return r.kill(0) }),
				does(16*minute, func(r *run) error { return r.start(0) }),
			}},
		{name: "agent-down", about: "the only agent does not run for an hour", rate: 120, every: minute, length: 2 * hour,
			config: healthy, rows: tables, load: order, steps: []step{
				does(15*minute, func(r *run) error { return r.stop(0) }),
				does(75*minute, func(r *run) error { return r.start(0) }),
			}},
		{name: "one-of-two-down", about: "one of two agents with one state is killed", rate: 30, every: minute,
			length: 25 * minute, agents: 2, config: healthy, rows: tables, load: order, steps: []step{
				does(8*minute, func(r *run) error { return r.kill(0) }),
			}},
		{name: "both-down", about: "both agents with one state are killed", rate: 30, every: minute,
			length: 25 * minute, agents: 2, config: healthy, rows: tables, load: order, steps: []step{
				does(8*minute, func(r *run) error { return r.kill(0) }),
				does(8*minute, func(r *run) error { return r.kill(1) }),
			}},
		{name: "reload", about: "three reloads", rate: 60, every: minute, length: 40 * minute,
			config: healthy, rows: tables, load: order, steps: []step{
				reload(12*minute, healthy+"  - {table: shop.main.empty, checks: [schema]}\n"),
				reload(20*minute, healthy), reload(28*minute, healthy),
			}},
		{name: "reload-fails", about: "a configuration that does not load", rate: 60, every: minute, length: 30 * minute,
			config: healthy, rows: tables, load: order, steps: []step{reload(10*minute, healthy+"oops: 1\n")}},
		{name: "clock-of-prometheus", about: "the agent's clock is two minutes behind that of Prometheus", rate: 60,
			every: minute, length: 30 * minute, config: healthy, rows: tables, load: order, late: 2 * minute},
		{name: "clock-of-warehouse", about: "the warehouse has another time than the agent", rate: 60, every: minute,
			length: 30 * minute, rows: tables, config: `
warehouses: {shop: {dsn: "sqlite:SHOP"}}
defaults: {schedule: "*/5 * * * *", timezone: UTC}
datasets: [{table: shop.main.orders, checks: [{row_count: {id: rows, fail: "< 1"}}]}]`},
		{name: "series-dropped", about: "max_series is too small", rate: 60, every: minute, length: 30 * minute,
			config: "max_series: 5\n" + healthy, rows: tables, load: order},
		{name: "state-locked", about: "the state cannot be written for 15 minutes", rate: 60, every: minute,
			length: 40 * minute, config: healthy, rows: tables, load: order, steps: lockState(10*minute, 25*minute)},
		{name: "slow-statements", about: "a statement takes longer than the time between two ticks", rate: 60,
			every: minute, length: 30 * minute, rows: tables, config: common + `
datasets:
  - table: shop.main.orders
    checks:
      - sql:
          id: slow
          schedule: "* * * * *"
          fail: "< 1"
          query: WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000000) SELECT count(*) FROM n`},
		{name: "long-check", about: "a statement takes longer than a quarter of an hour", rate: 240,
			every: minute, length: 75 * minute, rows: tables, config: common + `
datasets:
  - table: shop.main.orders
    checks:
      - sql:
          id: long
          schedule: "15 * * * *"
          fail: "< 1"
          query: WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000000) SELECT count(*) FROM n`},
		{name: "hung-check", about: "a statement does not end for hours", rate: 600, every: minute, length: 4 * hour,
			rows: tables, config: common + `
datasets:
  - table: shop.main.orders
    checks:
      - sql:
          id: hung
          schedule: "15 * * * *"
          fail: "< 1"
          query: WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1e15) SELECT count(*) FROM n`},
	}
}
