package page_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/web"
)

// as opens a tab in which the holder of a token has signed in.
func (s *site) as(name, token, path string) *tab {
	p := s.open("/login?next=" + path)
	p.do(chromedp.SetValue("#name", name), chromedp.SetValue("#token", token), chromedp.Click("main button"))
	p.until(`!!document.querySelector(".user")`)
	return p
}

// ended records incidents that have ended, one a day back from noon.
func (s *site) ended(n int) {
	s.Helper()
	var b store.Batch
	for day := range n {
		i := incident(table(day%7), fmt.Sprintf("%d rows", day))
		i.ID = fmt.Sprintf("e%03d", day)
		i.State, i.Opened = sentinel.Resolved, noon.AddDate(0, 0, -day)
		i.Resolved, i.Owner = i.Opened.Add(time.Hour), fmt.Sprintf("team-%d", day%3)
		i.Findings[0].Opened, i.Findings[0].Resolved = i.Opened, i.Resolved
		if day%5 == 0 {
			i.Severity, i.Findings[0].Severity = sentinel.Warn, sentinel.Warn
		}
		b.Incidents = append(b.Incidents, i)
	}
	s.record(b)
}

// Somebody finds incidents of long ago by their dataset, their days, who decided and how bad they
// were, on pages, and each search has an address. Reading needs no script, and no login but for who decided.
func TestTheHistoryIsSearched(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.fill(10)
	s.ended(120)
	for _, id := range []string{"e010", "e017"} {
		e := store.AuditEntry{At: noon, Actor: "oncall for Ann", What: "incident.ack", Subject: id}
		if err := s.store.AppendAudit(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	p := s.as("eve", "token-of-grafana", "/history")
	p.shows("Older")
	const rows = `document.querySelectorAll(".hist tbody a.name").length`
	if n := value[int](p, rows); n != 50 {
		t.Errorf("the first page has %d rows", n)
	}
	p.follow("Older")
	p.shows("Newest")
	p.write("q", "TABLE_00003")
	p.write("who", "ann")
	p.click("Search")
	p.until(rows + ` === 2 && location.search.includes("who=ann")`)
	p.write("who", "")
	p.write("from", "2026-11-10")
	p.write("to", "2026-11-10")
	p.click("Search")
	p.until(rows + ` === 1 && document.querySelector(".hist a.name").pathname === "/incidents/e017"`)
	p.visit(s.url + "/history")
	p.do(chromedp.Click(`.pill[href*="warn"]`))
	p.until(rows + ` === 24 && location.search === "?severity=warn"`)
	for path, want := range map[string]int{
		"/history?from=yesterday": 400, "/history?after=x": 400, "/history/repairs?after=.": 400, "/history?to=2026-13-01": 400,
		"/history/report?month=2026-13": 400, "/history/report?month=2027-01": 400, "/history/report?month=2026-10": 200,
		"/history?q=%25&kind=x&owner=%27": 200, "/history/repairs": 200,
	} {
		if status, body, _ := s.get(path, nil); status != want {
			t.Errorf("%s: %d, want %d: %s", path, status, want, body)
		}
	}
}

// Who has decided is for whoever has signed in, as the audit log is. Others find and see nothing of it.
func TestWhoDecidedIsForWhoeverIsKnown(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.ended(3)
	label := store.Label{Check: "c", From: noon, To: noon, Exclude: true, Who: "ann", Why: "a sale", At: noon.Add(-time.Hour)}
	if err := s.store.Label(t.Context(), label); err != nil {
		t.Fatal(err)
	}
	viewer := http.Header{"Authorization": {"Bearer token-of-grafana"}}
	const field = `name="who"`
	for _, c := range []struct {
		path, shows   string
		anybody       int
		anybodyIsTold string
	}{
		{"/history?who=ann", field, http.StatusForbidden, "Sign in to search by who has decided."},
		{"/history/repairs?who=ann", field, http.StatusForbidden, "Sign in to search by who has decided."},
		{"/history", field, http.StatusOK, "e001"},
		{"/history/repairs", field, http.StatusOK, "All repairs"},
		{"/history/report", "by ann", http.StatusOK, "a sale"},
		{"/history/report", "by ann", http.StatusOK, "a sale"}, // which is kept, and has been shown to a viewer
	} {
		status, body, _ := s.get(c.path, nil)
		if status != c.anybody || !strings.Contains(body, c.anybodyIsTold) || strings.Contains(body, c.shows) {
			t.Errorf("%s to anybody: %d, want %d without %s: %s", c.path, status, c.anybody, c.shows, body)
		}
		if status, body, _ := s.get(c.path, viewer); status != http.StatusOK || !strings.Contains(body, c.shows) {
			t.Errorf("%s to a viewer: %d, want %s: %s", c.path, status, c.shows, body)
		}
	}
}

// A report is kept for a minute, and links lead three years back.
func TestAReportIsKeptForAMinute(t *testing.T) {
	t.Parallel()
	s := serve(t)
	labelled := func(want bool) {
		t.Helper()
		_, body, _ := s.get("/history/report", nil)
		if strings.Contains(body, "a sale") != want {
			t.Errorf("the report shows the label %t, want %t", !want, want)
		}
	}
	labelled(false)
	label := store.Label{Check: "c", From: noon, To: noon, Exclude: true, Who: "ann", Why: "a sale", At: noon.Add(-time.Hour)}
	if err := s.store.Label(t.Context(), label); err != nil {
		t.Fatal(err)
	}
	labelled(false)
	for n := range 20 { // the present month is the oldest of those that are kept
		s.passes(time.Second)
		s.get("/history/report?month="+noon.AddDate(0, -n-1, 0).Format("2006-01"), nil)
	}
	labelled(true)
	if err := s.store.Label(t.Context(), store.Label{Check: "c", From: noon, To: noon, Who: "ann", Why: "no", At: noon}); err != nil {
		t.Fatal(err)
	}
	s.passes(59 * time.Second)
	labelled(true)
	s.passes(time.Second)
	labelled(false)
	for month, want := range map[string]bool{"2023-12": true, "2023-11": false, "1990-01": false} {
		status, body, _ := s.get("/history/report?month="+month, nil)
		if status != http.StatusOK || strings.Contains(body, "Month before") != want {
			t.Errorf("%s: %d, with a link to the month before %t, want %t", month, status, !want, want)
		}
	}
}

// The audit log is for whoever has signed in. It says that its chain is whole, or which entry breaks
// it.
func TestTheAuditLogIsVerified(t *testing.T) {
	t.Parallel()
	file := ""
	s := serve(t, func(w *web.Server) {
		file = filepath.Join(t.TempDir(), "audit.db")
		var err error
		if err = w.Store.Close(); err != nil {
			t.Fatal(err)
		}
		if w.Store, err = store.Open(t.Context(), "sqlite:"+file); err != nil {
			t.Fatal(err)
		}
	})
	s.store = s.server.Store
	for n := range 230 {
		e := store.AuditEntry{At: noon, Actor: "sentinel", What: "repair.planned", Subject: fmt.Sprint("r", n)}
		if n%10 == 3 {
			e.Actor, e.What, e.Detail = "ann", "incident.note", strings.Repeat("a long story ", 40)
		}
		if err := s.store.AppendAudit(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if status, body, _ := s.get("/history/audit", nil); status != http.StatusSeeOther || strings.Contains(body, "repair.planned") {
		t.Errorf("anybody: %d", status)
	}
	p := s.as("eve", "token-of-grafana", "/history/audit")
	p.shows("Chain verified to")
	p.shows("every entry up to 231 is as it was written") // the login is one
	const rows = `document.querySelectorAll(".audit tbody tr").length`
	if n := value[int](p, rows); n != 100 {
		t.Errorf("the first page has %d rows", n)
	}
	p.write("who", "ANN")
	p.write("what", "incident.")
	p.click("Search")
	p.until(rows + ` === 23 && location.search === "?who=ANN&what=incident.&subject=&from=&to="`)
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	for _, statement := range []string{"DROP TRIGGER audit_no_update", "UPDATE audit SET actor = 'bob' WHERE seq = 14"} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	p.click("Verify all again")
	p.shows("The chain is broken at entry 14.")
}

// The report of a month counts what happened in it, and the chart of an incident shows its time.
func TestTheReportOfAMonth(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.fill(10)
	s.past(table(1))
	s.ended(120)
	label := store.Label{Check: "c", From: noon, To: noon, Exclude: true, Who: "ann", Why: "a sale", At: noon.Add(-time.Hour), Incident: "e004"}
	if err := s.store.Label(t.Context(), label); err != nil {
		t.Fatal(err)
	}
	_, body, _ := s.get("/history/report?month=2026-11", http.Header{"Authorization": {"Bearer token-of-grafana"}})
	text := regexp.MustCompile(`\s+`).ReplaceAllString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, " "), " ")
	for _, want := range []string{
		"Report of November 2026", "Incidents 27 0 more were open", // one has begun at noon
		"False alarms 1 of these", "team-1 9 0 9h", "a sale by ann", "Time to resolve 1h", "mean of 26 that ended",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report has no %q: %s", want, text)
		}
	}
	_, body, _ = s.get("/incidents/e001", nil)
	if !strings.Contains(body, `class="incb"`) || !strings.Contains(body, `class="band"`) {
		t.Errorf("the incident has no chart: %s", body)
	}
	p := s.open("/incidents/e001")
	p.click("Zoom")
	p.until(`document.querySelector("figure .uplot") !== null`)
}

// A walk that failed is not tried again by every look, whose news would load the page again and again.
func TestAFailedVerificationWaits(t *testing.T) {
	t.Parallel()
	file := ""
	s := serve(t, func(w *web.Server) {
		file = filepath.Join(t.TempDir(), "audit.db")
		err := w.Store.Close()
		if err == nil {
			w.Store, err = store.Open(t.Context(), "sqlite:"+file)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	if err := s.server.Store.AppendAudit(t.Context(), store.AuditEntry{At: noon, Actor: "ann", What: "incident.note"}); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	change := func(statement string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	shows := func(text string) bool {
		status, body, _ := s.get("/history/audit", http.Header{"Authorization": {"Bearer token-of-grafana"}})
		return status == http.StatusOK && strings.Contains(body, text)
	}
	until := func(text string) {
		t.Helper()
		for range 50 { // each look waits for the end of a walk for a while
			if shows(text) {
				return
			}
		}
		t.Fatalf("the page never shows %q", text)
	}
	change("ALTER TABLE audit_anchor RENAME TO elsewhere")
	until("could not be verified")
	change("ALTER TABLE elsewhere RENAME TO audit_anchor")
	s.passes(9 * time.Second)
	if !shows("could not be verified") {
		t.Error("a look has begun another walk at once")
	}
	s.passes(time.Second)
	until("as it was written")
}

// What replaces an old address is found there.
func TestOldAddresses(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.fill(10)
	s.ended(3)
	p := s.open("/#incident-e001")
	p.until(`location.pathname === "/incidents/e001"`)
	p.visit(s.url + "/samples#incident-i-table_00007")
	if at := value[string](p, "location.pathname + location.hash"); at != "/incidents#incident-i-table_00007" {
		t.Errorf("the samples are at %s", at)
	}
}
