// Command bench-agents measures several Sentinels that share one state in PostgreSQL:
// the checks per second with 1, 2 and 4 agents, how they shared the work, and the load
// of a check on the server of the state.
//
//	make bench-agents AGENTS="[-agents 1,2,4] [-datasets 2000] [-length 40s]"
//
// It prints one row for slow tables, whose statements wait in the warehouse (a view
// that sleeps), and one for quick tables, which measures the cores of this machine.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/tools/internal/product"
)

var (
	numbers  = flag.String("agents", "1,2,4", "numbers of agents")
	datasets = flag.Int("datasets", 2000, "tables, one row_count check each")
	length   = flag.Duration("length", 40*time.Second, "how long each row is measured")
	waits    = flag.Duration("waits", 20*time.Millisecond, "how long the statement of a slow table waits")
)

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "sentinel-agents-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "sentinel")
	if err := product.Build(binary); err != nil {
		return err
	}
	shop, err := testenv.StartPostgres("fsync=off")
	if err != nil {
		return err
	}
	defer shop.Stop()
	state, err := testenv.StartPostgres("shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track=all")
	if err != nil {
		return err
	}
	defer state.Stop()
	if err := fill(ctx, shop.DSN); err != nil {
		return err
	}
	fmt.Printf("%-8s %7s %10s %10s %12s %14s %14s\n", "tables", "agents", "checks/s", "remote", "unanswered", "statements/chk", "WAL bytes/chk")
	for _, kind := range []string{"slow", "quick"} {
		for _, n := range strings.Split(*numbers, ",") {
			agents, err := strconv.Atoi(n)
			if err != nil {
				return fmt.Errorf("-agents: %w", err)
			}
			m, err := one(ctx, binary, dir, kind, agents, shop.DSN, state.DSN)
			if err != nil {
				return err
			}
			fmt.Printf("%-8s %7d %10.0f %9.0f%% %12.0f %14.2f %14.0f\n", kind, agents, m.perSecond, 100*m.remote, m.unanswered, m.statements, m.bytes)
		}
	}
	return nil
}

// fill creates the tables, and for each a view that waits.
func fill(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for i := range *datasets {
		st := fmt.Sprintf(`CREATE TABLE quick_%04d (id bigint); INSERT INTO quick_%04d VALUES (1);
CREATE VIEW slow_%04d AS SELECT id FROM quick_%04d, pg_sleep(%f)`, i, i, i, i, waits.Seconds())
		if _, err := conn.Exec(ctx, st); err != nil {
			return err
		}
	}
	return nil
}

// measure is one row of the table.
type measure struct {
	perSecond, remote, unanswered, statements, bytes float64
}

const config = `
state: %q
listen: %s
warehouses: {shop: {dsn: %q}}
defaults: {schedule: "@every 1s"}
datasets: [{table: shop.public.%s_%%, checks: [row_count > 0]}]
`

func one(ctx context.Context, binary, dir, kind string, agents int, shop, admin string) (m measure, err error) {
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		return m, err
	}
	defer conn.Close(ctx)
	name := fmt.Sprintf("state_%s_%d", kind, agents)
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return m, err
	}
	own, err := pgx.ParseConfig(admin)
	if err != nil {
		return m, err
	}
	dsn := fmt.Sprintf("postgres://%s@%s:%d/%s?sslmode=disable", own.User, own.Host, own.Port, name)
	if _, err := conn.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements"); err != nil {
		return m, err
	}
	own.Database = name
	inside, err := pgx.ConnectConfig(ctx, own)
	if err != nil {
		return m, err
	}
	defer inside.Close(ctx)
	var pages []string
	for n := range agents {
		listen, err := freeAddress()
		if err != nil {
			return m, err
		}
		file := filepath.Join(dir, fmt.Sprintf("%s-%d.yaml", name, n))
		if err := os.WriteFile(file, fmt.Appendf(nil, config, dsn, listen, shop, kind), 0o600); err != nil {
			return m, err
		}
		cmd := exec.CommandContext(ctx, binary, "run", "-c", file, "--log-level", "error")
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			return m, err
		}
		defer func() {
			_ = cmd.Process.Kill() // the measurement is over
			_ = cmd.Wait()
		}()
		pages = append(pages, "http://"+listen+"/metrics")
	}
	if err := settled(ctx, conn, name, agents, pages); err != nil {
		return m, err
	}
	before, begin := snapshot(ctx, conn, inside, pages), time.Now()
	time.Sleep(*length)
	after, took := snapshot(ctx, conn, inside, pages), time.Since(begin)
	checks := after.checks - before.checks
	if checks == 0 {
		return m, fmt.Errorf("%s with %d agents: nothing was checked", kind, agents)
	}
	shared := after.here - before.here + after.remote - before.remote
	m = measure{perSecond: checks / took.Seconds(), unanswered: after.unanswered - before.unanswered, statements: (after.calls - before.calls) / checks, bytes: (after.wal - before.wal) / checks}
	if shared > 0 {
		m.remote = (after.remote - before.remote) / shared
	}
	return m, nil
}

// settled waits until all agents run and some ticks are done.
func settled(ctx context.Context, conn *pgx.Conn, database string, agents int, pages []string) error {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		var there int
		if err := conn.QueryRow(ctx, "SELECT count(DISTINCT application_name) FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE 'sentinel agent %'", database).Scan(&there); err != nil {
			return err
		}
		if there >= agents && total(pages, "sentinel_check_results_total") >= float64(2**datasets) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d agents within a minute", there, agents)
		}
	}
}

// counts are counters at one moment.
type counts struct {
	checks, here, remote, unanswered, calls, wal float64
}

func snapshot(ctx context.Context, conn, inside *pgx.Conn, pages []string) (c counts) {
	c.checks = total(pages, "sentinel_check_results_total")
	c.here = total(pages, "sentinel_tasks_total", `done="local"`)
	c.remote = total(pages, "sentinel_tasks_total", `done="remote"`)
	c.unanswered = total(pages, "sentinel_tasks_total", `done="unanswered"`)
	if err := conn.QueryRow(ctx, "SELECT coalesce(sum(calls), 0)::float8 FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = $1)", inside.Config().Database).Scan(&c.calls); err != nil {
		log.Print(err)
	}
	if err := inside.QueryRow(ctx, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8").Scan(&c.wal); err != nil {
		log.Print(err)
	}
	return c
}

// total sums the series of a metric that have all of the labels, over all agents.
func total(pages []string, metric string, labels ...string) (sum float64) {
	for _, page := range pages {
		resp, err := http.Get(page)
		if err != nil {
			continue // the agent does not answer yet
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close() // only read
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(body)) {
			name, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
			if !ok || !strings.HasPrefix(name, metric+"{") || slices.ContainsFunc(labels, func(l string) bool { return !strings.Contains(name, l) }) {
				continue
			}
			if v, err := strconv.ParseFloat(value, 64); err == nil {
				sum += v
			}
		}
	}
	return sum
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
