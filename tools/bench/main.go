// Command bench measures the cost of Sentinel. It builds a synthetic warehouse on a
// private PostgreSQL, and one on a private MariaDB. There it alternates `sentinel check` with
// the statements that an expert would write by hand (the floor), which a program of its own
// sends over as many connections, and prints both with their ratios. Counts of statements and
// blocks come from the server, CPU and memory from the kernel.
//
//	make bench BENCH="[-tables 200] [-rows 10000] [-others 5000] [-days 60] [-per-day 5000] [-rounds 5]"
//	make bench BENCH="-columns only [-column-rows 10000000]"
//	make bench BENCH=-serve      keeps the warehouse up, for profiling
//	make bench BENCH="-agent 2000,20000 [-length 1m]"
//
// mart.go has what is asked, warehouse.go what it is asked of, and more.go slow tables, slow
// links and MariaDB. agent.go measures running agents, and columns.go column checks.
// cost_test.go holds the limits of the counts.
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
	others     = flag.Int("others", 5000, "other relations in the database")
	rows       = flag.Int("rows", 10000, "rows in each of them")
	days       = flag.Int("days", 60, "day partitions of events")
	perDay     = flag.Int("per-day", 5000, "rows a day (335000: 20.1 million rows in all)")
	measured   = flag.String("columns", "also", "also, only or none: measure column checks")
	columnRows = flag.Int("column-rows", 1_000_000, "rows of their table")
	rounds     = flag.Int("rounds", 5, "rounds; medians are printed")
	agents     = flag.String("agent", "", "measure running agents instead, with these numbers of checks (2000,20000)")
	length     = flag.Duration("length", time.Minute, "how long each agent runs")
	serve      = flag.Bool("serve", false, "only build the warehouse, print its DSN and wait for Ctrl-C")
)

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
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
		if err := measureAll(ctx, conn, binary, dir, reader); err != nil {
			return err
		}
	}
	if *measured == "none" {
		return nil
	}
	bench := columnsBench{conn: conn, binary: binary, dir: dir, dsn: reader}
	return bench.run(ctx)
}

// measureAll prints what `sentinel check` costs for each warehouse.
func measureAll(ctx context.Context, conn *pgx.Conn, binary, dir, dsn string) error {
	floor, err := buildFloor(dir, "bench-floor")
	if err != nil {
		return err
	}
	fmt.Printf("%-16s %-9s %10s %10s %8s %8s %7s\n", "warehouse", "who", "statements", "blocks", "cpu ms", "wall ms", "rss MB")
	for _, name := range []string{"mart", "events", "events-estimate", "rich"} {
		r := row{
			name: name, dir: dir, binary: binary, floor: floor, config: configOf(name, dsn), dsn: dsn,
			statements: floorOf(name), rounds: *rounds, state: true,
			count: func(cmd *exec.Cmd) (measure, error) { return one(ctx, conn, cmd) },
		}
		if err := r.print(); err != nil {
			return err
		}
	}
	return measureMore(ctx, conn, binary, floor, dir, dsn)
}

// row is a question that is asked in several ways.
type row struct {
	name, dir      string
	binary, config string // of Sentinel
	floor, dsn     string
	statements     []string // of the floor
	rounds         int
	state          bool // it is also asked with a state
	count          func(*exec.Cmd) (measure, error)
}

// print asks in turns, and prints the medians with their ratios to the floor's.
func (r row) print() error {
	file := filepath.Join(r.dir, r.name+".yaml")
	if err := os.WriteFile(file, []byte(r.config), 0o600); err != nil {
		return err
	}
	ways := []struct {
		who string
		cmd func() *exec.Cmd
	}{
		{"sentinel", func() *exec.Cmd { return exec.Command(r.binary, "check", "-c", file) }},
		{"no state", func() *exec.Cmd { return exec.Command(r.binary, "check", "-c", file, "--no-state") }},
		{"floor", func() *exec.Cmd { return floorCommand(r.floor, r.dsn, r.statements) }},
	}
	if !r.state {
		ways = ways[1:]
	}
	all := make([][]measure, len(ways))
	for range r.rounds + 1 { // the first round warms up
		for i, w := range ways {
			m, err := r.count(w.cmd())
			if err != nil {
				return err
			}
			all[i] = append(all[i], m)
		}
	}
	b := median(all[len(all)-1][1:])
	for i, w := range ways {
		a := median(all[i][1:])
		fmt.Printf("%-16s %-9s %10.0f %10.0f %8.1f %8.1f %7.1f   ratio", r.name, w.who, a[0], a[1], a[2], a[3], a[4])
		for k := range a {
			if b[k] == 0 {
				fmt.Printf(" %5s", "-")
				continue
			}
			fmt.Printf(" %5.2f", a[k]/b[k])
		}
		fmt.Println()
	}
	fmt.Println()
	return nil
}

// connections is how many Sentinel uses by default, and so does the floor.
const connections = "4"

// buildFloor builds a program that sends the floor's statements.
func buildFloor(dir, name string) (string, error) {
	binary := filepath.Join(dir, name)
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "github.com/sentinel-dq/sentinel/tools/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", name, err, out)
	}
	return binary, nil
}

func floorCommand(floor, dsn string, statements []string) *exec.Cmd {
	cmd := exec.Command(floor, dsn, connections)
	cmd.Stdin = strings.NewReader(strings.Join(statements, "\n") + "\n")
	return cmd
}

// measure holds statements, blocks, CPU ms, wall ms and peak RSS MB.
type measure [5]float64

func one(ctx context.Context, conn *pgx.Conn, cmd *exec.Cmd) (m measure, err error) {
	if _, err := conn.Exec(ctx, "SELECT pg_stat_statements_reset()"); err != nil {
		return m, err
	}
	if m, err = timed(cmd); err != nil {
		return m, err
	}
	err = conn.QueryRow(ctx, "SELECT sum(calls)::float8, sum(shared_blks_hit + shared_blks_read)::float8 FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid WHERE r.rolname = 'reader'").Scan(&m[0], &m[1])
	return m, err
}

// timed runs a command, and measures what the kernel knows of it.
func timed(cmd *exec.Cmd) (m measure, err error) {
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
	return m, nil
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
