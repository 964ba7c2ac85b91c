package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sentinel-dq/sentinel/testenv"
)

// notified collects what receivers of notices were sent.
type notified struct {
	mu    sync.Mutex
	pages []struct {
		Action string `json:"event_action"`
		Key    string `json:"dedup_key"`
	}
	notices []struct {
		Kind      string `json:"kind"`
		Title     string `json:"title"`
		Incidents []struct {
			Findings []struct {
				Check string `json:"check"`
			} `json:"findings"`
		} `json:"incidents"`
	}
}

func (n *notified) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var err error
	if r.URL.Path == "/pages" {
		n.pages = append(n.pages, struct {
			Action string `json:"event_action"`
			Key    string `json:"dedup_key"`
		}{})
		err = json.NewDecoder(r.Body).Decode(&n.pages[len(n.pages)-1])
	} else {
		n.notices = slices.Grow(n.notices, 1)[:len(n.notices)+1]
		err = json.NewDecoder(r.Body).Decode(&n.notices[len(n.notices)-1])
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

func (n *notified) counts() (pages, notices int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.pages), len(n.notices)
}

// A table that loses its rows is one incident, one notice and one page, whichever checks
// see it. Its end is one, too.
func TestATableThatLosesItsRowsIsOneIncident(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	received := &notified{}
	receiver := httptest.NewServer(received)
	defer receiver.Close()
	w := &way{T: t, dir: dir, agent: freeAddress(t)}
	file := filepath.Join(dir, "shop.db")
	testenv.Exec(t, "sqlite", file, "PRAGMA journal_mode=WAL",
		"CREATE TABLE orders (id INTEGER PRIMARY KEY, loaded_at TIMESTAMP)",
		`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
INSERT INTO orders (loaded_at) SELECT datetime('now', '-' || (i * 30) || ' minutes') FROM n`,
		"CREATE TABLE kept AS SELECT * FROM orders")
	w.write("sentinel.yaml", fmt.Sprintf(`
listen: %s
token: tiger
jitter: 0s
warehouses: {shop: {dsn: "sqlite:shop.db"}}
defaults: {schedule: "@every 1s", timezone: UTC, owner: ann, tier: critical}
datasets:
  - table: shop.main.orders
    time_column: loaded_at
    checks:
      - row_count: {id: rows, fail: "< 1"}
      - freshness: {id: fresh, fail: 2h}
      - row_count: {id: day, bucket: day, anomaly: {}}
      - sql: {id: distinct, query: "SELECT count(DISTINCT id) FROM orders", fail: "< 10"}
notify:
  pager: {pagerduty: {routing_key: r, url: "%[2]s/pages"}}
  hook: {webhook: {url: "%[2]s/notices"}}
routes: [{to: [pager, hook], group_wait: 0s}]
`, w.agent, receiver.URL))
	w.start("sentinel", "run", "-c", "sentinel.yaml")
	w.until("all checks pass", func() bool {
		return strings.Count(w.get(w.agent, "/api/v1/results"), `"status":"pass"`) == 4
	})
	testenv.Exec(t, "sqlite", file, "DELETE FROM orders")
	var open []struct {
		Ticks    int `json:"ticks"`
		Findings []struct {
			Check string `json:"check"`
		} `json:"findings"`
	}
	w.until("all checks see it, twice", func() bool {
		if err := json.Unmarshal([]byte(w.get(w.agent, "/api/v1/incidents")), &open); err != nil {
			t.Fatal(err)
		}
		return len(open) > 0 && open[0].Ticks > 2 && len(open[0].Findings) == 4
	})
	if len(open) != 1 {
		t.Errorf("%d incidents are open", len(open))
	}
	w.until("it is reported", func() bool { pages, notices := received.counts(); return pages > 0 && notices > 0 })
	testenv.Exec(t, "sqlite", file, "INSERT INTO orders SELECT * FROM kept")
	w.until("it ends", func() bool { return strings.TrimSpace(w.get(w.agent, "/api/v1/incidents")) == "[]" })
	w.until("its end is reported", func() bool { pages, notices := received.counts(); return pages > 1 && notices > 1 })
	received.mu.Lock()
	defer received.mu.Unlock()
	if p := received.pages; len(p) != 2 || p[0].Action != "trigger" || p[1].Action != "resolve" || p[0].Key != p[1].Key {
		t.Errorf("pages %+v", p)
	}
	n := received.notices
	if len(n) != 2 || n[0].Kind != "opened" || n[1].Kind != "recovered" || len(n[0].Incidents) != 1 ||
		len(n[0].Incidents[0].Findings) != 4 || !strings.Contains(n[0].Title, "(and 3 more findings)") {
		t.Errorf("notices %+v", n)
	}
}
