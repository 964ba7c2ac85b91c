package hooks

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
)

// job is work that another system does under a name that Sentinel chose, so
// that it is found again by whoever looks next.
type job struct {
	Name  string // for people
	State jobState
	Why   string // of a failure, or of a wait
}

// requestTimeout is for one request of a hook; the job itself has a time of its own.
const requestTimeout = 30 * time.Second

type jobState int

const (
	jobAbsent jobState = iota
	jobRunning
	jobDone
	jobFailed
)

// followed is how a job is brought about: found by its name, asked for where it
// is not there, and looked at again for up to Timeout: every Poll at first, and
// then less often, for each look is saved.
type followed struct {
	Poll, Timeout time.Duration
	Find          func(ctx context.Context) (job, error)
	Submit        func(ctx context.Context) error
}

// step brings a job one step on. It is nil when the job is done, and a
// [RunningError] while it is not.
func (f followed) step(ctx context.Context, run *repair.Run, undo bool) error {
	j, err := f.Find(ctx)
	if err != nil {
		return err
	}
	asked := run.Repair.Asked
	switch {
	case j.State == jobAbsent && !asked.IsZero():
		return fmt.Errorf("%s is gone: it was removed before its end was seen", j.Name)
	case j.State == jobAbsent:
		if err := run.Alive(); err != nil {
			return err
		}
		if err := f.Submit(ctx); err != nil {
			return err
		}
		run.Failpoint(map[bool]string{false: "after_apply_commit", true: "after_rollback_commit"}[undo])
		return &repair.RunningError{What: j.Name + " was asked for", After: f.Poll}
	case j.State == jobDone:
		return nil
	case j.State == jobFailed:
		return fmt.Errorf("%s did not succeed: %s", j.Name, cmp.Or(j.Why, "it does not say why"))
	case !asked.IsZero() && run.Now().Sub(asked) >= f.Timeout:
		return fmt.Errorf("%s did not end within %s, and may still end: %s", j.Name, f.Timeout, cmp.Or(j.Why,
			"it is running"))
	}
	wait := f.Poll
	if !asked.IsZero() {
		wait = max(wait, run.Now().Sub(asked)/20)
	}
	return &repair.RunningError{What: j.Name + ": " + cmp.Or(j.Why, "running"), After: wait}
}

// checkDurations refuses times that cannot be waited for.
func checkDurations(timeout, poll time.Duration) error {
	if timeout < 0 {
		return settings.Wrong("timeout", "must be positive")
	}
	if poll < 0 {
		return settings.Wrong("poll", "must be positive")
	}
	return nil
}

// hookPlan is what the plans of all followed jobs have in common.
func hookPlan(action string, trigger repair.Trigger, summary string, step sentinel.Step) sentinel.Plan {
	i := trigger.Incident
	return sentinel.Plan{
		Action: action, Table: i.Table, Finding: i.Key, Scope: i.Key, Summary: summary, Steps: []sentinel.Step{step},
		Class: sentinel.ClassAuto, Guarantee: sentinel.LookedUp, Rows: -1,
	}
}
