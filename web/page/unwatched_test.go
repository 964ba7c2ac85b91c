package page_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/web"
	"github.com/sentinel-dq/sentinel/web/page"
)

// looking is what is known of tables that nobody watches, as a test sets it. It notes what it was
// asked for.
type looking struct {
	all []page.UnwatchedWarehouse
	off bool
	err error

	mu    sync.Mutex
	asked []string
}

func (l *looking) Known() ([]page.UnwatchedWarehouse, bool) { return l.all, !l.off }

func (l *looking) Look(_ context.Context, who string) error { return l.ask("look by " + who) }

func (l *looking) Propose(_ context.Context, t sentinel.Table, who string) error {
	return l.ask(t.String() + " by " + who)
}

func (l *looking) ask(what string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, what)
	return l.err
}

// manyUnwatched are tables in 40 schemas, each with a proposal.
func manyUnwatched(n int) *looking {
	w := page.UnwatchedWarehouse{Name: "shop", Read: noon, Relations: n, Count: n}
	for i := range n {
		w.Tables = append(w.Tables, page.UnwatchedTable{
			Table: table(i), Kind: "table", Rows: int64(i), Proposal: fmt.Sprintf("  - table: '%s'\n", table(i)),
		})
	}
	slices.SortFunc(w.Tables, func(a, b page.UnwatchedTable) int { return a.Table.Compare(b.Table) })
	return &looking{all: []page.UnwatchedWarehouse{w}}
}

// A viewer finds a table that nobody watches by name and schema, pages through all of them, and
// reads the proposal. What is watched by now is not listed. Nobody else sees any of it.
func TestUnwatchedTablesAreFound(t *testing.T) {
	t.Parallel()
	of := manyUnwatched(1000)
	s := serve(t, func(s *web.Server) { s.Unwatched = of })
	s.board.Configured([]agent.Dataset{configured(table(3), "ann")})
	viewer := http.Header{"Authorization": {"Bearer token-of-grafana"}}
	for path, want := range map[string]string{
		"/datasets/unwatched":                            "1 to 100 of 999",
		"/datasets/unwatched?q=0099":                     "1 to 11 of 11",
		"/datasets/unwatched?schema=schema_03":           "1 to 24 of 24",
		"/datasets/unwatched?schema=schema_04":           "25 tables",
		"/datasets/unwatched?sort=rows":                  ">shop.schema_39.table_00999</a>",
		"/datasets/unwatched?q=nothing":                  "No table is like that",
		"/datasets":                                      "Not watched",
		"/datasets/unwatched/proposal?of=" + name(4):     "  - table: &#39;" + name(4),
		"/datasets/unwatched/proposal?of=" + name(3):     "This table is watched by now.",
		"/datasets/unwatched?q=00042":                    "<pre data-copy tabindex=\"0\">  - table: &#39;shop.schema_02.table_00042&#39;",
		"/datasets/unwatched?warehouse=shop&q=table_001": "1 to 100 of 100",
	} {
		if status, body, _ := s.get(path, viewer); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d without %q", path, status, want)
		}
	}
	for path, want := range map[string]int{
		"/datasets/unwatched/proposal?of=shop.a.b": http.StatusNotFound, "/datasets/unwatched/proposal?of=x": http.StatusBadRequest,
	} {
		if status, body, _ := s.get(path, viewer); status != want {
			t.Errorf("%s: %d, want %d: %s", path, status, want, body)
		}
	}
	for _, path := range []string{"/datasets/unwatched", "/datasets/unwatched/proposal?of=" + name(4), "/api/v1/unwatched"} {
		if status, body, _ := s.get(path, nil); status == http.StatusOK {
			t.Errorf("%s is open to everybody: %s", path, body)
		}
	}
	seen := map[string]bool{}
	for after := ""; len(seen) < 2000; {
		var list page.UnwatchedList
		_, body, _ := s.get("/api/v1/unwatched?after="+url.QueryEscape(after), viewer)
		if err := json.Unmarshal([]byte(body), &list); err != nil || list.Found != 999 || len(list.Warehouses) != 1 {
			t.Fatal(err, body)
		}
		for _, one := range list.Tables {
			seen[one.Table.String()] = true
		}
		if after = list.After; after == "" {
			break
		}
	}
	if len(seen) != 999 || seen[name(3)] {
		t.Errorf("programs find %d", len(seen))
	}
	of.off = true
	_, body, _ := s.get("/datasets/unwatched", viewer)
	_, list, _ := s.get("/datasets", viewer)
	status, _, _ := s.get("/api/v1/unwatched", viewer)
	if !strings.Contains(body, "unwatched: off") || strings.Contains(list, "Not watched") || status != http.StatusNotFound {
		t.Errorf("off: %d, %s", status, body)
	}
}

func name(n int) string { return table(n).String() }

// An operator asks for another look, and for the rows of a table. A viewer does not.
func TestUnwatchedTablesAreAskedFor(t *testing.T) {
	t.Parallel()
	of := manyUnwatched(3)
	s := serve(t, func(s *web.Server) { s.Unwatched = of })
	p := s.open("/login?next=/datasets/unwatched")
	p.signedIn("ann", "token-of-oncall")
	p.click("Look again now")
	p.follow("table_00001")
	p.click("Read its rows")
	p.shows("by the catalog alone")
	if want := []string{"look by oncall for ann", name(1) + " by oncall for ann"}; !slices.Equal(of.asked, want) {
		t.Errorf("asked: %q, want %q", of.asked, want)
	}
	viewer := s.open("/login?next=/datasets/unwatched/proposal?of=" + name(1))
	viewer.signedIn("eve", "token-of-grafana")
	viewer.shows("Read its rows")
	if n := value[int](viewer, `document.querySelectorAll("main form[method=post]").length`); n > 0 {
		t.Errorf("a viewer has %d forms", n)
	}
	for _, path := range []string{"/datasets/unwatched/look", "/datasets/unwatched/proposal"} {
		resp, err := http.PostForm(s.url+path, url.Values{"of": {name(1)}})
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close() != nil || resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s without a login: %s", path, resp.Status)
		}
	}
	of.err = page.ErrUnwatchedOff
	if status, body := s.post("/datasets/unwatched/look", nil); status != http.StatusConflict || !strings.Contains(body, "unwatched: off") {
		t.Errorf("off: %d %s", status, body)
	}
}

// A text that is made to be copied has a button where there is a script.
func TestAProposalIsCopied(t *testing.T) {
	t.Parallel()
	s := serve(t, func(s *web.Server) { s.Unwatched = manyUnwatched(3) })
	p := s.open("/login?next=/datasets/unwatched/proposal?of=" + name(1))
	p.signedIn("eve", "token-of-grafana")
	p.click("Copy")
	p.until(`/^Copied|^Selected/.test(document.querySelector("button.copy").innerText)`)
}

// signedIn signs in on the form that is open.
func (t *tab) signedIn(name, token string) {
	t.Helper()
	t.write("name", name)
	t.write("token", token)
	t.click("Sign in")
	t.until(`!!document.querySelector(".user")`)
}
