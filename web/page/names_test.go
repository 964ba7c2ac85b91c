package page_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/web"
)

// silencing is an agent with a silence that somebody has set.
type silencing struct {
	risky
	who string
}

func (silencing) Ready() bool { return true }

func (s silencing) Silences(context.Context) ([]notify.SilenceStatus, error) {
	return []notify.SilenceStatus{{Silence: notify.Silence{
		ID: "s1", Dataset: "shop.*", From: noon, Until: noon.Add(time.Hour), Who: s.who, Why: "a move",
	}, Active: true}}, nil
}

// Who has decided is told on every page and by the API to those who have signed in, and to nobody
// else.
func TestNamesAreForThoseWhoHaveSignedIn(t *testing.T) {
	t.Parallel()
	const who = "Zoë Quine"
	s := serve(t, func(s *web.Server) { s.Agent = silencing{risky{Agent: agent.New(agent.Config{Clock: s.Clock})}, who} })
	of := table(1)
	shape := of.String() + "/schema"
	d := configured(of, "team")
	d.Checks = append(d.Checks, agent.Check{Check: &checks.Schema{Options: checks.Options{ID: shape}}})
	s.board.Configured([]agent.Dataset{d})
	i := incident(of, "3 rows")
	i.State, i.Note = sentinel.Acknowledged, "acknowledged by "+who+": it is known"
	i.Findings[0].Note = "accepted as gone by " + who
	ended := incident(of, "4 rows")
	ended.ID, ended.State, ended.Note, ended.Resolved = "ended", sentinel.Resolved, "resolved by "+who+": done", noon
	columns := &warehouse.Table{TableName: warehouse.TableName{Schema: of.Schema, Name: of.Name}, Kind: "table"}
	entry := func(what, subject string) store.AuditEntry {
		return store.AuditEntry{At: noon, Actor: who, What: what, Subject: subject, Detail: "it is known"}
	}
	s.record(store.Batch{
		Results: append(results(of, sentinel.Fail, 3, "3 rows"), sentinel.Result{Check: shape, Kind: "schema", Table: of, Tick: noon}),
		Ticks:   []store.TickRecord{{Schedule: "s", Table: of, Tick: noon}}, Incidents: []sentinel.Incident{i, ended},
		Baselines: map[string]store.Snapshot{shape: {Data: checks.EncodeSnapshot(columns), TakenAt: noon, AcceptedBy: who}},
		Audit:     []store.AuditEntry{entry("incident.ack", i.ID)},
	})
	r := sentinel.Repair{
		ID: "r1", Key: "r1", Incident: i.ID, Table: of, State: sentinel.RepairQueued, Version: 1, Created: noon, Updated: noon,
		Message: "approved by " + who, Approval: &sentinel.Approval{By: who, At: noon, Expires: noon.Add(time.Hour)},
		Plan: sentinel.Plan{Action: "sql", Table: of, Summary: "Copy rows"},
	}
	r.Approval.Hash = r.Plan.Hash()
	rejected := r
	rejected.ID, rejected.Key, rejected.State, rejected.Approval = "r2", "r2", sentinel.RepairCancelled, nil
	rejected.Message = "rejected by " + who + ": not now"
	if _, err := s.store.AddRepair(t.Context(), rejected, entry("repair.rejected", "r2")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.AddRepair(t.Context(), r, entry("repair.approved", "r1")); err != nil {
		t.Fatal(err)
	}
	l := store.Label{Check: i.Check, From: noon, To: noon, Exclude: true, Why: "a sale", Who: who, At: noon.Add(-time.Hour), Incident: i.ID}
	if err := s.store.Label(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	viewer := http.Header{"Authorization": {"Bearer token-of-grafana"}}
	for _, path := range []string{
		"/incidents/" + i.ID, "/repairs/r1", "/repairs/r2", "/repairs", "/history/repairs", "/history/report", "/silences",
		"/datasets/" + of.Warehouse + "/" + of.Schema + "/" + of.Name,
		"/api/v1/incidents", "/api/v1/incidents/" + i.ID, "/api/v1/repairs", "/api/v1/silences", "/api/v1/report",
		"/api/v1/search/incidents", "/api/v1/search/repairs",
	} {
		status, body, _ := s.get(path, nil)
		if status != http.StatusOK || strings.Contains(body, who) || path != "/history/report" && !strings.Contains(strings.ToLower(body), "somebody") {
			t.Errorf("%s, to everybody: %d, with the name: %t", path, status, strings.Contains(body, who))
		}
		if status, body, _ = s.get(path, viewer); status != http.StatusOK || !strings.Contains(body, who) {
			t.Errorf("%s, to a viewer: %d without the name", path, status)
		}
	}
	for _, path := range []string{"/", "/incidents", "/datasets", "/history", "/lineage?of=" + of.String()} {
		if _, body, _ := s.get(path, nil); strings.Contains(body, who) {
			t.Errorf("%s tells who has decided", path)
		}
	}
}
