package agent

import (
	"context"
	"errors"
	"time"

	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/internal/wait"
)

// recovered counts and logs a recovered panic.
func (a *Agent) recovered(ctx context.Context, where string, bug *panics.Error) {
	a.metrics.Add(exporters.Panics, 1, where)
	a.log.ErrorContext(ctx, "recovered from a panic", "where", where, "panic", bug.Value, "stack", string(bug.Stack))
}

// supervise runs a loop until it returns. It starts a loop that panics again after a
// second.
func (a *Agent) supervise(ctx context.Context, where string, loop func(context.Context)) {
	for {
		err := panics.Catch(func() error { loop(ctx); return nil })
		var bug *panics.Error
		if !errors.As(err, &bug) {
			return
		}
		a.recovered(ctx, where, bug)
		if !wait.For(ctx, time.Second) {
			return
		}
	}
}
