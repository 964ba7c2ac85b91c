package agent

import (
	"context"
	"errors"

	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/store"
)

// guard returns nil if the state is in its place and can be written. A file that somebody
// has deleted is written again. One that was replaced ends the agent, because what it
// remembers is not of the new one.
func (r *recorder) guard() error {
	a := r.agent
	rewritten, err := a.store.Guard(context.Background()) // a large state is written for as long as it takes
	switch {
	case errors.Is(err, store.ErrReplaced):
		a.metrics.StoreUp(false)
		r.tell(err)
		select {
		case a.failed <- err:
		default: // the agent is ending
		}
		return err
	case err != nil:
		a.metrics.StoreUp(false)
		r.tell(err)
		if !r.behind.Swap(true) {
			a.log.Error("the state is not in its place; results are kept in memory", "error", err)
		}
		return err
	case rewritten:
		a.metrics.Add(exporters.StoreRewritten, 1)
		a.log.Error("the file of the state, or its log, was deleted under the agent: it is written again, and nothing is lost")
	}
	return nil
}

// tell keeps why the state cannot be written, for the status page.
func (r *recorder) tell(err error) {
	text := err.Error()
	r.problem.Store(&text)
}

// Problems are sentences about the state of the agent itself, for its status page. It
// never blocks.
func (a *Agent) Problems() []string {
	a.mu.Lock()
	r := a.recorder
	a.mu.Unlock()
	if r == nil {
		return nil
	}
	if text := r.problem.Load(); text != nil {
		return []string{"The state cannot be written: what is below may be old, and results wait in memory. " + *text}
	}
	if r.behind.Load() {
		return []string{"The state is slow to answer: what is below may be old, and results wait in memory."}
	}
	return nil
}
