// Command bench measures the cost of Sentinel. It builds a synthetic warehouse on a
// private PostgreSQL. There it alternates `sentinel check` with the statements that an
// expert would write by hand (the floor), and prints both with their ratios. Counts of
// statements and blocks come from pg_stat_statements, CPU and memory from the kernel.
//
//	make bench BENCH="[-tables 200] [-rows 10000] [-days 60] [-per-day 5000] [-rounds 5]"
//	make bench BENCH="-columns only [-column-rows 10000000]"
//	make bench BENCH=-serve      keeps the warehouse up, for profiling
//	make bench BENCH="-agent 2000,20000 [-length 1m]"
//
// agent.go measures running agents, and columns.go column checks. cost_test.go holds the limits of the counts.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/tools/internal/product"
)

var (
	tables     = flag.Int("tables", 200, "tables in schema mart")
	rows       = flag.Int("rows", 10000, "rows in each of them")
	days       = flag.Int("days", 60, "day partitions of events")
	perDay     = flag.Int("per-day", 5000, "rows a day (335000: 20.1 million rows in all)")
	measured   = flag.String("columns", "also", "also, only or none: measure column checks")
	columnRows = flag.Int("column-rows", 1_000_000, "rows of their table")
	rounds     = flag.Int("rounds", 5, "rounds; medians are printed")
	agents     = flag.String("agent", "", "measure running agents instead, with these numbers of checks (2000,20000)")
	length     = flag.Duration("length", time.Minute, "how long each agent runs")
	serve      = flag.Bool("serve", false, "only build the warehouse, print its DSN and wait for Ctrl-C")
	floor      = flag.String("floor", "", "internal: run the floor on this DSN")
)

