package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/rules"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// TestFromStaleTableToResolvedAlert takes the whole way round, with a real
// Prometheus and a real Alertmanager: a table goes stale, the metric says so,
// the shipped alert fires, Alertmanager posts it to Sentinel, the configured
// repair runs, the check passes, and the alert resolves. It prints each hop.
func TestFromStaleTableToResolvedAlert(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := &way{T: t, dir: dir, agent: freeAddress(t), prometheus: freeAddress(t), alertmanager: freeAddress(t)}
	testenv.Exec(t, "sqlite", filepath.Join(dir, "shop.db"), "PRAGMA journal_mode=WAL",
		"CREATE TABLE orders (id INTEGER PRIMARY KEY, loaded_at TIMESTAMP)",
		"INSERT INTO orders (loaded_at) VALUES (datetime('now'))")
	w.write("sentinel.yaml", fmt.Sprintf(`
listen: %s
token: tiger
warehouses: {shop: {dsn: "sqlite:shop.db", repair_dsn: "sqlite:shop.db"}}
defaults: {schedule: "@every 1s", timezone: UTC, owner: ann, tier: critical}
datasets:
  - table: shop.main.orders
    time_column: loaded_at
    checks: [{freshness: {id: fresh, fail: 5s}}]
    repair:
      - on: alert.SentinelDatasetStale
        sql: {do: ["INSERT INTO orders (loaded_at) VALUES (datetime('now', '+5 minutes', '-1 second'))"]}
        mode: auto
`, w.agent))
	w.write("alertmanager.yml", fmt.Sprintf(`
route: {receiver: sentinel, group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers: [{name: sentinel, webhook_configs: [{url: "http://%s/api/v1/alerts", http_config: {authorization: {credentials: tiger}}}]}]
`, w.agent))
	w.write("prometheus.yml", fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [sentinel.rules.yaml]
alerting: {alertmanagers: [{static_configs: [{targets: ["%s"]}]}]}
scrape_configs: [{job_name: sentinel, static_configs: [{targets: ["%s"]}]}]
`, w.alertmanager, w.agent))
	shipped, err := rules.Files.ReadFile("sentinel.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w.write("sentinel.rules.yaml", strings.ReplaceAll(string(shipped), "for: 1m", "for: 1s")) // people wait longer

	w.start("sentinel", "run", "-c", "sentinel.yaml")
	w.start("prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=am",
		"--web.listen-address="+w.alertmanager, "--cluster.listen-address=", "--log.level=error")
	w.start("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb",
		"--web.listen-address="+w.prometheus, "--rules.alert.resend-delay=1s", "--log.level=error")

	const status = `sentinel_check_status{warehouse="shop",dataset="main.orders",check="fresh",kind="freshness"} `
	w.until("the table is fresh", func() bool { return strings.Contains(w.get(w.agent, "/metrics"), status+"0") })
	w.begin("goes stale")
	w.until("metric", func() bool { return strings.Contains(w.get(w.agent, "/metrics"), status+"2") })
	w.until("alert fires", func() bool { return w.alertState() == "firing" })
	w.until("alertmanager", func() bool {
		return strings.Contains(w.get(w.alertmanager, "/api/v2/alerts"), "SentinelDatasetStale")
	})
	w.until("repair", func() bool { return w.repaired() })
	w.until("check passes", func() bool { return strings.Contains(w.get(w.agent, "/metrics"), status+"0") })
	w.until("alert resolves", func() bool { return w.alertState() == "" })
	t.Log(w.log.String())
}

// way is the servers of one test and what happened when.
type way struct {
	*testing.T
	dir, agent, prometheus, alertmanager string

	environment []string // of programs, beside that of the test
	stderr      *os.File // of programs; nil: it is shown when the test fails

	last time.Time
	log  strings.Builder
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	return l.Addr().String()
}

func (w *way) write(name, text string) {
	w.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
}

// start runs a program until the test ends; sentinel is the test binary itself.
func (w *way) start(name string, args ...string) {
	w.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = w.dir
	if name == "sentinel" {
		cmd = w.command(args...)
	}
	cmd.Env = append(os.Environ(), w.environment...)
	var said strings.Builder
	cmd.Stderr = &said
	if w.stderr != nil {
		cmd.Stderr = w.stderr
	}
	if err := cmd.Start(); err != nil {
		w.Fatalf("%v: install it with `make deps`", err)
	}
	w.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			w.Error(err)
		}
		if err := cmd.Wait(); w.Failed() {
			w.Logf("%s: %v\n%s", name, err, said.String())
		}
	})
}

func (w *way) begin(what string) {
	w.last = time.Now()
	fmt.Fprintf(&w.log, "%-16s", what)
}

// until waits for a hop and notes how long it took.
func (w *way) until(what string, met func() bool) {
	w.Helper()
	for deadline := time.Now().Add(90 * time.Second); !met(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("gave up waiting for: %s; until then:\n%s", what, w.log.String())
		}
	}
	if !w.last.IsZero() {
		fmt.Fprintf(&w.log, "\n%-16s after %5.1f s", what, time.Since(w.last).Seconds())
		w.last = time.Now()
	}
}

// get answers "" while the server does not.
func (w *way) get(address, path string) string {
	resp, err := http.Get("http://" + address + path)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return ""
	}
	return string(body)
}

func (w *way) alertState() string {
	var answer struct {
		Data struct {
			Alerts []struct {
				Labels map[string]string
				State  string
			}
		}
	}
	if err := json.Unmarshal([]byte(w.get(w.prometheus, "/api/v1/alerts")), &answer); err != nil {
		return "?"
	}
	for _, a := range answer.Data.Alerts {
		if a.Labels["alertname"] == "SentinelDatasetStale" {
			return a.State
		}
	}
	return ""
}

func (w *way) repaired() bool {
	s, err := store.OpenReader(w.Context(), "sqlite:"+filepath.Join(w.dir, "sentinel.db"))
	if err != nil {
		return false
	}
	defer func() {
		if err := s.Close(); err != nil {
			w.Error(err)
		}
	}()
	found, err := s.Repairs(context.Background(), store.RepairFilter{State: sentinel.RepairSucceeded})
	return err == nil && len(found) > 0
}
