package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// searched is a state with incidents, repairs and an audit log made at random.
type searched struct {
	*store.Store
	incidents []sentinel.Incident
	repairs   []sentinel.Repair
	log       []store.AuditEntry
}

var (
	searchNow    = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	searchPeople = []string{"ann", "Bob_50%", "oncall for ann", "sentinel", "eve!"}
)

func fillSearched(t *testing.T, url string, rng *rand.Rand) *searched {
	t.Helper()
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	out := &searched{Store: s}
	kinds := []string{"row_count", "freshness", "schema"}
	for n := range 400 {
		table := sentinel.Table{Warehouse: "shop", Schema: "public", Name: fmt.Sprintf("T%%_%d", rng.IntN(9))}
		at := searchNow.Add(time.Duration(rng.IntN(60)) * time.Hour) // many of one instant
		id := fmt.Sprintf("i%03d", n)
		severity := []sentinel.Status{sentinel.Fail, sentinel.Warn, sentinel.Error}[rng.IntN(3)]
		kind := kinds[rng.IntN(3)]
		i := sentinel.Incident{ID: id, Check: "c", Kind: kind, Table: table, State: sentinel.Resolved, Severity: sentinel.Warn,
			Opened: at, Resolved: at.Add(time.Hour), Owner: []string{"", "Team-A", "team-b"}[rng.IntN(3)],
			Findings: []sentinel.IncidentFinding{{Check: "c", Kind: kind, Severity: severity, Opened: at, Resolved: at.Add(time.Hour)}}}
		out.incidents = append(out.incidents, i)
		r := sentinel.Repair{ID: "r" + id, Key: "r" + id, Table: table, Check: "c", State: sentinel.RepairPlanned, Created: at,
			Plan: sentinel.Plan{Action: []string{"sql", "webhook"}[rng.IntN(2)], Table: table}}
		e := store.AuditEntry{At: at, Actor: searchPeople[rng.IntN(5)], What: "repair.planned", Subject: r.ID}
		if _, err := s.AddRepair(t.Context(), r, e); err != nil {
			t.Fatal(err)
		}
		out.repairs, out.log = append(out.repairs, r), append(out.log, e)
		if rng.IntN(3) > 0 {
			e = store.AuditEntry{At: at, Actor: searchPeople[rng.IntN(5)], What: "incident.ack", Subject: id}
			if err := s.AppendAudit(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			out.log = append(out.log, e)
		}
	}
	if _, err := s.Record(t.Context(), store.Batch{Incidents: out.incidents}); err != nil {
		t.Fatal(err)
	}
	return out
}

func inText(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

// decided reports whether somebody has decided about a subject.
func (s *searched) decided(subject, actor string) bool {
	return actor == "" || slices.ContainsFunc(s.log, func(e store.AuditEntry) bool {
		return e.Subject == subject && inText(e.Actor, actor)
	})
}

// A search finds what a plain loop finds, in the same order, on pages of any size, each row once.
func TestSearches(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{
		"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "s.db"), "postgres": testenv.Postgres(t),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(7, 7))
			s := fillSearched(t, url, rng)
			for range 60 {
				some := func(all ...string) string { return all[rng.IntN(len(all))] }
				from, until := time.Time{}, time.Time{}
				if rng.IntN(2) == 0 {
					from = searchNow.Add(time.Duration(rng.IntN(60)) * time.Hour)
				}
				if rng.IntN(2) == 0 {
					until = searchNow.Add(time.Duration(rng.IntN(60)) * time.Hour)
				}
				q := store.IncidentSearch{
					Dataset: some("", "t%_3", "public.T", "T_", "nowhere"), Since: from, Until: until,
					Actor: some("", "", "ANN", "50%", "_", "!"), Kind: some("", "schema"), Owner: some("", "team-A"), Limit: 1 + rng.IntN(90),
				}
				if rng.IntN(2) == 0 {
					q.Worst = []sentinel.Status{sentinel.Fail, sentinel.Error}
				}
				s.compareIncidents(t, q)
				s.compareRepairs(t, store.RepairSearch{
					Dataset: q.Dataset, Since: from, Until: until, Actor: q.Actor, Action: some("", "sql"), Limit: q.Limit,
					State: sentinel.RepairState(some("", "planned", "failed")),
				})
			}
			if _, _, err := s.SearchIncidents(t.Context(), store.IncidentSearch{After: "x", Limit: 1}); err == nil {
				t.Error("a place that is none is taken")
			}
		})
	}
}

