package agent

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/testenv"
)

// enginePolicy asks an engine for the repairs of every finding.
type enginePolicy struct {
	fixedPolicy
	engine *repair.Engine
}

func (p *enginePolicy) repairedFirst(part sentinel.Incident) bool {
	return len(p.engine.PoliciesFor(part)) > 0
}

// settleAll lets all of n datasets, each with a repair, fail in one tick. It returns the
// CPU time that the incidents took.
func settleAll(t *testing.T, n int) time.Duration {
	t.Helper()
	results := make([]sentinel.Result, n)
	policies := make([]*repair.Policy, n)
	for k := range results {
		results[k] = bad(fmt.Sprintf("t%05d", k), 1)
		policies[k] = &repair.Policy{
			ID: results[k].Check, Table: results[k].Table, Mode: repair.Auto, On: []string{results[k].Check},
		}
	}
	engine := repair.NewEngine(repair.Config{}, nil)
	runtime.GC() // of what came before
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	before := testenv.CPU(t)
	engine.SetPolicies(policies)
	in := newIncidents(nil, &enginePolicy{engine: engine})
	var changed []sentinel.Incident
	for _, r := range results {
		changed = append(changed, in.apply(r, Meta{})...)
	}
	changes := in.takeChanges()
	recorded := in.refresh(changed, changes)
	repairing := 0
	for _, i := range recorded {
		if found, ok := in.find(i.ID); ok && found.Standing() == sentinel.Repairing {
			repairing++
		}
	}
	for _, i := range recorded {
		if _, err := in.decide(i.ID, sentinel.Acknowledged, "by ann", i.Opened); err != nil {
			t.Fatal(err)
		}
	}
	tables := engine.Tables()
	took := testenv.CPU(t) - before
	if repairing != n || len(changes) != n || len(tables) != n {
		t.Fatalf("of %d: %d wait for a repair, %d changes, %d tables", n, repairing, len(changes), len(tables))
	}
	return took
}

// The agent's lock is held while the incidents of a tick are settled. So four times as
// many datasets take about four times as long, and not sixteen times.
func TestIncidentsAreSettledInLinearTime(t *testing.T) {
	few, many := settleAll(t, 5000), settleAll(t, 20000)
	for range 4 {
		few, many = min(few, settleAll(t, 5000)), min(many, settleAll(t, 20000))
	}
	t.Logf("5000: %s, 20000: %s", few, many)
	if ratio := float64(many) / float64(few); ratio >= 8 {
		t.Errorf("20000 datasets take %.1f times the time of 5000 (%s, %s)", ratio, many, few)
	}
}
