// Package wait waits for a time that a context can cut short. It has three functions:
// [For], [Wake], and [On] for clocks that do not run as fast as the machine's.
package wait

import (
	"context"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// On returns how long the machine takes for d of a clock, such as a [sentinel.ScaledClock].
func On(clock sentinel.Clock, d time.Duration) time.Duration {
	if scaled, ok := clock.(interface {
		Wall(d time.Duration) time.Duration
	}); ok {
		return scaled.Wall(d)
	}
	return d
}

// For waits for d. It returns false as soon as ctx ends. A d of zero or less is no wait.
func For(ctx context.Context, d time.Duration) bool { return Wake(ctx, d, nil) }

// Wake waits for d, or until wake is signalled. It returns false as soon as ctx ends. A
// nil channel is never signalled.
func Wake(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-timer.C:
	}
	return ctx.Err() == nil
}
