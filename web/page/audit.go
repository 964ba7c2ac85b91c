package page

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/store"
)

func init() {
	addScreen(screen{
		path: "/history/audit", template: "history_audit.html", role: access.Viewer, live: "audit",
		show: func(s *Site, r *http.Request) (any, error) { return s.auditLog(r) },
	})
	addAction(action{path: "/history/audit/verify", role: access.Viewer, do: verifyAgain})
}

// auditRows is the number of entries on one page.
const auditRows = 100

// auditActions are the beginnings of the words for what was done.
var auditActions = []string{
	"audit.", "baseline.", "config.", "incident.", "label.", "log", "notification.", "repair.", "repairs.", "segments.",
	"silence.", "table.", "unwatched.",
}

// auditData is the content of history_audit.html.
type auditData struct {
	Query       query
	Entries     []auditRow
	First, Last int64  // numbers of the first and the last entry of the log; 0 of an empty one
	Next        string // the address of the next page; "" for none
	Actions     []string
	Chain       chainState
	Now         time.Time
}

// auditRow is an entry of the log.
type auditRow struct {
	store.AuditEntry
	Link string // the page of its subject; "" for none
}

// Short reports whether what it says fits into a row.
func (r auditRow) Short() bool { return len(r.Detail) <= 200 && !strings.Contains(r.Detail, "\n") }

// Begin is the beginning of a long detail.
func (r auditRow) Begin() string {
	first, _, _ := strings.Cut(r.Detail, "\n")
	return shorten(first, 160)
}

func (s *Site) auditLog(r *http.Request) (d auditData, err error) {
	ctx := r.Context()
	d.Now, d.Actions = s.Clock.Now(), auditActions
	if d.Query, err = readSearch("/history/audit", r.URL.Query(), auditFields...); err != nil {
		return d, err
	}
	q := d.Query
	f, err := q.audit(auditRows)
	if err != nil {
		return d, err
	}
	if d.First, d.Last, err = s.Store.AuditRange(ctx); err != nil {
		return d, err
	}
	found, next, err := s.Store.SearchAudit(ctx, f)
	if err != nil {
		return d, err
	}
	for _, e := range found {
		d.Entries = append(d.Entries, auditRow{e, subjectPath(e)})
	}
	if next > 0 {
		d.Next = q.With("after", strconv.FormatInt(next, 10))
	}
	d.Chain = s.Board.chain.look(ctx, false)
	return d, nil
}

// audit is the search of the log, rows on one page.
func (q query) audit(rows int) (store.AuditFilter, error) {
	f := store.AuditFilter{
		Actor: q.Get("who"), What: q.Get("what"), Subject: q.Get("subject"), Since: q.From, Until: q.Until, Limit: rows,
	}
	after := q.Get("after")
	if after == "" {
		return f, nil
	}
	var err error
	if f.Before, err = strconv.ParseInt(after, 10, 64); err != nil || f.Before < 1 {
		return f, searchError(store.ErrNoPlace)
	}
	return f, nil
}

// subjectPath is the address of what an entry is about; "" if it has no page.
func subjectPath(e store.AuditEntry) string {
	switch kind, _, _ := strings.Cut(e.What, "."); {
	case e.Subject == "":
		return ""
	case kind == "incident":
		return "/incidents/" + url.PathEscape(e.Subject)
	case kind == "repair":
		return "/repairs/" + url.PathEscape(e.Subject)
	case kind == "silence":
		return "/silences"
	}
	return ""
}

// verifyAgain verifies the whole log anew.
func verifyAgain(s *Site, r *request) (string, error) {
	s.Board.chain.look(r.Context(), true)
	return "/history/audit", nil
}
