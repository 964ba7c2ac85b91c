package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// period is the interval of every check of a measured agent, and of its scrapes.
const period = 10 * time.Second

// start is the time that an agent runs before it is measured. It ends half a period
// after a tick, so that the agent is measured between ticks.
const start = 2*time.Minute + period/2

// runningAgent starts `sentinel run` with two checks per table, freshness and row
// count. It prints what the agent uses while it runs: memory over time, CPU per checked
// table, connections, and the duration of scrapes. If Debian's prometheus-sql-exporter
// is installed, it runs beside the agent with the same questions. That exporter judges
// and stores nothing.
func runningAgent(ctx context.Context, conn *pgx.Conn, binary, dir, reader string, checks int, length time.Duration) error {
	if err := buildViews(ctx, conn, checks/2); err != nil {
		return err
	}
	config := filepath.Join(dir, fmt.Sprintf("agent-%d.yaml", checks))
	const listen = "127.0.0.1:19780"
	if err := os.WriteFile(config, []byte(agentConfig(checks/2, reader, listen)), 0o600); err != nil {
		return err
	}
	fmt.Printf("agent with %d checks of %d tables: RSS MB", checks, checks/2)
	if err := watch(ctx, conn, exec.Command(binary, "run", "-c", config, "--log-level", "error"), "http://"+listen+"/metrics", length); err != nil {
		return err
	}
	peer, err := exec.LookPath("prometheus-sql-exporter")
	if err != nil || checks/2 > peerTables {
		return nil
	}
	if err := os.WriteFile(config, []byte(peerConfig(checks/2, reader)), 0o600); err != nil {
		return err
	}
	cmd := exec.Command(peer, "-config.file", config, "-web.listen-address", listen)
	cmd.Env = append(os.Environ(), "LOGLEVEL=error")
	fmt.Print("sql_exporter, the same questions: RSS MB")
	return watch(ctx, conn, cmd, "http://"+listen+"/metrics", length)
}

// peerTables bounds the tables that the peer reads, because its memory grows faster
// than their number.
const peerTables = 1000

func peerConfig(tables int, dsn string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "jobs:\n- name: all\n  interval: %s\n  connections: [%q]\n  queries:\n", period, dsn)
	for i := range tables {
		fmt.Fprintf(&b, "  - {name: v_%05[1]d, help: rows, values: [rows, newest], query: 'SELECT count(*) AS rows, extract(epoch FROM max(updated_at))::float8 AS newest FROM views.v_%05[1]d'}\n", i)
	}
	return b.String()
}

// watch runs a command that checks all tables every period, and prints what it uses.
func watch(ctx context.Context, conn *pgx.Conn, cmd *exec.Cmd, metrics string, length time.Duration) error {
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err == nil {
			_ = cmd.Wait() // its end is not what is measured
		}
	}()
	time.Sleep(start)
	first, err := readCost(ctx, conn, cmd.Process.Pid)
	if err != nil {
		return err
	}
	// From now on the kernel measures the peak memory again.
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", cmd.Process.Pid), []byte("5"), 0); err != nil {
		return err
	}
	last := first
	for begin := time.Now(); time.Since(begin) < length; {
		time.Sleep(period)
		if _, err := scrape(metrics); err != nil {
			return err
		}
		if last, err = readCost(ctx, conn, cmd.Process.Pid); err != nil {
			return err
		}
		fmt.Printf(" %.0f", last.rss)
	}
	fmt.Printf("; at most %.0f in between, %.0f in the first two minutes; %.0f are pages of the program's file", last.peak, first.peak, last.file)
	n, cpu := last.statements-first.statements, last.cpu-first.cpu
	fmt.Printf("\n  %.0f statements, CPU %.3f ms a statement, connections opened meanwhile %.0f\n", n, float64(cpu.Microseconds())/1000/n, last.connections-first.connections)
	var scrapes []time.Duration
	for range 300 {
		time.Sleep(100 * time.Millisecond)
		took, err := scrape(metrics)
		if err != nil {
			return err
		}
		scrapes = append(scrapes, took)
	}
	after, err := readCost(ctx, conn, cmd.Process.Pid)
	if err != nil {
		return err
	}
	slices.Sort(scrapes)
	fmt.Printf("  %d scrapes: p50 %s p99 %s, RSS %.0f MB after them\n", len(scrapes), scrapes[len(scrapes)/2].Round(100*time.Microsecond), scrapes[len(scrapes)*99/100].Round(100*time.Microsecond), after.rss)
	return nil
}

// buildViews creates n tables to check. Each is a view of a table of the schema mart.
func buildViews(ctx context.Context, conn *pgx.Conn, n int) error {
	statements := []string{"DROP SCHEMA IF EXISTS views CASCADE", "CREATE SCHEMA views", "GRANT USAGE ON SCHEMA views TO reader"}
	for i := range n {
		statements = append(statements, fmt.Sprintf("CREATE VIEW views.v_%05d AS SELECT * FROM mart.t_%03d WHERE id > %d", i, i%*tables+1, *rows-10))
	}
	statements = append(statements, "GRANT SELECT ON ALL TABLES IN SCHEMA views TO reader")
	for len(statements) > 0 { // every view needs a lock until its transaction ends
		part := statements[:min(1000, len(statements))]
		statements = statements[len(part):]
		if _, err := conn.Exec(ctx, strings.Join(part, ";")); err != nil {
			return err
		}
	}
	return nil
}

// cost is what an agent has used so far, in its process and on the server.
type cost struct {
	rss, peak, file, statements, connections float64
	cpu                                      time.Duration
}

func readCost(ctx context.Context, conn *pgx.Conn, pid int) (c cost, err error) {
	if c, err = process(pid); err != nil {
		return c, err
	}
	err = conn.QueryRow(ctx, `SELECT (SELECT coalesce(sum(calls), 0)::float8 FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid WHERE r.rolname = 'reader'),
		(SELECT sessions::float8 FROM pg_stat_database WHERE datname = current_database())`).Scan(&c.statements, &c.connections)
	return c, err
}

func agentConfig(tables int, dsn, listen string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "state: sqlite:agent-%d.db\nlisten: %s\nwarehouses: {w: {dsn: %q}}\ndefaults: {timezone: UTC, schedule: \"@every %s\"}\ndatasets:\n", tables, listen, dsn, period)
	for i := range tables {
		fmt.Fprintf(&b, "  - table: w.views.v_%05d\n    time_column: updated_at\n    checks: [row_count > 0, {freshness: {fail: 10000d}}]\n", i)
	}
	return b.String()
}

func scrape(url string) (time.Duration, error) {
	start := time.Now()
	resp, err := http.Get(url)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return time.Since(start), err
}

// process reads what a process uses: resident memory (MB) now and at its peak, the part
// of it that is the program's own file, and CPU time.
func process(pid int) (c cost, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return c, err
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	var ticks [2]float64
	for i, at := range []int{11, 12} { // utime, stime in ticks of 10 ms
		if ticks[i], err = strconv.ParseFloat(fields[at], 64); err != nil {
			return c, err
		}
	}
	if data, err = os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err != nil {
		return c, err
	}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		to := map[string]*float64{"VmRSS": &c.rss, "VmHWM": &c.peak, "RssFile": &c.file}[name]
		if to == nil {
			continue
		}
		kB, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		if err != nil {
			return c, err
		}
		*to = kB / 1024
	}
	c.cpu = time.Duration(ticks[0]+ticks[1]) * 10 * time.Millisecond
	return c, nil
}
