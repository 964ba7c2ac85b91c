package main

import (
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel/scratch"
	"github.com/sentinel-dq/sentinel/tools/internal/scaled"
)

// standbys are situations in which the agent does not reach the primary, whose standby answers.
func standbys() []situation {
	const config = `
warehouses: {shop: {dsn: "` + scaled.PostgresScheme + `postgres://nobody@127.0.0.1:1/none", standby_dsn: ["STANDBY"]}}
defaults: {schedule: "* * * * *", timezone: UTC, owner: ann, tier: critical}
datasets: [{table: shop.public.orders, checks: [{row_count: {id: rows, fail: "< 1"}}]}]`
	return []situation{
		{name: "standby-answers", about: "the agent does not reach the primary, and its standby is not behind", rate: 60,
			every: minute, length: 40 * minute, prepare: replicate, config: config, load: write},
		{name: "standby-lags", about: "the standby that answers replays nothing for 20 minutes", rate: 60,
			every: minute, length: 60 * minute, prepare: replicate, config: config, load: write, steps: []step{
				does(10*minute, func(r *run) error { return r.servers[1].Exec("SELECT pg_wal_replay_pause()") }),
				does(30*minute, func(r *run) error { return r.servers[1].Exec("SELECT pg_wal_replay_resume()") }),
			}},
	}
}

// replicate starts a primary and its standby.
func replicate(r *run) error {
	primary, err := scratch.StartPostgres("fsync=off")
	if err != nil {
		return err
	}
	r.servers = append(r.servers, primary)
	if err := primary.Exec("CREATE TABLE orders (at timestamptz)"); err != nil {
		return err
	}
	standby, err := scratch.StartStandby(primary)
	if err != nil {
		return err
	}
	r.servers = append(r.servers, standby)
	r.standby = scaled.PostgresScheme + standby.DSN
	return nil
}

// write writes to the primary.
func write(r *run, at time.Duration) error {
	return r.servers[0].Exec(fmt.Sprintf("INSERT INTO orders VALUES ('%s')", start.Add(at).Format(time.RFC3339)))
}