func (s *searched) compareIncidents(t *testing.T, q store.IncidentSearch) {
	t.Helper()
	var want, got []string
	sorted := slices.SortedFunc(slices.Values(s.incidents), func(a, b sentinel.Incident) int {
		if c := b.Opened.Compare(a.Opened); c != 0 {
			return c
		}
		return strings.Compare(b.ID, a.ID)
	})
	for _, i := range sorted {
		if inText(i.Table.String(), q.Dataset) && !i.Opened.Before(q.Since) && (q.Until.IsZero() || i.Opened.Before(q.Until)) &&
			s.decided(i.ID, q.Actor) && (q.Kind == "" || i.Kind == q.Kind) && inText(i.Owner, q.Owner) &&
			(len(q.Worst) == 0 || slices.Contains(q.Worst, i.Findings[0].Severity)) {
			want = append(want, i.ID)
		}
	}
	for next := "begin"; next != ""; {
		var page []sentinel.Incident
		var err error
		if page, next, err = s.SearchIncidents(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		if len(page) > q.Limit || next != "" && len(page) != q.Limit {
			t.Fatalf("%+v: a page of %d, and %q follows", q, len(page), next)
		}
		for _, i := range page {
			got = append(got, i.ID)
		}
		q.After = next
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v: got %q, want %q", q, got, want)
	}
}

func (s *searched) compareRepairs(t *testing.T, q store.RepairSearch) {
	t.Helper()
	var want, got []string
	sorted := slices.SortedFunc(slices.Values(s.repairs), func(a, b sentinel.Repair) int {
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return strings.Compare(b.ID, a.ID)
	})
	for _, r := range sorted {
		if inText(r.Table.String(), q.Dataset) && !r.Created.Before(q.Since) && (q.Until.IsZero() || r.Created.Before(q.Until)) &&
			s.decided(r.ID, q.Actor) && (q.Action == "" || r.Plan.Action == q.Action) && (q.State == "" || r.State == q.State) {
			want = append(want, r.ID)
		}
	}
	for next := "begin"; next != ""; {
		var page []sentinel.Repair
		var err error
		if page, next, err = s.SearchRepairs(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		for _, r := range page {
			got = append(got, r.ID)
		}
		q.After = next
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v: got %q, want %q", q, got, want)
	}
}

// The log is verified part by part as at once: whatever is changed behind the program's back, the
// first entry that is wrong is named, whether or not a part was verified before.
func TestTheLogIsVerifiedInParts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		forge string
		seq   int64 // that is named; 0: none
		// verified: the whole log was verified before the forgery
		verified bool
	}{
		"nothing":                  {"SELECT 1", 0, true},
		"a changed entry":          {"UPDATE audit SET actor = 'eve' WHERE seq = 17", 17, false},
		"a changed detail":         {"UPDATE audit SET detail = 'x' WHERE seq = 40", 40, false},
		"another hash":             {"UPDATE audit SET hash = 'x' WHERE seq = 39", 39, false},
		"a missing entry":          {"DELETE FROM audit WHERE seq = 20", 20, false},
		"missing entries":          {"DELETE FROM audit WHERE seq BETWEEN 20 AND 25", 20, false},
		"a missing beginning":      {"DELETE FROM audit WHERE seq < 5", 1, false},
		"a missing end, seen":      {"DELETE FROM audit WHERE seq > 30", 40, true},
		"a missing end, not seen":  {"DELETE FROM audit WHERE seq > 30", 0, false},
		"another end, seen":        {"UPDATE audit SET hash = 'x' WHERE seq = 40", 40, true},
		"an end that says another": {"UPDATE audit SET what = 'y' WHERE seq = 40", 0, true}, // seen from the beginning only
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "s.db")
			s, err := store.Open(t.Context(), "sqlite:"+path)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 40 {
				e := store.AuditEntry{At: searchNow.Add(time.Duration(i) * time.Hour), Actor: "ann", What: "x"}
				if err := s.AppendAudit(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
			var mark store.AuditMark
			if c.verified {
				if mark, _, err = s.VerifyAuditFrom(t.Context(), mark, 1000); err != nil || mark.Seq != 40 {
					t.Fatalf("%+v, %v", mark, err)
				}
			}
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			for _, statement := range []string{"DROP TRIGGER audit_no_update", "DROP TRIGGER audit_no_delete", c.forge} {
				if _, err := db.Exec(statement); err != nil {
					t.Fatal(err)
				}
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			for end := false; !end && err == nil; {
				mark, end, err = s.VerifyAuditFrom(t.Context(), mark, 7)
			}
			var broken *store.BrokenChainError
			if found := errors.As(err, &broken); found != (c.seq != 0) || found && broken.Seq != c.seq {
				t.Errorf("got %v, want entry %d", err, c.seq)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Pages of a search of the log have every entry once.
func TestTheLogIsSearchedInPages(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		s := fillSearched(t, url, rand.New(rand.NewPCG(3, 3)))
		for _, f := range []store.AuditFilter{
			{}, {Actor: "Ann"}, {What: "incident."}, {Subject: "i007"}, {Actor: "50%", What: "rep"}, {Actor: "x"},
		} {
			var want, got []int64
			for n, e := range s.log {
				if inText(e.Actor, f.Actor) && strings.HasPrefix(e.What, f.What) && (f.Subject == "" || e.Subject == f.Subject) {
					want = append(want, int64(n+1))
				}
			}
			slices.Reverse(want)
			f.Limit = 37
			for more := true; more; more = f.Before != 0 {
				page, next, err := s.SearchAudit(t.Context(), f)
				if err != nil || len(page) > f.Limit {
					t.Fatalf("%d, %v", len(page), err)
				}
				for _, e := range page {
					got = append(got, e.Seq)
				}
				f.Before = next
			}
			if !slices.Equal(got, want) {
				t.Errorf("%+v: got %d, want %d", f, got, want)
			}
		}
	})
}

// onBoth runs a test on a new state in a file, and on one in PostgreSQL.
func onBoth(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	for name, url := range map[string]string{
		"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "s.db"), "postgres": testenv.Postgres(t),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, url)
		})
	}
}

// The entries of a subject are on one page, however long ago they were written.
func TestOldEntriesOfASubject(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		s := openURL(t, url)
		for n := range 3 {
			e := store.AuditEntry{At: searchNow, Actor: "ann", What: "x", Subject: "old", Detail: fmt.Sprint(n)}
			if err := s.AppendAudit(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		_, err := openRaw(t, url).Exec(`
WITH RECURSIVE n (seq) AS (SELECT 4 UNION ALL SELECT seq + 1 FROM n WHERE seq < 250000)
INSERT INTO audit (seq, at, actor, what, subject, detail, hash) SELECT seq, seq, 'eve', 'x', 'other', '', '' FROM n`)
		if err != nil {
			t.Fatal(err)
		}
		page, next, err := s.SearchAudit(t.Context(), store.AuditFilter{Subject: "old", Limit: 2})
		if err != nil || len(page) != 2 || page[0].Seq != 3 || next != 2 {
			t.Fatalf("%+v, then %d, %v", page, next, err)
		}
		page, next, err = s.SearchAudit(t.Context(), store.AuditFilter{Subject: "old", Limit: 2, Before: next})
		if err != nil || len(page) != 1 || page[0].Seq != 1 || next != 0 {
			t.Fatalf("%+v, then %d, %v", page, next, err)
		}
	})
}

// Names with letters beyond ASCII are found as they are written, and their ASCII letters in any case.
func TestSearchBeyondASCII(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		s := openURL(t, url)
		table := sentinel.Table{Warehouse: "shop", Schema: "public", Name: "GRÖSSEN_Ж"}
		i := sentinel.Incident{ID: "i1", Check: "c", Table: table, State: sentinel.Resolved, Opened: searchNow, Resolved: searchNow}
		record(t, s, store.Batch{Incidents: []sentinel.Incident{i}})
		e := store.AuditEntry{At: searchNow, Actor: "ÉMILE Ångström", What: "incident.ack", Subject: "i1"}
		if err := s.AppendAudit(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			dataset, actor string
			found          int
		}{
			{"GRÖSSEN_Ж", "", 1}, {"grÖssen", "", 1}, {"", "ÉMILE", 1}, {"", "Émile Ång", 1}, {"GROSSEN", "", 0}, {"", "EMILE", 0},
		} {
			found, _, err := s.SearchIncidents(t.Context(), store.IncidentSearch{Dataset: c.dataset, Actor: c.actor, Limit: 9})
			if err != nil || len(found) != c.found {
				t.Errorf("incidents of %+v: %d, %v", c, len(found), err)
			}
			log, _, err := s.SearchAudit(t.Context(), store.AuditFilter{Actor: c.actor, Limit: 9})
			if err != nil || c.actor != "" && len(log) != c.found {
				t.Errorf("the log of %+v: %d, %v", c, len(log), err)
			}
		}
	})
}
