package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/web/openapi/openapitest"
)

const apiConfig = `
listen: %s
token: tiger-tiger-tiger
jitter: 0s
warehouses: {shop: {dsn: %q, repair_dsn: %[2]q}}
defaults: {schedule: "@every 1s", timezone: UTC, owner: ann, tier: critical}
datasets:
  - table: shop.%[3]s.orders
    time_column: day
    samples: {columns: [id, country], limit: 3, mask: {country: hash}}
    slo: {objective: 99%%, window: 7d}
    tags: [pii, finance]
    checks:
      - row_count: {id: rows, bucket: day, fail: "< 1", anomaly: {}}
      - row_count: {id: by, by: [country], fail: "> 1"}
      - freshness: {id: fresh, fail: 1h}
      - failed_rows: {id: negative, expression: "amount < 0"}
      - schema: {id: drift}
      - sql: {id: broken, query: "SELECT nothing FROM nowhere", fail: "> 1"}
      - sql: {id: nan, query: "SELECT 'NaN'::float8", fail: "> 1"}
    repair:
      - on: [negative]
        sql: {do: ["UPDATE orders SET amount = 0 WHERE amount < 0"]}
        mode: plan
notify: {nobody: {webhook: {url: "http://127.0.0.1:1/"}}}
routes: [{tag: [fin*], to: [nobody], group_wait: 0s}, {to: []}]
`

// Every answer of a running agent, and every body that it takes, is as docs/openapi.json says.
func TestTheAgentAnswersAsDescribed(t *testing.T) {
	t.Parallel()
	database := testenv.NewDatabase(t, "postgres")
	database.Exec(t, "CREATE TABLE orders (id integer PRIMARY KEY, country text, amount integer, day date)",
		"INSERT INTO orders VALUES (1, 'DE', 1, current_date - 1), (2, 'DE', -2, current_date - 1), (3, NULL, 4, current_date - 2)")
	w := &way{T: t, dir: t.TempDir(), agent: freeAddress(t)}
	w.write("sentinel.yaml", fmt.Sprintf(apiConfig, w.agent, database.Warehouse, database.Schema))
	w.start("sentinel", "run", "-c", "sentinel.yaml")
	c := caller{w, openapitest.Read(t), map[string]bool{}}
	w.until("a baseline", func() bool { return strings.Contains(w.get(w.agent, "/api/v1/results?check=drift"), `"pass"`) })
	database.Exec(t, "ALTER TABLE orders ADD COLUMN note text")
	w.until("drift", func() bool { return strings.Contains(w.get(w.agent, "/api/v1/results?check=drift"), "column_added") })
	w.until("a plan", func() bool { return strings.Contains(w.get(w.agent, "/api/v1/repairs"), `"awaiting_approval"`) })
	idOf := func(path string) string {
		return regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(w.get(w.agent, path))[1]
	}
	incident, repair := idOf("/api/v1/incidents"), idOf("/api/v1/repairs")
	if !strings.Contains(w.get(w.agent, "/api/v1/incidents"), `"tags":["finance","pii"]`) ||
		!strings.Contains(w.get(w.agent, "/api/v1/datasets?tag=pii&state=fail"), `"found":1`) {
		t.Error("the tags are not in the answers")
	}
	w.until("the route by tag", func() bool { return strings.Contains(w.get(w.agent, "/metrics"), `channel="nobody"`) })

	const who = `"who": "ann", "why": "a test"`
	for _, r := range [][4]string{
		{"GET", "/api/v1/datasets"}, {"GET", "/api/v1/results"}, {"GET", "/api/v1/results", "?dataset=shop.*"}, {"GET", "/api/v1/incidents", "?all=1"},
		{"GET", "/api/v1/history", "?check=nan&metric=value"}, {"GET", "/api/v1/history", "?check=rows&metric=row_count&explain=1&limit=5"},
		{"GET", "/api/v1/history", "?check=none&metric=none"},
		{"GET", "/api/v1/budgets"}, {"GET", "/api/v1/unwatched"}, {"GET", "/api/v1/audit"}, {"GET", "/api/v1/report"},
		{"GET", "/api/v1/search/incidents", "?q=orders"}, {"GET", "/api/v1/search/repairs"},
		{"GET", "/api/v1/repairs"}, {"GET", "/api/v1/notifications/dead"}, {"GET", "/api/v1/openapi.json"},
		{"GET", "/-/healthy"}, {"GET", "/-/ready"}, {"GET", "/-/leader"}, {"GET", "/metrics"},
		{"GET", "/api/v1/incidents/{id}"}, {"GET", "/api/v1/incidents/{id}/samples"},
		{"POST", "/api/v1/incidents/{id}/{what}", "ack", "{" + who + "}"},
		{"POST", "/api/v1/silences", "", `{"dataset": "shop.*", "for": "1h", ` + who + `}`}, {"GET", "/api/v1/silences"},
		{"POST", "/api/v1/labels", "", `{"check": "rows", "from": "2026-01-31T06:00:00Z", "to": "2026-01-31T07:00:00Z", "exclude": true, ` +
			who + `}`},
		{"POST", "/api/v1/notifications/dead/{what}", "retry", `{"all": true, ` + who + `}`},
		{"POST", "/api/v1/repairs/{switch}", "off", "{" + who + "}"},
		{"POST", "/api/v1/repairs/{switch}", "on", "{" + who + "}"},
		{"POST", "/api/v1/repairs/{id}/{what}", "reject", "{" + who + "}"},
		{"POST", "/api/v1/alerts", "", `{"version": "4", "alerts": [{"status": "firing", "labels": {"alertname": "none"}}]}`},
		{"POST", "/-/reload"},
	} {
		id := incident
		if strings.Contains(r[1], "repairs") {
			id = repair
		}
		path := strings.NewReplacer("{id}", id, "{what}", r[2], "{switch}", r[2]).Replace(r[1])
		if strings.HasPrefix(r[2], "?") {
			path += r[2]
		}
		c.call(r[0], r[1], path, r[3])
	}
	id := idOf("/api/v1/silences")
	c.call("DELETE", "/api/v1/silences/{id}", "/api/v1/silences/"+id, "{"+who+"}")
	for _, o := range c.description.Operations() {
		switch {
		case c.called[o], strings.Contains(o, "/accept"), strings.Contains(o, "/baselines"): // the command line's tests have those
		default:
			t.Errorf("%s was not called", o)
		}
	}
}

// caller calls the agent and holds its answers against the description.
type caller struct {
	*way
	description *openapitest.Description
	called      map[string]bool
}

func (c caller) call(method, route, path, body string) string {
	c.Helper()
	r, err := http.NewRequestWithContext(c.Context(), method, "http://"+c.agent+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer tiger-tiger-tiger")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		c.Fatal(err)
	}
	c.called[method+" "+route] = true
	if resp.StatusCode != http.StatusOK {
		c.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
		return ""
	}
	if body != "" {
		if err := c.description.Body(method, route, []byte(body)); err != nil {
			c.Errorf("the body of %s %s: %v", method, route, err)
		}
	}
	if resp.Header.Get("Content-Type") == "application/json" && json.Valid(answer) && !strings.HasSuffix(route, ".json") {
		if err := c.description.Answer(method, route, answer); err != nil {
			c.Errorf("%s %s: %s\n%v", method, path, answer, err)
		}
	}
	return string(answer)
}
