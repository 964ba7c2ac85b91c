package web_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/report"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/web"
	"github.com/sentinel-dq/sentinel/web/openapi/openapitest"
	"github.com/sentinel-dq/sentinel/web/page"
)

// searched is an API with a past.
type searched struct {
	*testing.T
	api   http.Handler
	store *store.Store
}

func newSearched(t *testing.T) *searched {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "s.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	clock := sentinel.ClockFunc(func() time.Time { return at })
	var b store.Batch
	for day := range 450 {
		name := []string{"orders", "payments"}[day%2]
		table := sentinel.Table{Warehouse: "shop", Schema: "main", Name: name}
		i := sentinel.Incident{
			ID: at.AddDate(0, 0, -day).Format("i20060102"), Table: table, State: sentinel.Resolved, Severity: sentinel.Fail,
			Owner: "team", Opened: at.AddDate(0, 0, -day), Updated: at,
		}
		i.Resolved = i.Opened.Add(time.Hour)
		b.Incidents = append(b.Incidents, i)
		b.Audit = append(b.Audit, store.AuditEntry{At: i.Resolved, Actor: "ann", What: "incident.ack", Subject: i.ID})
	}
	if _, err := s.Record(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	server := &web.Server{
		Store: s, Agent: agentOf(clock), Clock: clock, Board: page.NewBoard(clock),
		Access: access.Access{Tokens: []access.Token{
			{Name: "grafana", Role: access.Viewer, Text: sentinel.NewSecret("token-of-grafana")},
		}},
	}
	return &searched{t, server.Handler(), s}
}

func agentOf(clock sentinel.Clock) web.Agent { return agent.New(agent.Config{Clock: clock}) }

// get asks for a path, as a viewer or as anybody. The answer must be as the API describes it.
func (s *searched) get(path, token string, into any) (status int) {
	s.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:9780"+path, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	if w.Code == http.StatusOK {
		if err := openapitest.Read(s.T).Answer("GET", r.URL.Path, w.Body.Bytes()); err != nil {
			s.Errorf("%s: %v", path, err)
		}
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			s.Errorf("%s: %v", path, err)
		}
	}
	return w.Code
}

// Programs read all that a search finds, in parts, each once and the newest first.
func TestSearches(t *testing.T) {
	t.Parallel()
	s := newSearched(t)
	const viewer = "token-of-grafana"
	seen := map[string]bool{}
	last := ""
	for after, parts := "", 0; parts == 0 || after != ""; parts++ {
		var found page.IncidentsFound
		if code := s.get("/api/v1/search/incidents?q=ORD&after="+url.QueryEscape(after), "", &found); code != http.StatusOK || parts > 2 {
			t.Fatal(code, parts)
		}
		for _, i := range found.Incidents {
			if seen[i.ID] || last != "" && i.ID >= last || i.Table.Name != "orders" {
				t.Errorf("%s of %s after %s", i.ID, i.Table, last)
			}
			seen[i.ID], last = true, i.ID
		}
		after = found.After
	}
	if len(seen) != 225 {
		t.Errorf("%d incidents are found", len(seen))
	}
	var found page.IncidentsFound
	s.get("/api/v1/search/incidents?from=2026-11-01&to=2026-11-10&severity=fail", "", &found)
	if len(found.Incidents) != 10 || found.After != "" {
		t.Errorf("of ten days: %d", len(found.Incidents))
	}
	s.get("/api/v1/search/incidents?who=ann&q=payments&to=2026-11-10", viewer, &found)
	if len(found.Incidents) == 0 {
		t.Error("by who has decided: none")
	}
	seq := int64(0)
	for after, n := "", 0; n == 0 || after != ""; n++ {
		var log page.AuditFound
		if code := s.get("/api/v1/audit?what=incident.&after="+after, viewer, &log); code != http.StatusOK || n > 3 {
			t.Fatal(code, n)
		}
		for _, e := range log.Entries {
			if seq != 0 && e.Seq != seq-1 || e.Actor != "ann" || e.Hash == "" {
				t.Errorf("%+v after %d", e, seq)
			}
			seq = e.Seq
		}
		if after = log.After; log.Last != 450 || log.First != 1 {
			t.Errorf("the log is from %d to %d", log.First, log.Last)
		}
	}
	if seq != 1 {
		t.Errorf("the last entry is %d", seq)
	}
	var month report.Document
	if s.get("/api/v1/report?month=2026-10", "", &month); month.Total.Incidents != 31 || len(month.Datasets) != 2 {
		t.Errorf("%+v", month)
	}
	var repairs page.RepairsFound
	if code := s.get("/api/v1/search/repairs?action=alter", "", &repairs); code != http.StatusOK || len(repairs.Repairs) > 0 {
		t.Errorf("%d, %+v", code, repairs)
	}
}

// What is not for everybody is refused, and so is what cannot be read.
func TestSearchesAreRefused(t *testing.T) {
	t.Parallel()
	s := newSearched(t)
	const viewer = "token-of-grafana"
	for _, c := range []struct {
		path, token string
		want        int
	}{
		{"/api/v1/audit", "", http.StatusUnauthorized}, {"/api/v1/audit", viewer, http.StatusOK},
		{"/api/v1/search/incidents?who=ann", "", http.StatusForbidden}, {"/api/v1/search/repairs?who=ann", "", http.StatusForbidden},
		{"/api/v1/search/repairs?who=ann", viewer, http.StatusOK},
		{"/api/v1/search/incidents?from=yesterday", "", http.StatusBadRequest},
		{"/api/v1/search/incidents?after=x", "", http.StatusBadRequest},
		{"/api/v1/search/repairs?after=.", "", http.StatusBadRequest}, {"/api/v1/audit?after=0", viewer, http.StatusBadRequest},
		{"/api/v1/report?month=2026-13", "", http.StatusBadRequest}, {"/api/v1/report?month=2027-01", "", http.StatusBadRequest},
	} {
		if got := s.get(c.path, c.token, new(any)); got != c.want {
			t.Errorf("%s: %d, want %d", c.path, got, c.want)
		}
	}
}
