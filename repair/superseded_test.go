package repair_test

import (
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
	"github.com/sentinel-dq/sentinel/store"
)

// A repair is superseded when its finding ends, also if the incident goes on with others.
// It is not when another one ends.
func TestARepairEndsWithItsFinding(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "sqlite")
	r := b.RunRepair(b.Policy("act", &act{}, repair.Manual), b.OpenIncident("x"))
	b.WantState(r, sentinel.AwaitingApproval, "")
	at := repairtest.Clock()
	finding := func(check, key string, open bool) sentinel.IncidentFinding {
		f := sentinel.IncidentFinding{Check: check, Key: key, Opened: at}
		if !open {
			f.Resolved = at
		}
		return f
	}
	for _, step := range []struct {
		findings []sentinel.IncidentFinding
		want     sentinel.RepairState
	}{
		{[]sentinel.IncidentFinding{finding("orders/check", "x", true), finding("other", "x", false)}, sentinel.AwaitingApproval},
		{[]sentinel.IncidentFinding{finding("orders/check", "x", false), finding("other", "x", true)}, sentinel.Superseded},
	} {
		i, ok, err := b.Store.Incident(t.Context(), r.Incident)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		i.Findings = step.findings
		if _, err := b.Store.Record(t.Context(), store.Batch{Incidents: []sentinel.Incident{i}}); err != nil {
			t.Fatal(err)
		}
		b.WantState(b.AdvanceRepair(r.ID), step.want, "")
	}
}
