package hooks

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/outbound"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
)

// job is work that another system does under a name that Sentinel chose. By that name
// any agent finds it again.
type job struct {
	Name  string // for people
	State jobState
	Why   string // of a failure, or of a wait
}

// requestTimeout limits one request of a hook. The job has a timeout of its own.
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
	// find finds the job by its name. For a job that does not exist it returns
	// jobAbsent and no error.
	find(ctx context.Context) (job, error)
	// submit asks the other system to run the job.
	submit(ctx context.Context) error
}

// follower submits a job that does not exist, and follows it to its end or to the
// timeout. It polls at the configured interval first, and less often later, because
// every poll is saved.
type follower struct {
	run           *repair.Run
	poll, timeout time.Duration
}

// step polls the job once. It returns nil when the job is done, and a
// [repair.RunningError] until then.
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
		return fmt.Errorf("%s did not succeed: %s", j.Name, cmp.Or(f.quote(j.Why), "it gives no reason"))
	case !asked.IsZero() && f.run.Now().Sub(asked) >= f.timeout:
		return fmt.Errorf("%s did not end within %s, and may still end: %s", j.Name, f.timeout, cmp.Or(f.quote(j.Why),
			"it is running"))
	}
	wait := f.poll
	if !asked.IsZero() {
		wait = max(wait, f.run.Now().Sub(asked)/20)
	}
	return &repair.RunningError{What: j.Name + ": " + cmp.Or(f.quote(j.Why), "running"), After: wait}
}

// quote shows what the other system said.
func (f follower) quote(text string) string { return outbound.OneLine(f.run.Scrub(text), quoted) }

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
