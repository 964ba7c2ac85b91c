package app_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sentinel-dq/sentinel/scratch"
	"github.com/sentinel-dq/sentinel/testenv"
)

// holdLock is how long an ALTER TABLE is held; `make outage` holds it for three minutes.
var holdLock = flag.Duration("hold", 12*time.Second, "time for which a migration holds its lock")

// exported is one line of the exporter jsonl.
type exported struct {
	Time    time.Time
	Dataset string
	Check   string
	Status  string
	Message string
}

// results reads what the agent has exported so far.
func (w *way) results() (out []exported) {
	w.Helper()
	f, err := os.Open(filepath.Join(w.dir, "results.jsonl"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		w.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r exported
		if json.Unmarshal(lines.Bytes(), &r) == nil { // the last line may still be written
			out = append(out, r)
		}
	}
	if err := lines.Err(); err != nil {
		w.Fatal(err)
	}
	return out
}

// TestLockedTableCostsItsOwnChecks holds an ALTER TABLE of one of 300 tables open. Its rows
// cannot be counted, which is an error that names the lock; its committed schema can be
// read. All other checks pass at every tick, and migrations of other tables beside the
// agent wait for nobody.
func TestLockedTableCostsItsOwnChecks(t *testing.T) {
	server, err := testenv.StartPostgres("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	const tables = 300
	var yaml strings.Builder
	statements := make([]string, tables)
	for i := range tables {
		statements[i] = fmt.Sprintf("CREATE TABLE t_%d AS SELECT now() AS at, 1 AS id", i)
		fmt.Fprintf(&yaml, "  - {table: w.public.t_%d, checks: [row_count > 0, {schema: {column_removed: fail}}]}\n", i)
	}
	testenv.Exec(t, "pgx", server.DSN, statements...)
	w := &way{T: t, dir: t.TempDir()}
	w.write("sentinel.yaml", fmt.Sprintf(`
listen: 127.0.0.1:0
warehouses: {w: {dsn: "%s"}}
defaults: {schedule: "@every 3s", timezone: UTC}
exporters: [jsonl: {file: results.jsonl}]
datasets:
%s`, server.DSN, yaml.String()))
	w.start("sentinel", "run", "-c", "sentinel.yaml")
	w.until("a tick", func() bool { return len(w.results()) >= 2*tables })

	locked := connect(t, server.DSN)
	tx, err := locked.Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), "ALTER TABLE t_7 ADD COLUMN note text")
	}
	if err != nil {
		t.Fatal(err)
	}
	from := time.Now()
	migrations, longest := migrate(t, server.DSN, from.Add(*holdLock))
	to := time.Now()
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.until("the lock is gone", func() bool {
		rs := w.results()
		return status(rs, "w.public.t_7/row_count", to) == "pass"
	})

	counts := map[string]int{}
	for _, r := range w.results() {
		if r.Time.Before(from) || r.Time.After(to.Add(-3*time.Second)) {
			continue
		}
		counts[r.Dataset]++
		want := "pass"
		if r.Check == "w.public.t_7/row_count" {
			want = "error"
		}
		if r.Status != want || want == "error" && !strings.Contains(r.Message, "lock") {
			t.Errorf("%s %s %s at %s: %s", r.Dataset, r.Check, r.Status, r.Time, r.Message)
		}
	}
	for i := range tables {
		if got, want := counts[fmt.Sprintf("public.t_%d", i)], counts["public.t_0"]; got != want || got == 0 {
			t.Errorf("t_%d has %d results, t_0 has %d", i, got, want)
		}
	}
	if longest > time.Second {
		t.Errorf("a migration of another table took %s", longest)
	}
	t.Logf("%s of a held ALTER: %d results a table, the row count of t_7 alone in error; %d migrations beside it, the longest %s",
		*holdLock, counts["public.t_0"], migrations, longest.Round(time.Millisecond))
}

