package app_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// reload posts a reload with the token tiger.
func (w *way) reload() (code int, body string) {
	w.Helper()
	request, err := http.NewRequestWithContext(w.Context(), http.MethodPost, "http://"+w.agent+"/-/reload", nil)
	if err != nil {
		w.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer tiger")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		w.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		w.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// TestC23AReloadThatDoesNotLoadKeepsWhatRuns: the metric says so, the old checks
// go on, and a file that loads takes over.
func TestC23AReloadThatDoesNotLoadKeepsWhatRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := &way{T: t, dir: dir, agent: freeAddress(t)}
	testenv.Exec(t, "sqlite", filepath.Join(dir, "shop.db"), "PRAGMA journal_mode=WAL",
		"CREATE TABLE orders (id INTEGER PRIMARY KEY)")
	file := func(id string) string {
		return fmt.Sprintf(`
listen: %s
token: tiger
warehouses: {shop: {dsn: "sqlite:shop.db"}}
defaults: {schedule: "@every 1s", timezone: UTC}
datasets: [{table: shop.main.orders, checks: [{row_count: {id: %s, fail: "< 1"}}]}]
`, w.agent, id)
	}
	w.write("sentinel.yaml", file("old"))
	w.start("sentinel", "run", "-c", "sentinel.yaml")
	last := func() string {
		for _, line := range strings.Split(w.get(w.agent, "/metrics"), "\n") {
			if strings.HasPrefix(line, "sentinel_check_last_run_timestamp_seconds{") {
				return line
			}
		}
		return ""
	}
	w.until("the check runs", func() bool { return strings.Contains(last(), `check="old"`) })
	reload := func() int { code, _ := w.reload(); return code }
	w.write("sentinel.yaml", file("new")+"listne: x\n")
	if code := reload(); code < 400 {
		t.Errorf("a file with a mistake: %d", code)
	}
	if metrics := w.get(w.agent, "/metrics"); !strings.Contains(metrics, "sentinel_config_last_reload_successful 0") {
		t.Error("the metric does not say that the reload failed")
	}
	before := last()
	w.until("the old check goes on", func() bool { return strings.Contains(last(), `check="old"`) && last() != before })
	w.write("sentinel.yaml", file("new"))
	if code := reload(); code != http.StatusOK {
		t.Errorf("a file that loads: %d", code)
	}
	w.until("the new check runs", func() bool { return strings.Contains(last(), `check="new"`) })
	if metrics := w.get(w.agent, "/metrics"); !strings.Contains(metrics, "sentinel_config_last_reload_successful 1") {
		t.Error("the metric does not say that the reload succeeded")
	}
}

// TestReloadDoesNotWaitForASlowStatement: a statement of one warehouse runs for long. Each
// reload puts the checks of the other one in force at once, says what it does not wait for,
// and loses no tick.
func TestReloadDoesNotWaitForASlowStatement(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := &way{T: t, dir: dir, agent: freeAddress(t)}
	slow := testenv.Postgres(t)
	testenv.Exec(t, "pgx", slow, "CREATE TABLE t (id bigint)")
	testenv.Exec(t, "sqlite", filepath.Join(dir, "shop.db"), "PRAGMA journal_mode=WAL",
		"CREATE TABLE orders (id INTEGER PRIMARY KEY)", "INSERT INTO orders VALUES (1)")
	configure := func(round int, slowCheck string) {
		w.write("sentinel.yaml", fmt.Sprintf(`
listen: %s
token: tiger
jitter: 300ms
warehouses: {shop: {dsn: "sqlite:shop.db"}, slow: {dsn: %q, statement_timeout: 2m}}
defaults: {schedule: "@every 1s", timezone: UTC}
datasets:
  - {table: shop.main.orders, checks: [{row_count: {id: round%d, fail: "< 1"}}]}
  - {table: slow.public.t, checks: [%s]}
`, w.agent, slow, round, slowCheck))
	}
	sleep := `{sql: {id: sleeps, query: "SELECT 1 FROM pg_sleep(20)", fail: "> 0"}}`
	configure(0, sleep)
	w.start("sentinel", "run", "-c", "sentinel.yaml")
	session := connect(t, slow)
	w.until("the statement runs", func() bool {
		var n int
		const query = `
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep(20)%' AND pid <> pg_backend_pid()`
		if err := session.QueryRow(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n > 0
	})
	for round := 1; round <= 4; round++ {
		configure(round, `{row_count: {id: quick, warn: "> 5"}}`)
		began := time.Now()
		code, body := w.reload()
		took := time.Since(began)
		if code != http.StatusOK || took > 10*time.Second || !strings.Contains(body, "checks of slow") {
			t.Errorf("round %d: %d %q after %s", round, code, body, took)
		}
		w.until("the new check runs", func() bool {
			return strings.Contains(w.get(w.agent, "/metrics"), fmt.Sprintf(`check="round%d"`, round))
		})
	}
	if page := w.get(w.agent, "/"); !strings.Contains(page, "still end under the one before: checks of slow") {
		t.Error("the page does not say what still runs")
	}
	metrics := w.get(w.agent, "/metrics")
	if strings.Contains(metrics, "sentinel_config_replaced_running 0") {
		t.Error("the metric does not say that a replaced configuration still runs")
	}
	w.until("the old statement has ended", func() bool {
		return strings.Contains(w.get(w.agent, "/metrics"), "sentinel_config_replaced_running 0")
	})
	w.until("the new check of the slow table runs", func() bool {
		return strings.Contains(w.get(w.agent, "/metrics"), `check="quick"`)
	})
	if page := w.get(w.agent, "/"); strings.Contains(page, "sleeps") {
		t.Error("a check that was removed while it ran has opened an incident")
	}
	for _, name := range []string{"shop.main.orders", "slow.public.t"} {
		w.contiguous(name)
	}
}

// contiguous holds that every tick of a dataset with the schedule "@every 1s" was run once,
// or is written down.
func (w *way) contiguous(name string) {
	w.Helper()
	every, err := schedule.Parse("@every 1s", time.UTC)
	if err != nil {
		w.Fatal(err)
	}
	s, err := store.OpenReader(w.Context(), "sqlite:"+filepath.Join(w.dir, "sentinel.db"))
	if err != nil {
		w.Fatal(err)
	}
	defer s.Close()
	parts := strings.Split(name, ".")
	table := sentinel.Table{Warehouse: parts[0], Schema: parts[1], Name: parts[2]}
	ticks, err := s.Ticks(w.Context(), table, 100_000)
	if err != nil || len(ticks) < 5 {
		w.Fatalf("%s: %d ticks, %v", name, len(ticks), err)
	}
	for k := range ticks[1:] { // newest first
		if !every.Next(ticks[k+1].Tick).Equal(ticks[k].Tick) {
			w.Errorf("%s: after %s came %s", name, ticks[k+1].Tick, ticks[k].Tick)
		}
	}
}

// TestHangUpWhileStarting sends SIGHUP from before the program can have begun until it
// serves: it never ends the agent.
func TestHangUpWhileStarting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := &way{T: t, dir: dir, agent: freeAddress(t)}
	testenv.Exec(t, "sqlite", filepath.Join(dir, "shop.db"), "CREATE TABLE orders (id INTEGER PRIMARY KEY)")
	w.write("sentinel.yaml", fmt.Sprintf(`
listen: %s
warehouses: {shop: {dsn: "sqlite:shop.db"}}
defaults: {schedule: "@every 1s", timezone: UTC}
datasets: [{table: shop.main.orders, checks: [schema]}]
`, w.agent))
	program := w.command().Path
	for try := range 3 {
		for _, name := range []string{"sentinel.db", "sentinel.db-wal", "sentinel.db-shm", "sentinel.db.lock"} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
		cmd := exec.Command(program, "run", "-c", "sentinel.yaml")
		cmd.Dir = dir
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w.until("the agent serves", func() bool {
			// The first file that it makes comes long after the start of the process.
			if _, err := os.Stat(filepath.Join(dir, "sentinel.db.lock")); err == nil {
				if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
					t.Fatalf("try %d: SIGHUP has ended the agent: %v, %v", try, err, cmd.Wait())
				}
			}
			return strings.Contains(w.get(w.agent, "/-/healthy"), "healthy")
		})
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("try %d: the agent ends with %v", try, err)
		}
	}
}

