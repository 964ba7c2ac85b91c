package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/tools/internal/product"
)

// TestCostBesideTheFloor holds what a check costs a PostgreSQL to what the
// hand-written statements cost it: counts, which do not depend on the machine.
func TestCostBesideTheFloor(t *testing.T) {
	server, err := testenv.StartPostgres(
		"shared_preload_libraries=pg_stat_statements",
		"pg_stat_statements.track=all",
		"shared_buffers=512MB",
		"fsync=off",
		"autovacuum=off",
	)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	conn, err := pgx.Connect(t.Context(), server.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	*others = 0 // the limits are those of a database of its own
	if err := build(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "sentinel")
	if err := product.Build(binary); err != nil {
		t.Fatal(err)
	}
	hand, err := buildFloor(dir, "bench-floor")
	if err != nil {
		t.Fatal(err)
	}
	reader := strings.Replace(server.DSN, "postgres@", "reader@", 1)
	for name, limit := range map[string]struct{ statements, blocks, ratio float64 }{
		"mart":            {205, 0, 1.02},
		"rich":            {205, 0, 1.02},
		"events":          {5, 250, 0}, // a few blocks of catalog beside the floor's; 1.02 of it at 20 million rows (make bench BENCH="-per-day 335000")
		"events-estimate": {5, 250, 0},
	} {
		config := filepath.Join(dir, name+".yaml")
		if err := os.WriteFile(config, []byte(configOf(name, reader)), 0o600); err != nil {
			t.Fatal(err)
		}
		floor, err := one(t.Context(), conn, floorCommand(hand, reader, floorOf(name)))
		if err != nil {
			t.Fatal(err)
		}
		before := sessions(t, conn)
		ours, err := one(t.Context(), conn, exec.Command(binary, "check", "-c", config))
		if err != nil {
			t.Fatal(err)
		}
		opened := sessions(t, conn) - before
		t.Logf("%s: %.0f statements on %.0f connections (floor %.0f), %.0f blocks (floor %.0f)",
			name, ours[0], opened, floor[0], ours[1], floor[1])
		// On a slow machine more connections are worth it, and each begins with a statement of its own.
		if ours[0] > limit.statements+max(0, opened-usual) || limit.blocks > 0 && ours[1] > limit.blocks ||
			limit.ratio > 0 && ours[1] > limit.ratio*floor[1] {
			t.Errorf("%s costs more than %+v", name, limit)
		}
	}
	config := strings.Replace(
		configOf("mart", reader),
		"state: sqlite:mart.db",
		"state: sqlite:agent.db\nlisten: 127.0.0.1:0",
		1,
	)
	for _, by := range []struct {
		who, cpus, gc string
		env           []string
	}{
		{"itself", "1", "50", nil},
		{"the environment", "3", "80", []string{"GOMAXPROCS=3", "GOGC=80"}},
	} {
		t.Run("an agent's CPUs and garbage are chosen by "+by.who, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "agent.yaml")
			if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(binary, "run", "-c", file)
			cmd.Env = append(os.Environ(), by.env...)
			address := startAgent(t, cmd)
			if cpus := metric(t, address, "go_sched_gomaxprocs_threads"); cpus != by.cpus {
				t.Errorf("it runs on %s CPUs, want %s", cpus, by.cpus)
			}
			if gc := metric(t, address, "go_gc_gogc_percent"); gc != by.gc {
				t.Errorf("garbage is collected at %s percent, want %s", gc, by.gc)
			}
		})
	}
	t.Run("column checks", func(t *testing.T) {
		if err := buildOrders(t.Context(), conn, 30_000); err != nil {
			t.Fatal(err)
		}
		b := &columnsBench{conn: conn, binary: binary, dir: dir, dsn: reader}
		for _, part := range []func(context.Context) ([]line, error){b.scans, b.mart} {
			lines, err := part(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range lines {
				slack := 0.0
				if strings.HasPrefix(l.what, "blocks") {
					slack = 20 // pages of indexes, which count beside so few rows
				}
				if t.Logf("%+v", l); l.most >= 0 && l.ours > l.most+slack {
					t.Errorf("%s: %v, want at most %v", l.what, l.ours, l.most)
				}
			}
		}
	})
	t.Run("memory", func(t *testing.T) { boundedMemory(t, conn, binary, reader) })
}

// usual is the number of connections of a check of quick tables: one for the catalog and
// quick statements, one that joins.
const usual = 2

// sessions is the number of connections that were ever opened to the database.
func sessions(t *testing.T, conn *pgx.Conn) (n float64) {
	t.Helper()
	const query = "SELECT sessions::float8 FROM pg_stat_database WHERE datname = current_database()"
	if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// allocatedAStatement bounds the memory that an agent allocates for a table with two
// checks, in bytes until it is collected: the statement, its answer, two results, what
// is recorded of them, and a share of what a tick of 500 tables allocates.
const allocatedAStatement = 16 << 10

// boundedMemory watches a running agent. The server counts its statements.
func boundedMemory(t *testing.T, conn *pgx.Conn, binary, reader string) {
	const views = 500
	if err := buildViews(t.Context(), conn, views); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "agent.yaml")
	config := strings.Replace(agentConfig(views, reader, "127.0.0.1:0"), period.String(), "1s", 1)
	config = "unwatched: off\n" + config // a look of each day is no part of a statement
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "run", "-c", file)
	address := startAgent(t, cmd)
	taken := func(after float64) (asked, bytes float64) {
		for deadline := time.Now().Add(time.Minute); asked < after; time.Sleep(50 * time.Millisecond) {
			c, err := readCost(t.Context(), conn, cmd.Process.Pid)
			if err != nil || time.Now().After(deadline) {
				t.Fatalf("%.0f statements, want %.0f: %v", c.statements, after, err)
			}
			asked = c.statements
		}
		bytes, err := strconv.ParseFloat(metric(t, address, "go_memstats_alloc_bytes_total"), 64)
		if err != nil {
			t.Fatal(err)
		}
		return asked, bytes
	}
	before, err := readCost(t.Context(), conn, cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	from, first := taken(before.statements + 2*views)
	to, last := taken(from + 5*views)
	if each := (last - first) / (to - from); each > allocatedAStatement {
		t.Errorf("a statement allocates %.0f bytes, want %d at most", each, allocatedAStatement)
	} else {
		t.Logf("a statement allocates %.0f bytes", each)
	}
}

// startAgent returns where the agent's metrics are.
func startAgent(t *testing.T, cmd *exec.Cmd) (url string) {
	t.Helper()
	logs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(logs)
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		rest, _ := io.ReadAll(lines) // whatever it says
		if err := cmd.Wait(); err != nil {
			t.Errorf("the agent: %v\n%s", err, rest)
		}
	})
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, address, _ := strings.Cut(line, " listen=")
	address, _, _ = strings.Cut(address, " ")
	return fmt.Sprintf("http://%s/metrics", address)
}

// metric is the value of a series as it is written, "" where there is none.
func metric(t *testing.T, url, name string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return value
		}
	}
	return ""
}
