package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// texts collects what receivers were sent, by path.
type texts struct {
	mu   sync.Mutex
	sent map[string]string
}

func (r *texts) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent[q.URL.Path] += string(body)
}

func (r *texts) of(path string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sent[path]
}

// No value of a column that is not listed is in any byte of the state, the log, notices,
// metrics, the page or the API. A listed value is in the state alone, until somebody forgets
// it; keys and masked values are in notices of routes that say so.
func TestSamplesTellNoMoreThanIsListed(t *testing.T) {
	t.Parallel()
	for _, dialect := range warehouse.Dialects() {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			testSamples(t, dialect)
		})
	}
}

const samplesConfig = `
listen: %s
token: tiger-tiger-tiger
jitter: 0s
warehouses: {shop: {dsn: %q}}
defaults: {schedule: "@every 1s", timezone: UTC, owner: ann, tier: critical}
datasets:
  - table: shop.%s.orders
    samples: {columns: [id, listed, masked], limit: 3, mask: {masked: hash}}
    columns: {note: [not_null], listed: [{accepted_values: [good]}]}
    checks:
      - row_count > 0
      - failed_rows: {id: expression, expression: "amount < 0"}
      - failed_rows: {id: query, query: "SELECT * FROM orders WHERE amount < 0"}
      - failed_rows: {id: none, expression: "amount < 0", samples: null}
      - invalid: {id: by, column: amount, min: 0, by: [country], min_rows: 0}
      - invalid: {id: number, column: masked, pattern: "^good$", fail: "> 10%%"}
notify:
  quiet: {webhook: {url: "%[4]s/quiet"}}
  told: {webhook: {url: "%[4]s/told"}}
  words: {slack: {webhook_url: "%[4]s/words"}}
routes: [{to: [quiet], group_wait: 0s, continue: true}, {to: [told, words], group_wait: 0s, samples: true}]
`

func testSamples(t *testing.T, dialect string) {
	dir := t.TempDir()
	received := &texts{sent: map[string]string{}}
	receiver := httptest.NewServer(received)
	defer receiver.Close()
	database := testenv.NewDatabase(t, dialect)
	database.Exec(t, `CREATE TABLE orders (id integer NOT NULL PRIMARY KEY, listed varchar(40), masked varchar(40),
note varchar(40), country varchar(40), amount integer)`,
		"INSERT INTO orders VALUES (4711001, 'good', 'good', 'good', 'DE', 1), (4711002, 'good', 'good', 'good', 'DE', 1)")
	w := &way{T: t, dir: dir, agent: freeAddress(t)}
	w.write("sentinel.yaml", fmt.Sprintf(samplesConfig, w.agent, database.Warehouse, database.Schema, receiver.URL))
	said, err := os.Create(filepath.Join(dir, "said.txt"))
	if err != nil {
		t.Fatal(err)
	}
	w.stderr = said
	w.start("sentinel", "run", "-c", "sentinel.yaml", "--log-level", "debug")
	w.until("all checks pass", func() bool { return strings.Count(w.get(w.agent, "/api/v1/results"), `"status":"pass"`) == 8 })
	database.Exec(t, "UPDATE orders SET listed = 'ListedCanary', masked = 'MaskedCanary', amount = -7654321 WHERE id = 4711002",
		"UPDATE orders SET note = 'NoteCanary' WHERE id = 4711001")
	w.until("two notices", func() bool {
		return received.of("/quiet") != "" && received.of("/told") != "" && received.of("/words") != ""
	})
	w.until("seen again", func() bool { return !strings.Contains(w.get(w.agent, "/api/v1/incidents"), `"ticks":1,`) })
	state := func() string { return w.read("sentinel.db") + w.read("sentinel.db-wal") }
	id := regexp.MustCompile(`"id":"(\w+)"`).FindStringSubmatch(w.get(w.agent, "/api/v1/incidents"))[1]
	public := w.read("said.txt") + w.get(w.agent, "/metrics") + w.get(w.agent, "/") + w.get(w.agent, "/api/v1/results") +
		w.get(w.agent, "/api/v1/incidents") + w.get(w.agent, "/incidents/"+id) + w.get(w.agent, "/api/v1/incidents/"+id+"/samples") +
		w.get(w.agent, "/api/v1/history?check=expression") + received.of("/quiet")
	told := received.of("/told") + received.of("/words")
	kept := w.samples(id)
	if strings.Count(kept, "ListedCanary") != 5 || strings.Count(kept, "4711002") != 5 || strings.Contains(kept, "-7654321") {
		t.Errorf("the state has\n%s", kept)
	}
	for what, text := range map[string]string{"state": state(), "public": public, "notices": told} {
		for _, canary := range []string{"MaskedCanary", "NoteCanary", "7654321"} {
			if strings.Contains(text, canary) {
				t.Errorf("%s: found %s", what, canary)
			}
		}
	}
	for what, text := range map[string]string{"public": public, "notices": told} {
		if strings.Contains(text, "ListedCanary") || what == "public" && strings.Contains(text, "4711002") {
			t.Errorf("%s: found a listed value", what)
		}
	}
	if !regexp.MustCompile(`id = 4711002, masked = [0-9a-f]{12} \(hash\)`).MatchString(told) {
		t.Errorf("notices tell no keys: %s", told)
	}
	if page := w.getAs("tiger-tiger-tiger", "/incidents/"+id); strings.Count(page, "ListedCanary") != 5 {
		t.Errorf("the page: %s", page)
	}
	if !strings.Contains(state(), "ListedCanary") {
		t.Error("the state has no listed value")
	}
	if out, err := w.command("incidents", "forget", id, "--why", "test").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if strings.Contains(state(), "ListedCanary") || w.samples(id) != "" {
		t.Error("what was forgotten is in the state")
	}
}

// samples are those that the state has of an incident.
func (w *way) samples(incident string) (lines string) {
	w.Helper()
	s, err := store.OpenReader(w.Context(), "sqlite:"+filepath.Join(w.dir, "sentinel.db"))
	if err != nil {
		w.Fatal(err)
	}
	list, err := s.Samples(w.Context(), incident)
	if err != nil {
		w.Fatal(err)
	}
	if err := s.Close(); err != nil {
		w.Fatal(err)
	}
	for _, sample := range list {
		lines += sample.Check + ": " + sample.Note + strings.Join(sample.Lines(), "\n") + "\n"
	}
	return lines
}

// read returns a file; "" if there is none.
func (w *way) read(name string) string {
	w.Helper()
	data, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil && !os.IsNotExist(err) {
		w.Fatal(err)
	}
	return string(data)
}

// getAs sends a token.
func (w *way) getAs(token, path string) string {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), http.MethodGet, "http://"+w.agent+path, http.NoBody)
	if err != nil {
		w.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	return string(body)
}