// TestDeletedStateOfARunningAgent: it is written again and told, and an older copy in its
// place is what the agent goes on with.
func TestDeletedStateOfARunningAgent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := &way{T: t, dir: dir, agent: freeAddress(t)}
	testenv.Exec(t, "sqlite", filepath.Join(dir, "shop.db"), "PRAGMA journal_mode=WAL",
		"CREATE TABLE orders (id INTEGER PRIMARY KEY)")
	w.write("sentinel.yaml", fmt.Sprintf(`
listen: %s
warehouses: {shop: {dsn: "sqlite:shop.db"}}
defaults: {schedule: "@every 1s", timezone: UTC}
datasets: [{table: shop.main.orders, checks: [{row_count: {id: rows, fail: "< 1"}}]}]
`, w.agent))
	w.start("sentinel", "run", "-c", "sentinel.yaml")
	failing := func() bool { return strings.Contains(w.get(w.agent, "/api/v1/incidents"), `"check":"rows"`) }
	w.until("an incident opens", failing)
	state := filepath.Join(dir, "sentinel.db")
	reader, err := store.OpenReader(t.Context(), "sqlite:"+state)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(reader.Backup(t.Context(), filepath.Join(dir, "older.db")), reader.Close()); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(state + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	w.until("it is written again", func() bool {
		return strings.Contains(w.get(w.agent, "/metrics"), "sentinel_store_rewritten_total 1")
	})
	if !failing() {
		t.Error("the incident is gone")
	}
	w.contiguous("shop.main.orders")
	if err := os.Rename(filepath.Join(dir, "older.db"), state); err != nil {
		t.Fatal(err)
	}
	w.until("the agent goes on with the older state", func() bool {
		kept, err := filepath.Glob(state + ".replaced-*")
		return err == nil && len(kept) == 1 && failing() &&
			strings.Contains(w.get(w.agent, "/metrics"), "sentinel_store_rewritten_total 0")
	})
}

