package app_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/testenv"
)

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
	reload := func() int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+w.agent+"/-/reload", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer tiger")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode
	}
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
