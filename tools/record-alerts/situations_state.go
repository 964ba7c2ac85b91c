package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// stateOf are situations of the state, of secrets and of several agents.
func stateOf() []situation {
	return []situation{
		{name: "agents-missing", about: "three agents are expected, and two run", rate: 30, every: minute,
			length: 20 * minute, agents: 2, config: "agents: 3\n" + healthy, rows: tables, load: order},
		{name: "agents-complete", about: "two agents are expected, and two run; one is restarted", rate: 30, every: minute,
			length: 25 * minute, agents: 2, config: "agents: 2\n" + healthy, rows: tables, load: order, steps: []step{
				does(10*minute, func(r *run) error { return r.stop(1) }),
				does(12*minute, func(r *run) error { return r.start(1) }),
			}},
		{name: "secret-unread", about: "the file of a secret is gone for 15 minutes", rate: 60, every: minute,
			length: 40 * minute, files: map[string]string{"secret": "canary\n"},
			config: "outbound: {proxy_url: \"http://127.0.0.1:1\", no_proxy: [127.0.0.1]}\n" + healthy +
				"exporters: [{influx: {url: \"HOOK\", bucket: b, token_file: \"DIR/secret\"}}]\n",
			rows: tables, load: order, steps: []step{
				does(10*minute, func(r *run) error {
					return os.Rename(filepath.Join(r.dir, "secret"), filepath.Join(r.dir, "moved"))
				}),
				does(25*minute, func(r *run) error {
					return os.Rename(filepath.Join(r.dir, "moved"), filepath.Join(r.dir, "secret"))
				}),
			}},
		{name: "backup-fails", about: "backups fail after the first one", rate: 600, every: minute, length: 4 * hour,
			config: "backup: {to: \"DIR/backups\", schedule: \"0 * * * *\"}\n" + healthy, rows: tables, load: order,
			steps: []step{does(10*minute, func(r *run) error {
				dir := filepath.Join(r.dir, "backups")
				return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600))
			})}},
		{name: "backups", about: "hourly backups", rate: 600, every: minute, length: 4 * hour,
			config: "backup: {to: \"DIR/backups\", schedule: \"0 * * * *\"}\n" + healthy, rows: tables, load: order},
		{name: "state-rolled-back", about: "an older copy of the state is put in its place", rate: 60, every: minute,
			length: 50 * minute, config: healthy, rows: tables, load: order, steps: []step{
				does(10*minute, func(r *run) error {
					return errors.Join(
						r.stop(0),
						copyFile(filepath.Join(r.dir, "state.db"), filepath.Join(r.dir, "older.db")),
						r.start(0),
					)
				}),
				does(35*minute, func(r *run) error {
					return errors.Join(
						r.stop(0),
						copyFile(filepath.Join(r.dir, "older.db"), filepath.Join(r.dir, "state.db")),
						r.start(0),
					)
				}),
			}},
		{name: "nobody-leads", about: "no agent can lead for ten minutes", rate: 20, every: minute, length: 30 * minute,
			agents: 2, config: healthy, rows: tables, load: order, steps: takeLead(8*minute, 18*minute)},
	}
}

func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	copied, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(copied, source)
	return errors.Join(err, copied.Close())
}

// leaderLock is the advisory lock of the agent that leads: see store/postgres.
const leaderLock = 0x53656e74

// takeLead takes the lock of the leader away from the agents, and gives it back.
func takeLead(from, to time.Duration) []step {
	var db *sql.DB
	locked := make(chan error, 1)
	return []step{
		{from, func(ctx context.Context, r *run) (err error) {
			if db, err = sql.Open("pgx", r.state); err != nil {
				return err
			}
			mine, err := db.Conn(ctx)
			if err != nil {
				return err
			}
			go func() {
				_, err := mine.ExecContext(ctx, fmt.Sprintf("SELECT pg_advisory_lock(%d)", leaderLock))
				locked <- err
			}()
			const others = `SELECT count(pg_terminate_backend(pid)) FROM (
  SELECT pid FROM pg_stat_activity WHERE application_name = 'sentinel leader' AND datname = current_database()
    AND EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = datid)
  OFFSET 0) leaders`
			for ended := 0; ended == 0; {
				if err := db.QueryRowContext(ctx, others).Scan(&ended); err != nil {
					return err
				}
			}
			return <-locked
		}},
		does(to, func(*run) error { return db.Close() }),
	}
}
