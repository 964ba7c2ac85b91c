package repair

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/store"
)

var errNotAlive = errors.New("the lease is lost, or the agent stops")

// leaseKeeper holds the lease of one repair. The lease is trusted from the start of its
// last renewal to a margin before its end. Now has Go's monotonic reading, so a changed
// clock has no effect.
type leaseKeeper struct {
	engine *Engine
	id     string
	fence  int64
	lease  time.Duration
	ctx    context.Context // of the step; ends when the lease is lost

	mu    sync.Mutex
	until time.Time
}

// start renews the lease after every third of its time, in a goroutine that stop waits
// for. ctx ends when the lease is lost.
func (h *leaseKeeper) start(ctx context.Context, begin time.Time) (context.Context, func()) {
	h.until = begin.Add(h.lease - h.lease/10)
	held, cancel := context.WithCancel(ctx)
	h.ctx = held
	// The end of the trust must be noticed even if the state does not answer.
	trust := h.lease - h.lease/10
	wall := wait.On(h.engine.Clock, trust)
	end := time.AfterFunc(wall, cancel)
	var renewing sync.WaitGroup
	renewing.Go(func() {
		defer func() { end.Stop() }()
		ticker := time.NewTicker(wait.On(h.engine.Clock, h.lease/3))
		defer ticker.Stop()
		for {
			select {
			case <-held.Done():
				return
			case <-ticker.C:
			}
			began, renewed := h.engine.Clock.Now(), time.AfterFunc(wall, cancel)
			err := h.engine.Store.ExtendLease(held, h.id, h.fence, h.engine.Clock.Now().Add(h.lease))
			h.mu.Lock()
			if err == nil {
				h.until = began.Add(trust)
				end, renewed = renewed, end
			}
			renewed.Stop()
			lost := errors.Is(err, store.ErrStale) || h.engine.Clock.Now().After(h.until)
			h.mu.Unlock()
			if lost {
				cancel()
				return
			}
		}
	})
	return held, func() {
		cancel()
		renewing.Wait()
		// Given back at once; if that fails it runs out by itself.
		_ = h.engine.Store.ExtendLease(context.WithoutCancel(ctx), h.id, h.fence, time.Unix(0, 0))
	}
}

// Alive implements [Control].
func (h *leaseKeeper) Alive() error {
	h.mu.Lock()
	until := h.until
	h.mu.Unlock()
	if h.ctx.Err() != nil || h.engine.Clock.Now().After(until) {
		return errNotAlive
	}
	if h.engine.killed(h.ctx) {
		return fmt.Errorf("%w: the kill switch is set", errNotAlive)
	}
	return nil
}

// Failpoint implements [Control].
func (h *leaseKeeper) Failpoint(place string) { h.engine.failpoint(place) }
