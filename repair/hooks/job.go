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

// remoteJob is a job in another system.
type remoteJob interface {
	// find looks the job up by its name. A job that does not exist is jobAbsent, and
	// no error.
	find(ctx context.Context) (job, error)
	// submit asks the other system to run the job.
	submit(ctx context.Context) error
}

// follower brings a job about and follows it to its end. It submits a job that
// does not exist, and looks at one that does for up to timeout: every poll at
// first, and then less often, since each look is saved.
type follower struct {
	run           *repair.Run
	poll, timeout time.Duration
}

// step takes a job one step on. It returns nil when the job is done, and a
// [repair.RunningError] while it is not.
func (f follower) step(ctx context.Context, remote remoteJob, undo bool) error {
	j, err := remote.find(ctx)
	if err != nil {
		return err
	}
	asked := f.run.Repair.Asked
	switch {
	case j.State == jobAbsent && !asked.IsZero():
		return fmt.Errorf("%s was removed before Sentinel read its result", j.Name)
	case j.State == jobAbsent:
		return f.submit(ctx, remote, j.Name, undo)
	case j.State == jobDone:
		return nil
	case j.State == jobFailed:
		return fmt.Errorf("%s did not succeed: %s", j.Name, cmp.Or(j.Why, "it gives no reason"))
	case !asked.IsZero() && f.run.Now().Sub(asked) >= f.timeout:
		return fmt.Errorf("%s did not end within %s, and may still end: %s", j.Name, f.timeout, cmp.Or(j.Why,
			"it is running"))
	}
	wait := f.poll
	if !asked.IsZero() {
		wait = max(wait, f.run.Now().Sub(asked)/20)
	}
	return &repair.RunningError{What: j.Name + ": " + cmp.Or(j.Why, "running"), After: wait}
}

// submit asks for a job that does not exist yet.
func (f follower) submit(ctx context.Context, remote remoteJob, name string, undo bool) error {
	if err := f.run.Alive(); err != nil {
		return err
	}
	if err := remote.submit(ctx); err != nil {
		return err
	}
	place := "after_apply_commit"
	if undo {
		place = "after_rollback_commit"
	}
	f.run.Failpoint(place)
	return &repair.RunningError{What: name + " was requested", After: f.poll}
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