// TestReloadOfWhoMayDoWhat: tokens, roles and what is closed count at a reload, and the reload says
// which keys count after a restart.
func TestReloadOfWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	w := &way{T: t, dir: t.TempDir(), agent: freeAddress(t)}
	testenv.Exec(t, "sqlite", filepath.Join(w.dir, "shop.db"), "CREATE TABLE orders (id INTEGER PRIMARY KEY)")
	configure := func(keys string) {
		w.write("sentinel.yaml", fmt.Sprintf("listen: %s\n%s\n", w.agent, keys)+`
warehouses: {shop: {dsn: "sqlite:shop.db"}}
datasets: [{table: shop.main.orders, checks: [schema]}]
`)
	}
	configure("token: tiger")
	w.start("sentinel", "run", "-c", "sentinel.yaml")
	w.until("the agent is ready", func() bool { return strings.Contains(w.get(w.agent, "/-/ready"), "ready") })
	status := func(path string) int {
		answer, err := http.Get("http://" + w.agent + path)
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode
	}
	if code := status("/metrics"); code != http.StatusOK {
		t.Errorf("open metrics: %d", code)
	}
	configure("token: tiger\nweb: {metrics: token}\nmax_series: 7\nrepair_budget: 3")
	code, body := w.reload()
	if code != http.StatusOK || !strings.Contains(body, "these count after a restart: max_series, repair_budget") {
		t.Errorf("%d %s", code, body)
	}
	if code := status("/metrics"); code != http.StatusUnauthorized {
		t.Errorf("closed metrics: %d", code)
	}
	configure("token: lioness\nmax_series: 7")
	if code, _ := w.reload(); code != http.StatusOK {
		t.Errorf("the token in force: %d", code)
	}
	if code, _ := w.reload(); code != http.StatusUnauthorized {
		t.Errorf("the token of before: %d", code)
	}
	if code := status("/metrics"); code != http.StatusOK {
		t.Errorf("open metrics again: %d", code)
	}
}
