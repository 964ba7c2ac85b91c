// Package wait waits for a time that a context can cut short. It has two functions,
// [For] and [Wake].
package wait

import (
	"context"
	"time"
)

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
