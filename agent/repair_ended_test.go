package agent

import (
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
)

// What was to be repaired ends by itself, before a repair is planned or before it begins.
// The rest of the incident, which no policy repairs, is left to people then.
func TestEndWithoutRepairNotifiesOfTheRest(t *testing.T) {
	t.Parallel()
	for name, planned := range map[string]bool{"before the plan": false, "before the repair": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProving(t, "sqlite", "staging")
			p.policy.On = []string{"row_count"}
			p.add("day", perDay(t, 6))
			p.add("empty", &checks.SQL{Query: "SELECT count(*) FROM orders", Fail: atMost(t, 1000)})
			p.begin()
			if got := p.statuses(); got != "day fail, empty fail" {
				t.Fatal(got)
			}
			i, _ := p.incident("day")
			results, err := p.Store.LastResults(t.Context(), store.Filter{Check: "day"})
			p.Must(err)
			why := p.agent.trigger(i, results[0])
			state := func(when string, want sentinel.IncidentState) {
				t.Helper()
				if i, ok := p.incident("empty"); !ok || i.Standing() != want {
					t.Errorf("%s the incident is %s, %t; want %s", when, i.Standing(), ok, want)
				}
			}
			state("at first", sentinel.Repairing)
			var r *sentinel.Repair
			if planned {
				p.clock = p.clock.Add(time.Second)
				r, err = p.agent.engine.PlanRepair(t.Context(), p.policy, why)
				p.Must(err)
				if r == nil {
					t.Fatal("no repair is planned")
				}
			}
			p.Exec("INSERT INTO orders VALUES (191, 1, 'new', '2026-03-11 09:00:00')")
			p.clock = p.clock.Add(time.Minute)
			if got := p.statuses(); got != "day pass, empty fail" {
				t.Fatal(got)
			}
			if !planned {
				p.agent.consider(t.Context(), []repair.Trigger{why})
			} else {
				p.Must(p.agent.engine.Advance(t.Context()))
				if done := p.Get(r.ID); done.State != sentinel.Superseded {
					t.Errorf("the repair is %s: %s", done.State, done.Message)
				}
			}
			state("at last", sentinel.Open)
		})
	}
}
