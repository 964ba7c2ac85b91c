package main

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"time"
)

// failing watches a table without rows.
const failing = common + `
datasets: [{table: shop.main.empty, checks: [{row_count: {id: rows, fail: "< 1"}}]}]`

// data are situations of warehouses, repairs and notices.
func data() []situation {
	return append(deadlines(), []situation{
		{name: "damaged-data", about: "rows are late and lost, columns removed and added, a rule broken", rate: 240,
			every: minute, length: 4 * hour, rows: tables, config: common + `
datasets:
  - table: shop.main.orders
    slo: {objective: 99.9%, window: 30d}
    time_column: at
    checks: [{freshness: {id: fresh, fail: 2h}}]
  - {table: shop.main.hourly, checks: [{schema: {id: shape, column_removed: fail}}]}
  - {table: shop.main.daily, checks: [{schema: {id: added, column_added: warn}}]}
  - {table: shop.main.empty, checks: [{row_count: {id: rows, fail: "< 1"}}]}
  - {table: shop.main.weekly, checks: [{sql: {id: rule, query: "SELECT count(*) FROM weekly", fail: "> 1"}}]}`,
			steps: []step{
				on(0, "ALTER TABLE hourly ADD COLUMN n INTEGER"),
				on(20*minute, "ALTER TABLE hourly DROP COLUMN n", "ALTER TABLE daily ADD COLUMN n INTEGER",
					"INSERT INTO weekly VALUES (2), (3)"),
			}},
		{name: "unusual-count", about: "an hour has far fewer rows than usual", rate: 120, every: minute, length: 2 * hour,
			rows: append(tables[:len(tables):len(tables)], past), config: common + `
datasets:
  - table: shop.main.orders
    time_column: at
    checks: [{row_count: {id: volume, bucket: hour, anomaly: {status: warn}, schedule: "5 * * * *"}}]`},
		{name: "check-in-error", about: "a statement fails", rate: 60, every: minute, length: 40 * minute, rows: tables,
			load: order, config: healthy +
				"  - {table: shop.main.empty, checks: [{sql: {id: broken, query: SELECT count(*) FROM weekly, fail: \"> 5\"}}]}\n",
			steps: []step{on(10*minute, "DROP TABLE weekly")}},
		{name: "warehouse-down", about: "a warehouse does not answer", rate: 60, every: minute, length: 40 * minute,
			rows: tables, config: strings.ReplaceAll(healthy, "SHOP", "SHOP.gone")},
		{name: "repair-fails", about: "the first repair of an agent fails", rate: 60, every: minute, length: 40 * minute,
			rows: tables, config: failing[:len(failing)-2] + `
   , repair: [{on: [row_count], exec: {command: [/bin/false]}, mode: auto, attempts: 1}]}]`},
		{name: "repair-helps", about: "a repair helps", rate: 60, every: minute, length: 40 * minute,
			rows: tables, config: failing[:len(failing)-2] + `
   , repair: [{on: [row_count], sql: {do: ["INSERT INTO empty VALUES (1)"]}, mode: auto}]}]`},
		{name: "approval", about: "a repair waits for a person", rate: 60, every: minute, length: 40 * minute,
			rows: tables, config: failing[:len(failing)-2] + `
   , repair: [{on: [row_count], sql: {do: ["INSERT INTO empty VALUES (1)"]}, mode: plan}]}]`},
		{name: "dead-channel", about: "a channel refuses all notices", rate: 90, every: minute, length: 90 * minute,
			rows: tables, config: failing,
			steps: []step{does(0, func(r *run) error { r.refuses.Store(true); return nil })}},
		{name: "grouped-notices", about: "six tables flap, and their notices wait for each other", rate: 60, every: minute,
			length: hour, rows: tables, load: flap, config: strings.Replace(common, "group_wait: 1m", "group_wait: 4m", 1) + `
datasets:
  - table: shop.main.orders
    checks:
      - {sql: {id: a, query: "SELECT count(*) FROM empty", fail: "> 0"}}
      - {sql: {id: b, query: "SELECT count(*) FROM empty", fail: "< 1"}}
  - table: shop.main.hourly
    checks:
      - {sql: {id: c, query: "SELECT count(*) FROM empty", fail: "> 0"}}
      - {sql: {id: d, query: "SELECT count(*) FROM empty", fail: "< 1"}}`},
		{name: "silence", about: "a silence hides the incident of a table that fails", rate: 60, every: minute, length: 40 * minute,
			rows: tables, config: failing, steps: []step{{2 * minute, func(ctx context.Context, r *run) error {
				until := start.Add(2 * hour).Format(time.RFC3339)
				return r.post(ctx, "/api/v1/silences", `{"dataset": "shop.main.empty", "until": "`+until+`", "who": "ann", "why": "a test"}`)
			}}}},
	}...)
}

// deadlines are situations of a load with a deadline at seven.
func deadlines() []situation {
	const config = common + `
datasets:
  - table: shop.main.orders
    time_column: at
    checks: [{freshness: {id: fresh, fail: 48h, schedule: "*/10 * * * *"}}]
    risk: {deadline: "07:00"}`
	// The load of yesterday came in time.
	rows := append(tables[:len(tables):len(tables)], "UPDATE orders SET at = '2026-03-01 06:50:00'")
	return []situation{
		{name: "load-just-in-time", about: "a load comes a minute before its deadline", rate: 90, every: minute,
			length: 90 * minute, config: config, rows: rows,
			steps: []step{on(59*minute, "INSERT INTO orders (at, n) VALUES ('2026-03-02 06:59:00', 1)")}},
		{name: "load-missed", about: "a load does not come by its deadline", rate: 90, every: minute,
			length: 90 * minute, config: config, rows: rows},
	}
}

// past are ten orders in each hour of thirty days.
const past = `
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 7200)
INSERT INTO orders (at, n) SELECT datetime('2026-03-02 06:00:00', '-' || (i * 6) || ' minutes'), 1 FROM n`

// flap fills and empties a table every ten minutes.
func flap(r *run, at time.Duration) error {
	switch at % (20 * minute) {
	case 0:
		return r.exec(context.Background(), "DELETE FROM empty")
	case 10 * minute:
		return r.exec(context.Background(), "INSERT INTO empty VALUES (1)")
	}
	return nil
}

// lockState holds a lock on the state's file for a time.
func lockState(from, to time.Duration) []step {
	var db *sql.DB
	var held *sql.Tx
	return []step{
		{from, func(ctx context.Context, r *run) (err error) {
			db, err = sql.Open("sqlite", "file:"+filepath.Join(r.dir, "state.db")+"?_txlock=immediate&_pragma=busy_timeout(5000)")
			if err != nil {
				return err
			}
			held, err = db.BeginTx(ctx, nil)
			return err
		}},
		does(to, func(*run) error {
			if err := held.Rollback(); err != nil {
				return err
			}
			return db.Close()
		}),
	}
}
