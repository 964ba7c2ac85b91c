package demo

import (
	"context"
	"time"
)

// Poll checks a condition every 50 ms. It returns when the condition is met, when
// checking fails, or after limit.
func Poll(ctx context.Context, limit time.Duration, met func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := met()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
