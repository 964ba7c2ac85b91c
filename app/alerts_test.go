package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/rules"
	"github.com/sentinel-dq/sentinel/testenv"
)

// TestAlertsOnARealPrometheus scrapes two agents with a real Prometheus and the shipped
// rules, whose waits are five seconds. One agent watches tables that are well, and is
// reloaded: none of its alerts ever fires. The other one has all from its first events.
func TestAlertsOnARealPrometheus(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := &way{T: t, dir: dir, agent: freeAddress(t), prometheus: freeAddress(t)}
	sick := freeAddress(t)
	testenv.Exec(t, "sqlite", filepath.Join(dir, "shop.db"), "PRAGMA journal_mode=WAL",
		"CREATE TABLE orders (id INTEGER PRIMARY KEY, at TIMESTAMP)", "CREATE TABLE empty (id INTEGER PRIMARY KEY)",
		"INSERT INTO orders (at) VALUES (datetime('now'))")
	const common = `
token: tiger
state: %q
listen: %s
warehouses: {shop: {dsn: "sqlite:shop.db", repair_dsn: "sqlite:shop.db"}}
defaults: {schedule: "@every 1s", timezone: UTC}
datasets:
`
	well := fmt.Sprintf(common, "sqlite:well.db", w.agent) + `
  - table: shop.main.orders
    time_column: at
    checks: [{freshness: {fail: 2h}}, row_count > 0, schema, {row_count: {id: nightly, fail: "< 1", schedule: "0 3 * * *"}}]
`
	w.write("sentinel.yaml", well)
	w.write("sick.yaml", fmt.Sprintf(common, "sqlite:sick.db", sick)+`
  - table: shop.main.empty
    checks: [{row_count: {id: rows, fail: "< 1"}}]
    repair: [{on: [row_count], exec: {command: [/bin/false]}, mode: auto, attempts: 1}]
  - {table: shop.main.orders, checks: [{sql: {id: broken, query: SELECT n FROM nowhere, fail: "> 0"}}]}
`)
	w.write("prometheus.yml", fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [sentinel.rules.yaml, sentinel_slo.rules.yaml]
scrape_configs:
  - {job_name: sentinel, static_configs: [{targets: ["%s"]}]}
  - {job_name: sentinel-sick, static_configs: [{targets: ["%s"]}]}
`, w.agent, sick))
	for _, name := range []string{"sentinel.rules.yaml", "sentinel_slo.rules.yaml"} {
		text, err := rules.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		w.write(name, regexp.MustCompile(`for: \d+[mhd]`).ReplaceAllString(string(text), "for: 5s"))
	}
	w.start("sentinel", "run", "-c", "sentinel.yaml")
	w.start("sentinel", "run", "-c", "sick.yaml")
	w.until("both agents serve", func() bool {
		return w.get(w.agent, "/-/ready") != "" && w.get(sick, "/-/ready") != ""
	})
	w.start("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb",
		"--web.listen-address="+w.prometheus, "--log.level=error")
	want := []string{"SentinelCheckCannotLook", "SentinelDeadLetters", "SentinelRepairsFailing", "SentinelRowCountBad"}
	w.until("the alerts of the sick one fire", func() bool { return slices.Equal(w.fired("sentinel-sick"), want) })
	for n := range 3 {
		w.write("sentinel.yaml", well+fmt.Sprintf("  - {table: shop.main.empty, checks: [{row_count: {id: n%d, warn: \"> 9\"}}]}\n", n))
		if code, body := w.reload(); code != http.StatusOK {
			t.Fatalf("a reload: %d %s", code, body)
		}
		w.until("the new check is scraped", func() bool {
			return w.query(fmt.Sprintf(`count(last_over_time(sentinel_check_status{check="n%d"}[1m]))`, n)) != nil
		})
	}
	const minutes = `min_over_time(sum(up)[20s:1s]) == 2 and count_over_time(sum(up)[1m:1s]) > 19`
	w.until("both are scraped for long enough", func() bool { return w.query(minutes) != nil })
	if alerts := w.fired("sentinel"); len(alerts) > 0 {
		t.Errorf("alerts of the agent whose tables are well: %v", alerts)
	}
	if alerts := w.fired("sentinel-sick"); !slices.Equal(alerts, want) {
		t.Errorf("alerts of the sick one: %v, want %v", alerts, want)
	}
}

// fired returns the alerts of a job that have ever fired.
func (w *way) fired(job string) (alerts []string) {
	const query = `group by (alertname) (count_over_time(ALERTS{alertstate="firing",job=%q}[1h]))`
	for _, labels := range w.query(fmt.Sprintf(query, job)) {
		alerts = append(alerts, labels["alertname"])
	}
	slices.Sort(alerts)
	return alerts
}

// query returns the labels of all series that Prometheus finds; nil for none.
func (w *way) query(expr string) (found []map[string]string) {
	var answer struct {
		Data struct {
			Result []struct{ Metric map[string]string }
		}
	}
	text := w.get(w.prometheus, "/api/v1/query?query="+url.QueryEscape(strings.TrimSpace(expr)))
	if json.Unmarshal([]byte(text), &answer) != nil {
		return nil // it does not answer yet
	}
	for _, r := range answer.Data.Result {
		found = append(found, r.Metric)
	}
	return found
}
