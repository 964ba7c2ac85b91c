package agent

import (
	"slices"
	"testing"
	"time"
)

// TestAPlanInUseIsNotClosed: a step of a repair uses a plan that two reloads replace.
func TestAPlanInUseIsNotClosed(t *testing.T) {
	t.Parallel()
	a := newAgent(nil, time.Now)
	host := repairHost{a}
	first, second := newRunning(Plan{}), newRunning(Plan{})
	a.putInForce(first, nil)
	if host.plan(); len(first.unfinished()) > 0 {
		t.Error("a plan is in use while nothing is repaired")
	}
	a.releasePlans(true)
	host.plan()
	host.plan()
	a.putInForce(second, nil)
	host.plan()
	for name, r := range map[string]*running{"first": first, "second": second} {
		if !slices.Equal(r.unfinished(), []string{repairWork}) {
			t.Errorf("the %s plan: %v", name, r.unfinished())
		}
	}
	a.releasePlans(false)
	for name, r := range map[string]*running{"first": first, "second": second} {
		if len(r.unfinished()) > 0 {
			t.Errorf("the %s plan is in use after the step: %v", name, r.unfinished())
		}
		r.users.Wait()
	}
	if host.plan(); len(second.unfinished()) > 0 {
		t.Error("a plan is in use after the repairs")
	}
}
