package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/testenv"
)

// A count whose history cannot be read is not compared with what is normal: the check is an
// error, in a tick, in a proof and in a verification. One that is bad by its own rule stays
// bad, and says nothing of the anomaly.
func TestDetectorsThatCannotBeRestored(t *testing.T) {
	t.Parallel()
	p := newProving(t, "sqlite", "staging")
	good, bad := perDay(t, 1), perDay(t, 9)
	p.add("good", good)
	p.add("bad", bad)
	good.Anomaly = &anomaly.Config{Detector: "profile", Status: "fail", Metric: "row_count", Unit: "rows"}
	bad.Anomaly = good.Anomaly
	p.begin()
	if got := p.statuses(); got != "good pass, bad fail" {
		t.Fatal(got)
	}
	testenv.Exec(t, "sqlite", p.State, "ALTER TABLE label RENAME TO away")
	p.begin() // its detectors are not in memory
	r := sentinel.Repair{Check: "good", Table: p.Table("orders"), Proof: &sentinel.Proof{At: p.clock}}
	judged, err := p.agent.judgeFailed(t.Context(), p.plan, r)
	if p.Must(err); judged.Status != sentinel.Error || !strings.Contains(judged.Message, "could not restore what is normal") {
		t.Errorf("judged %s: %s", judged.Status, judged.Message)
	}
	if got := p.statuses(); got != "good error, bad fail" {
		t.Error(got)
	}
	r.Check, r.Plan.Finding = "bad", "anomaly"
	judged, err = p.agent.judgeFailed(t.Context(), p.plan, r)
	if p.Must(err); judged.Status != sentinel.Fail || !repair.Unjudged(judged, r) {
		t.Errorf("judged %s: %+v", judged.Status, judged.Findings)
	}
	testenv.Exec(t, "sqlite", p.State, "ALTER TABLE away RENAME TO label")
	p.clock = p.clock.Add(time.Second)
	if got := p.statuses(); got != "good pass, bad fail" {
		t.Error(got)
	}
}
