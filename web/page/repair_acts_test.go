package page_test

import (
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// waiting adds a repair in a state.
func (s *site) waiting(id string, state sentinel.RepairState) {
	s.Helper()
	r := sentinel.Repair{
		ID: id, Key: id, Policy: "p", Check: table(7).String() + "/row_count:day", Table: table(7), State: state, Version: 1,
		Created: noon, Updated: noon, Plan: sentinel.Plan{Action: "sql", Table: table(7), Summary: "load " + id + " again",
			Steps: []sentinel.Step{{Name: "load", Do: []string{"INSERT INTO t SELECT 1"}, Undo: []string{"DELETE FROM t"}}}},
	}
	created, err := s.store.AddRepair(s.Context(), r, store.AuditEntry{At: noon, Actor: "sentinel", What: "repair.planned", Subject: id})
	if err != nil || !created {
		s.Fatal(created, err)
	}
}

// logged reports whether the audit log has an entry.
func (s *site) logged(actor, what, detail string) bool {
	s.Helper()
	all, err := s.store.AuditEntries(s.Context(), store.AuditFilter{What: what, Actor: actor})
	if err != nil {
		s.Fatal(err)
	}
	for _, e := range all {
		if e.What == what && e.Detail == detail {
			return true
		}
	}
	return false
}

// A person rejects a plan, tries a repair again that was given up, and puts another one aside.
func TestRepairsAreRejectedRetriedAndDiscarded(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.fill(10)
	s.waiting("r-yes", sentinel.AwaitingApproval)
	s.waiting("r-again", sentinel.DeadLetter)
	s.waiting("r-aside", sentinel.DeadLetter)
	p := s.as("ann", "token-of-oncall", "/repairs")
	p.shows("3 repairs need you")
	p.follow("load r-yes again")
	p.click("Reject…")
	p.write("why", "the archive is wrong")
	p.click("Reject")
	p.shows("was cancelled")
	p.shows("rejected by oncall for ann: the archive is wrong")
	p.visit(s.url + "/repairs/r-again")
	p.click("Try again")
	p.until(`location.pathname.startsWith("/repairs/") && location.pathname !== "/repairs/r-again"`)
	p.shows("load r-again again")
	p.visit(s.url + "/repairs/r-aside")
	p.click("Put aside…")
	p.write("why", "the table is gone")
	p.click("Put aside")
	p.shows("There is nothing to decide")
	p.visit(s.url + "/repairs")
	p.shows("Sentinel works on 1 repair")
	for _, e := range [][2]string{
		{"repair.rejected", "the archive is wrong"}, {"repair.retried", "after r-again"}, {"repair.discarded", "the table is gone"},
	} {
		if !s.logged("oncall for ann", e[0], e[1]) {
			t.Errorf("the audit log has no %s %s", e[0], e[1])
		}
	}
}

// A person switches all repairs off and on. Off needs a reason.
func TestTheKillSwitch(t *testing.T) {
	t.Parallel()
	s := serve(t)
	p := s.as("ann", "token-of-oncall", "/repairs")
	p.shows("Repairs are on.")
	p.click("Switch repairs off…")
	p.click("Switch repairs off")
	if value[bool](p, `document.querySelector("main textarea").checkValidity()`) {
		t.Error("repairs are switched off without a reason")
	}
	p.write("why", "the archive is being moved")
	p.click("Switch repairs off")
	p.shows("Repairs are switched off")
	p.shows("the archive is being moved")
	viewer := s.as("eve", "token-of-grafana", "/repairs")
	viewer.shows("Repairs are switched off")
	if n := value[int](viewer, `document.querySelectorAll("main form, main button:not([disabled])").length`); n > 0 {
		t.Errorf("a viewer has %d forms and buttons", n)
	}
	p.click("Switch repairs on…")
	p.write("why", "it is moved")
	p.click("Switch repairs on")
	p.shows("Repairs are on.")
	if !s.logged("oncall for ann", "repairs.off", "the archive is being moved") || !s.logged("oncall for ann", "repairs.on", "it is moved") {
		t.Error("the audit log has not both")
	}
}
