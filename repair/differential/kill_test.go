package differential_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
	"github.com/sentinel-dq/sentinel/store"
)

// inProcess carries out an attempt by an agent in a process of its own, which is ended by
// SIGKILL a moment after a failpoint. Other processes continue until the repair has ended.
func (s *scene) inProcess(t *testing.T, a *attempt, check func() (bool, string)) (undone bool, wrong string) {
	if a.err = a.Validate(); a.err != nil {
		return false, ""
	}
	child, err := s.child(t, a)
	if err != nil {
		return false, err.Error()
	}
	killed := child
	killed.FailAt, killed.Delay, killed.Lease = a.killAt, time.Duration(a.delay)*time.Microsecond, repairtest.ShortLease
	if err := killed.Run(t); err != nil {
		if a.killed = strings.Contains(err.Error(), "killed"); !a.killed {
			return false, "the agent failed: " + err.Error()
		}
	}
	if _, wrong := check(); wrong != "" {
		return false, "after the SIGKILL: " + wrong
	}
	// The killed agent's lease has to run out first.
	for deadline := repairtest.Clock.Now().Add(time.Minute); repairtest.Clock.Now().Before(deadline); {
		if err := child.Run(t); err != nil {
			return false, "the next agent failed: " + err.Error()
		}
		r, err := lastRepair(t, child.State)
		switch {
		case err != nil:
			return false, err.Error()
		case r.State == sentinel.RepairSucceeded:
			return false, ""
		case r.State == sentinel.RolledBack:
			return true, ""
		case r.State.Final() || r.ID == "":
			a.err = fmt.Errorf("%s: %s", r.State, r.Message)
			return false, ""
		case r.State == sentinel.AwaitingApproval,
			r.State == sentinel.RetryWait && strings.Contains(r.Message, "conflict"):
			a.err = fmt.Errorf("%s: %s", r.State, r.Message)
			return false, ""
		}
		wait.For(t.Context(), 100*time.Millisecond) // a lease runs out, or a try is due
	}
	return false, "the repair did not end"
}

// child prepares the state of an agent, with the incident that it is to repair.
func (s *scene) child(t *testing.T, a *attempt) (c repairtest.Child, err error) {
	c = s.target.Child("orders/reload_partition", "reload_partition", a.Partition)
	c.Table, c.MayLose, c.CheckPasses = s.target.name, 1<<40, !a.undo
	c.State = filepath.Join(s.dir, a.id+".db")
	if source, ok := s.source.(*tableSource); ok {
		c.Source = source.Engine
		c.SourceOwner = source.Owner
	}
	state, err := store.Open(t.Context(), "sqlite:"+c.State)
	if err != nil {
		return c, err
	}
	i := s.trigger().Incident
	i.Severity, i.Opened, i.Updated, i.Message = sentinel.Fail, repairtest.Clock.Now(), repairtest.Clock.Now(), "bad"
	_, err = state.Record(t.Context(), store.Batch{Incidents: []sentinel.Incident{i}})
	return c, errors.Join(err, state.Close())
}

// lastRepair returns the repair of a state; the zero value if there is none.
func lastRepair(t *testing.T, path string) (r sentinel.Repair, err error) {
	state, err := store.Open(t.Context(), "sqlite:"+path)
	if err != nil {
		return r, err
	}
	all, err := state.Repairs(t.Context(), store.RepairFilter{})
	_, _, audit := state.VerifyAudit(t.Context())
	if len(all) > 0 {
		r = all[0]
	}
	return r, errors.Join(err, audit, state.Close())
}
