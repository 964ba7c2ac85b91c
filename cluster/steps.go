package cluster

import (
	"context"

	"github.com/sentinel-dq/sentinel/repair"
)

// Steps has any agent of the group carry out one step of a repair.
type Steps struct{ Member Submitter }

// Step implements [repair.Stepper]: any agent carries out the task. It returns
// [repair.ErrNoOtherAgent] where this agent is alone. Any other error means that the
// outcome is not known.
func (s *Steps) Step(ctx context.Context, t repair.Task) (done repair.TaskResult, err error) {
	if s.Member.Peers() == 0 {
		return done, repair.ErrNoOtherAgent
	}
	return do[repair.TaskResult](ctx, s.Member, KindRepair, t, false)
}