func main() {
	flag.Parse()
	ctx := context.Background()
	if *floor != "" {
		if err := runFloor(ctx, *floor, flag.Arg(0)); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	server, err := testenv.StartPostgres("shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track=all", "pg_stat_statements.max=50000", "shared_buffers=1GB", "fsync=off", "autovacuum=off")
	if err != nil {
		return err
	}
	defer server.Stop()
	conn, err := pgx.Connect(ctx, server.DSN)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	start := time.Now()
	if err := build(ctx, conn); err != nil {
		return err
	}
	fmt.Printf("warehouse: %d tables of %d rows, events of %d rows in %d day partitions, built in %s\n\n", *tables, *rows, *days**perDay, *days, time.Since(start).Round(time.Second))
	if *serve {
		fmt.Println(strings.Replace(server.DSN, "postgres@", "reader@", 1))
		interrupted := make(chan os.Signal, 1)
		signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
		<-interrupted
		return nil
	}
	dir, err := os.MkdirTemp("", "sentinel-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "sentinel")
	if err := product.Build(binary); err != nil {
		return err
	}
	reader := strings.Replace(server.DSN, "postgres@", "reader@", 1)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if *agents != "" {
		for _, n := range strings.Split(*agents, ",") {
			checks, err := strconv.Atoi(n)
			if err != nil {
				return fmt.Errorf("-agent: %w", err)
			}
			if err := runningAgent(ctx, conn, binary, dir, reader, checks, *length); err != nil {
				return err
			}
		}
		return nil
	}
	if *measured != "only" {
		if err := measureAll(ctx, conn, commands{binary: binary, self: self, dir: dir, reader: reader}); err != nil {
			return err
		}
	}
	if *measured == "none" {
		return nil
	}
	bench := columnsBench{conn: conn, binary: binary, dir: dir, dsn: reader}
	return bench.run(ctx)
}

// commands is what is measured: the product, and this program as the floor.
type commands struct{ binary, self, dir, reader string }

// measureAll prints what `sentinel check` costs for each warehouse.
func measureAll(ctx context.Context, conn *pgx.Conn, what commands) error {
	fmt.Printf("%-16s %-9s %10s %10s %8s %8s %7s\n", "warehouse", "who", "statements", "blocks", "cpu ms", "wall ms", "rss MB")
	for _, name := range []string{"mart", "events", "events-estimate", "rich"} {
		config := filepath.Join(what.dir, name+".yaml")
		if err := os.WriteFile(config, []byte(configOf(name, what.reader)), 0o600); err != nil {
			return err
		}
		commands := []struct {
			who  string
			args []string
		}{
			{"sentinel", []string{what.binary, "check", "-c", config}},
			{"no state", []string{what.binary, "check", "-c", config, "--no-state"}},
			{"floor", append([]string{what.self}, append(floorArgs(what.reader), name)...)},
		}
		all := make([][]measure, len(commands))
		for range *rounds + 1 { // the first round warms up
			for i, c := range commands {
				m, err := one(ctx, conn, exec.Command(c.args[0], c.args[1:]...))
				if err != nil {
					return err
				}
				all[i] = append(all[i], m)
			}
		}
		b := median(all[len(all)-1][1:])
		for i, c := range commands {
			a := median(all[i][1:])
			fmt.Printf("%-16s %-9s %10.0f %10.0f %8.1f %8.1f %7.1f   ratio %5.2f %5.2f %5.2f %5.2f %5.2f\n", name, c.who, a[0], a[1], a[2], a[3], a[4], a[0]/b[0], a[1]/b[1], a[2]/b[2], a[3]/b[3], a[4]/b[4])
		}
		fmt.Println()
	}
	return nil
}

func floorArgs(dsn string) []string {
	return []string{"-floor", dsn, "-tables", strconv.Itoa(*tables)}
}

// measure holds statements, blocks, CPU ms, wall ms and peak RSS MB.
type measure [5]float64

func one(ctx context.Context, conn *pgx.Conn, cmd *exec.Cmd) (m measure, err error) {
	if _, err := conn.Exec(ctx, "SELECT pg_stat_statements_reset()"); err != nil {
		return m, err
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != 1 { // 1: the stale tables are found
		return m, fmt.Errorf("%s: %w\n%s", cmd, err, out.String())
	}
	m[3] = float64(time.Since(start).Microseconds()) / 1000
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	m[2] = float64((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Microseconds()) / 1000
	m[4] = float64(usage.Maxrss) / 1024
	err = conn.QueryRow(ctx, "SELECT sum(calls)::float8, sum(shared_blks_hit + shared_blks_read)::float8 FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid WHERE r.rolname = 'reader'").Scan(&m[0], &m[1])
	return m, err
}

func median(all []measure) (m measure) {
	for i := range m {
		var values []float64
		for _, v := range all {
			values = append(values, v[i])
		}
		slices.Sort(values)
		m[i] = values[len(values)/2]
	}
	return m
}

func configOf(name, dsn string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "state: sqlite:%s.db\nwarehouses: {w: {dsn: %q}}\ndefaults: {timezone: UTC}\ndatasets:\n", name, dsn)
	switch name {
	case "events":
		b.WriteString("  - table: w.public.events\n    time_column: created_at\n    checks: [{row_count: {bucket: day, fail: \"< 1\"}}, {freshness: {column: updated_at, fail: 1d}}, schema]\n")
	case "events-estimate":
		b.WriteString("  - table: w.public.events\n    time_column: created_at\n    checks: [{row_count: {estimate: true, fail: \"< 1\"}}, {freshness: {column: updated_at, fail: 1d}}, schema]\n")
	default:
		rich := ""
		if name == "rich" {
			rich = ", {row_count: {id: \"%[1]s-1\", where: customer_id IS NULL, fail: \"> 9000\"}}, {row_count: {id: \"%[1]s-2\", where: amount < 0, fail: \"> 0\"}}, {row_count: {id: \"%[1]s-3\", where: qty > 100, fail: \"> 0\"}}, {row_count: {id: \"%[1]s-4\", where: \"status NOT IN ('new','paid','shipped','closed')\", fail: \"> 0\"}}, {row_count: {id: \"%[1]s-5\", where: name IS NULL, fail: \"> 0\"}}, {row_count: {id: \"%[1]s-6\", where: created_at > updated_at, fail: \"> 1000000\"}}"
		}
		for i := range *tables {
			table := fmt.Sprintf("t_%03d", i+1)
			fmt.Fprintf(&b, "  - table: w.mart.%s\n    time_column: updated_at\n    checks: [row_count > 0, {freshness: {fail: 1d}}, schema", table)
			if rich != "" {
				fmt.Fprintf(&b, rich, table)
			}
			b.WriteString("]\n")
		}
	}
	return b.String()
}

// runFloor runs the statements that an expert would write by hand for the same
// question: one aggregate per table in one batch, and one catalog statement. It judges
// nothing.
func runFloor(ctx context.Context, dsn, name string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	batch := &pgx.Batch{}
	day := time.Now().UTC().Truncate(24 * time.Hour)
	catalog := "SELECT c.oid, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid WHERE n.nspname = $1 AND a.attnum > 0 AND NOT a.attisdropped AND NOT c.relispartition AND c.relkind IN ('r','p')"
	switch name {
	case "events":
		batch.Queue(catalog, "public")
		batch.Queue("SELECT count(*) FROM public.events WHERE created_at >= $1 AND created_at < $2", day.AddDate(0, 0, -1), day)
		batch.Queue("SELECT max(updated_at) FROM public.events WHERE created_at >= $1", day.AddDate(0, 0, -1))
	case "events-estimate":
		batch.Queue(catalog, "public")
		batch.Queue("SELECT sum(c.reltuples) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'public.events'::regclass")
		batch.Queue("SELECT max(updated_at) FROM public.events WHERE created_at >= $1", day.AddDate(0, 0, -1))
	default:
		batch.Queue(catalog, "mart")
		extra := ""
		if name == "rich" {
			extra = ", count(*) FILTER (WHERE customer_id IS NULL), count(*) FILTER (WHERE amount < 0), count(*) FILTER (WHERE qty > 100), count(*) FILTER (WHERE status NOT IN ('new','paid','shipped','closed')), count(*) FILTER (WHERE name IS NULL), count(*) FILTER (WHERE created_at > updated_at)"
		}
		for i := range *tables {
			batch.Queue(fmt.Sprintf("SELECT count(*), max(updated_at)%s FROM mart.t_%03d", extra, i+1))
		}
	}
	return conn.SendBatch(ctx, batch).Close()
}

func build(ctx context.Context, conn *pgx.Conn) error {
	statements := []string{"CREATE EXTENSION pg_stat_statements", "CREATE ROLE reader LOGIN", "CREATE SCHEMA mart", "GRANT USAGE ON SCHEMA mart TO reader", "SET timezone = 'UTC'", "SET synchronous_commit = off",
		`CREATE TABLE public.events (event_id bigint NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, user_id bigint, session_id uuid, event_type text NOT NULL, country char(2), amount numeric(12,2), is_test boolean NOT NULL DEFAULT false, note text) PARTITION BY RANGE (created_at)`}
	day := time.Now().UTC().Truncate(24 * time.Hour)
	for i := range *days {
		from := day.AddDate(0, 0, i+1-*days)
		name, start, end := from.Format("20060102"), from.Format(time.DateOnly), from.AddDate(0, 0, 1).Format(time.DateOnly)
		until := fmt.Sprintf("'%s'::timestamptz", end)
		if i == *days-1 {
			until = "now()" // the newest partition is filled up to now
		}
		statements = append(statements,
			fmt.Sprintf("CREATE TABLE public.events_%s PARTITION OF public.events FOR VALUES FROM ('%s') TO ('%s')", name, start, end),
			fmt.Sprintf(`INSERT INTO public.events_%s SELECT %d::bigint * %d + i, t, t, (i::bigint * 7919) %% 1000003, md5((i / 12)::text)::uuid, 'view', 'DE', i %% 100, false, CASE WHEN i %% 10 = 0 THEN 'note ' || i END FROM (SELECT i, '%s'::timestamptz + (i - 1) * ((%s - '%s'::timestamptz) / %d) AS t FROM generate_series(1, %d) i) s`, name, i, *perDay, start, until, start, *perDay, *perDay),
			fmt.Sprintf("CREATE INDEX ON public.events_%s (created_at)", name), fmt.Sprintf("CREATE INDEX ON public.events_%s (updated_at)", name))
	}
	for i := 1; i <= *tables; i++ {
		stale := "5 minutes"
		if i%50 == 0 {
			stale = "3 days"
		}
		statements = append(statements,
			fmt.Sprintf("CREATE TABLE mart.t_%03d (id bigint PRIMARY KEY, customer_id integer, name text NOT NULL, status text, amount numeric(12,2), qty integer NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL)", i),
			fmt.Sprintf("INSERT INTO mart.t_%03d SELECT i, (i * 7919) %% 5003, 'name ' || i, (ARRAY['new','paid','shipped','closed'])[1 + i %% 4], i %% 1000, i %% 13, now() - interval '%s' - (%d - i) * interval '1 minute', now() - interval '%s' - (%d - i) * interval '50 seconds' FROM generate_series(1, %d) i", i, stale, *rows, stale, *rows, *rows))
		if i%2 == 1 {
			statements = append(statements, fmt.Sprintf("CREATE INDEX ON mart.t_%03d (updated_at)", i))
		}
	}
	statements = append(statements, "GRANT SELECT ON ALL TABLES IN SCHEMA mart, public TO reader", "VACUUM ANALYZE")
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}