// status is that of the results of a check since a time: empty, one status, or mixed.
func status(rs []exported, check string, since time.Time) (out string) {
	for _, r := range rs {
		switch {
		case r.Check != check || !r.Time.After(since):
		case out != "" && out != r.Status:
			return "mixed"
		default:
			out = r.Status
		}
	}
	return out
}

// migrate alters tables until a time, and returns how often, and the longest time that one
// took.
func migrate(t *testing.T, dsn string, until time.Time) (n int, longest time.Duration) {
	t.Helper()
	c := connect(t, dsn)
	for ; time.Now().Before(until); n++ {
		begun := time.Now()
		sql := fmt.Sprintf("ALTER TABLE t_%d ALTER COLUMN id DROP DEFAULT", 8+n%200)
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
		longest = max(longest, time.Since(begun))
	}
	return n, longest
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(t.Context()); err != nil && !c.IsClosed() {
			t.Error(err)
		}
	})
	return c
}

// TestC56FrozenServer freezes a primary: the agent notices, and goes on with the standby. It
// then freezes the standby too: SIGTERM ends the agent all the same. The times are printed.
func TestC56FrozenServer(t *testing.T) {
	primary, err := testenv.StartPostgres("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(primary.Stop)
	testenv.Exec(t, "pgx", primary.DSN, "CREATE TABLE orders AS SELECT 1 AS id")
	standby, err := scratch.StartStandby(primary)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(standby.Stop)
	w := &way{T: t, dir: t.TempDir()}
	testenv.Exec(t, "sqlite", filepath.Join(w.dir, "shop.db"), "CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)")
	w.write("sentinel.yaml", fmt.Sprintf(`
listen: 127.0.0.1:0
warehouses:
  w: {dsn: "%s", standby_dsn: ["%s"], statement_timeout: 1s}
  shop: {dsn: "sqlite:shop.db"}
defaults: {schedule: "@every 1s", timezone: UTC}
exporters: [jsonl: {file: results.jsonl}]
datasets:
  - {table: w.public.orders, checks: [row_count > 0]}
  - {table: shop.main.t, checks: [row_count > 0]}
`, primary.DSN, standby.DSN))
	agent := w.command("run", "-c", "sentinel.yaml")
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- agent.Wait() }()
	defer func() { _ = agent.Process.Kill() }() // an error says that it has ended, as it should
	last := func() (r exported) {
		for _, r = range slices.Backward(w.results()) {
			if r.Dataset == "public.orders" {
				return r
			}
		}
		return exported{}
	}
	w.until("the primary answers", func() bool { return last().Status == "pass" })

	freeze(t, primary)
	w.begin("primary frozen")
	frozen := time.Now()
	w.until("standby", func() bool { return strings.Contains(last().Message, "standby 1") })
	if took := time.Since(frozen); took > 15*time.Second {
		t.Errorf("the standby took over after %s", took)
	}
	freeze(t, standby)
	w.begin("standby frozen")
	since := time.Now()
	w.until("error", func() bool { return last().Status == "error" })
	if s := status(w.results(), "shop.main.t/row_count", since); s != "pass" {
		t.Errorf("the other warehouse: %q", s)
	}
	if err := agent.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	w.begin("SIGTERM")
	w.until("end", func() bool { return len(ended) == 1 })
	if err := <-ended; err != nil {
		t.Errorf("the agent ended with %v", err)
	}
	t.Log(w.log.String())
}

// freeze stops a server until the test ends.
func freeze(t *testing.T, s *scratch.Server) {
	t.Helper()
	if err := s.Freeze(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Thaw(); err != nil {
			t.Error(err)
		}
	})
}

// command is the agent as a process of its own, in the directory of the test.
func (w *way) command(args ...string) *exec.Cmd {
	w.Helper()
	self, err := os.Executable()
	if err != nil {
		w.Fatal(err)
	}
	path := filepath.Join(w.dir, "sentinel") // testscript goes by the name
	if err := os.Symlink(self, path); err != nil && !errors.Is(err, os.ErrExist) {
		w.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = w.dir
	return cmd
}
