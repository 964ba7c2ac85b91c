package page_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/docs"
	"github.com/sentinel-dq/sentinel/testenv"
)

// statements is how many statements the agent has sent to its warehouse, by its own metric: every
// session counts, those of repairs too.
func (s *site) statements() int {
	s.Helper()
	_, body, _ := s.get("/metrics", nil)
	found := regexp.MustCompile(`(?m)^sentinel_warehouse_statements_total\{warehouse="shop"\} (\S+)$`).FindStringSubmatch(body)
	if found == nil {
		s.Fatal("the agent does not count statements")
	}
	n, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		s.Fatal(err)
	}
	return int(n)
}

// rest makes the agent check once a year from now on, and waits until what runs has ended.
func (s *shop) rest() {
	s.Helper()
	text, err := os.ReadFile(s.file("sentinel.yaml"))
	if err != nil {
		s.Fatal(err)
	}
	rare := strings.ReplaceAll(string(text), "@every 5s", "@every 8760h")
	if err := os.WriteFile(s.file("sentinel.yaml"), []byte(rare), 0o600); err != nil {
		s.Fatal(err)
	}
	r, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.url+"/-/reload", nil)
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer token-of-root-1234")
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.Fatal(err)
	}
	if resp.Body.Close() != nil || resp.StatusCode != http.StatusOK {
		s.Fatal(resp.Status)
	}
	for last, same := s.statements(), 0; same < 200; {
		if n := s.statements(); n == last {
			same++
		} else {
			last, same = n, 0
		}
	}
}

// readable are the addresses of the API that are read, with the parts that a test knows.
func readable(t *testing.T, parts map[string]string) (paths []string) {
	t.Helper()
	data, err := docs.Files.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var api struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(data, &api); err != nil {
		t.Fatal(err)
	}
	for path, methods := range api.Paths {
		if methods["get"] == nil {
			continue
		}
		for name, value := range parts {
			path = strings.ReplaceAll(path, "{"+name+"}", value)
		}
		if strings.Contains(path, "{") {
			t.Errorf("%s: no value is known", path)
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// A running agent with an incident and a repair sends no statement to its warehouse because of
// what is read: not of a page, of any template, nor of the API. Only the page of the statements of
// an incident reads the catalog.
func TestPagesAskNoWarehouse(t *testing.T) {
	t.Parallel()
	s := startShop(t)
	viewer := http.Header{"Authorization": {"Bearer token-of-grafana"}}
	p := s.as("eve", "token-of-grafana", "/incidents")
	p.follow("Open")
	p.until(`location.pathname.startsWith("/incidents/")`)
	incident := value[string](p, "location.pathname")
	p.visit(s.url + "/repairs")
	p.follow("Review")
	p.until(`location.pathname.startsWith("/repairs/")`)
	repair := value[string](p, "location.pathname")
	s.rest()
	p.visit(s.url + "/datasets/unwatched")
	p.shows("1 of 3 tables is not watched")
	testenv.Exec(t, "sqlite", s.file("shop.db"), "CREATE TABLE later (id INTEGER)") // nobody looks for it

	paths := []string{
		"/", "/datasets", "/datasets?q=o&sort=oldest&tag=x", "/datasets/shop/main/orders", "/datasets/shop/main/orders?days=30",
		"/datasets/shop/main/customers", "/datasets/shop/main/orders/series?check=rows&days=30", "/datasets/shop/main/nothing",
		"/datasets/unwatched", "/datasets/unwatched?q=k&sort=rows", "/datasets/unwatched/proposal?of=" + url.QueryEscape("shop.main.kept"),
		"/datasets/unwatched/proposal?of=" + url.QueryEscape("shop.main.later"), "/incidents", incident, "/repairs", repair,
		"/silences", "/lineage", "/lineage?of=shop.main.orders", "/history", "/history?q=orders&who=ann", "/history/repairs",
		"/history/audit", "/history/report", "/docs", "/docs/page.md", "/login",
	}
	paths = append(paths, readable(t, map[string]string{"id": strings.TrimPrefix(incident, "/incidents/")})...)
	shown := map[string]bool{}
	begin := s.statements()
	if begin == 0 {
		t.Fatal("the agent has sent nothing")
	}
	for _, path := range paths {
		status, body, _ := s.get(path, viewer)
		if status >= 500 {
			t.Errorf("%s: %d %s", path, status, body)
		}
		if n := s.statements(); n != begin {
			t.Errorf("%s sends %d statements to the warehouse", path, n-begin)
			begin = n
		}
		shown[strings.SplitN(path, "?", 2)[0]] = true
	}
	if s.get(incident+"/statements", viewer); s.statements() == begin {
		t.Error("the page of the statements reads no catalog, so that the count may be wrong")
	}
	s.everyScreen(shown)
}

// everyScreen holds a list of addresses to the templates that there are.
func (s *shop) everyScreen(shown map[string]bool) {
	s.Helper()
	files, err := os.ReadDir("templates")
	if err != nil {
		s.Fatal(err)
	}
	w := map[string]string{
		"unwatched.html": "/datasets/unwatched", "proposal.html": "/datasets/unwatched/proposal", "overview.html": "/",
		"history_audit.html": "/history/audit", "history_report.html": "/history/report", "history_repairs.html": "/history/repairs",
		"dataset.html": "/datasets/shop/main/orders", "doc.html": "/docs/page.md",
	}
	for _, f := range files {
		name := f.Name()
		if name == "layout.html" || name == "message.html" || name == "statements.html" || strings.HasPrefix(name, "part_") {
			continue
		}
		path := w[name]
		if path == "" {
			path = "/" + strings.TrimSuffix(name, ".html")
		}
		found := shown[path] || slices.ContainsFunc(slices.Collect(maps.Keys(shown)), func(p string) bool {
			return strings.HasPrefix(p, path+"s/")
		})
		if !found {
			s.Errorf("no address of %s is read", name)
		}
	}
}
