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

// runningAgent starts `sentinel run` with a number of checks every ten seconds
// and prints what it costs while it runs: memory over time, CPU a statement,
// scrape times and connections.
func runningAgent(ctx context.Context, conn *pgx.Conn, binary, dir, reader string, checks int, length time.Duration) error {
	config := filepath.Join(dir, fmt.Sprintf("agent-%d.yaml", checks))
	const listen = "127.0.0.1:19780"
	if err := os.WriteFile(config, []byte(agentConfig(checks, reader, listen)), 0o600); err != nil {
		return err
	}
	cmd := exec.Command(binary, "run", "-c", config, "--log-level", "error")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err == nil {
			_ = cmd.Wait() // the agent's end is not what is measured
		}
	}()
	const sent = "SELECT coalesce(sum(calls), 0)::float8 FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid WHERE r.rolname = 'reader'"
	const opened = "SELECT sessions::float8 FROM pg_stat_database WHERE datname = current_database()"
	var statements, connections [2]float64
	var cpu [2]time.Duration
	var memory []float64
	var scrapes []time.Duration
	fmt.Printf("agent with %d checks: RSS MB", checks)
	half := length / 6
	for begin, next := time.Now(), half; time.Since(begin) < length; {
		took, err := scrape("http://" + listen + "/metrics")
		if err == nil {
			scrapes = append(scrapes, took)
		}
		if time.Since(begin) >= next {
			rss, used, err := process(cmd.Process.Pid)
			if err != nil {
				return err
			}
			i := 1
			if len(memory) == 0 {
				i = 0 // from here on nothing is warming up
				scrapes = nil
			}
			cpu[i] = used
			if err := conn.QueryRow(ctx, sent).Scan(&statements[i]); err != nil {
				return err
			}
			if err := conn.QueryRow(ctx, opened).Scan(&connections[i]); err != nil {
				return err
			}
			memory = append(memory, rss)
			fmt.Printf(" %.0f", rss)
			next += half
		}
		time.Sleep(200 * time.Millisecond)
	}
	slices.Sort(scrapes)
	n := statements[1] - statements[0]
	fmt.Printf("; %.0f statements, CPU a statement %.3f ms (scrapes and all), scrape p50 %s p99 %s, connections opened meanwhile %.0f\n",
		n, float64((cpu[1]-cpu[0]).Microseconds())/1000/n, scrapes[len(scrapes)/2].Round(100*time.Microsecond), scrapes[len(scrapes)*99/100].Round(100*time.Microsecond), connections[1]-connections[0])
	return nil
}

func agentConfig(checks int, dsn, listen string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "state: sqlite:agent-%d.db\nlisten: %s\nwarehouses: {w: {dsn: %q}}\ndefaults: {timezone: UTC, schedule: \"@every 10s\"}\ndatasets:\n", checks, listen, dsn)
	perTable := checks / *tables
	for i := range *tables {
		fmt.Fprintf(&b, "  - table: w.mart.t_%03d\n    time_column: updated_at\n    checks: [schema, {freshness: {fail: 10000d}}", i+1)
		for k := range perTable - 2 {
			fmt.Fprintf(&b, ", {row_count: {id: \"t%d-%d\", where: \"qty <> %d\", fail: \"< 0\"}}", i, k, k)
		}
		b.WriteString("]\n")
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

// process reads resident memory (MB) and CPU time of a process.
func process(pid int) (rss float64, cpu time.Duration, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	var numbers [3]float64
	for i, at := range []int{11, 12, 21} { // utime, stime in ticks of 10 ms; rss in pages
		if numbers[i], err = strconv.ParseFloat(fields[at], 64); err != nil {
			return 0, 0, err
		}
	}
	return numbers[2] * float64(os.Getpagesize()) / (1 << 20), time.Duration(numbers[0]+numbers[1]) * 10 * time.Millisecond, nil
}
