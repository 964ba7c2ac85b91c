package repair

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel/store"
)

// Breaker states, as exported: 0 closed, 1 half-open, 2 open.
const (
	Closed = iota
	HalfOpen
	Open
)

// A breaker opens after failuresInRow, or when half of at least minOutcomes outcomes
// within breakerWindow are failures. After breakerCooldown it lets one trial through.
const (
	failuresInRow   = 3
	minOutcomes     = 6
	breakerWindow   = 30 * time.Minute
	breakerCooldown = 15 * time.Minute
)

// breaker is the circuit breaker of a policy on its table. It is a row in the store, so
// it outlives a restart and is shared by all agents.
type breaker struct {
	State               int
	Since               time.Time // of the state
	Trial               string    // half-open: the one repair that may try
	Outcomes            []outcome // of the last breakerWindow
	ConsecutiveFailures int       `json:"Row"`
}

type outcome struct {
	At time.Time
	OK bool
}

// record notes an outcome and decides.
func (b *breaker) record(ok bool, now time.Time) {
	b.Outcomes = append(b.Outcomes, outcome{now, ok})
	kept := b.Outcomes[:0]
	failed := 0
	for _, o := range b.Outcomes {
		if now.Sub(o.At) <= breakerWindow {
			kept = append(kept, o)
			if !o.OK {
				failed++
			}
		}
	}
	b.Outcomes = kept
	if ok {
		*b = breaker{State: Closed, Since: now, Outcomes: kept}
		return
	}
	b.ConsecutiveFailures++
	if b.State == HalfOpen || b.ConsecutiveFailures >= failuresInRow || len(kept) >= minOutcomes && 2*failed >= len(kept) {
		b.State, b.Since, b.Trial = Open, now, ""
	}
}

// allow reports whether a repair may proceed. It changes the state if the repair is the
// trial.
func (b *breaker) allow(repair string, now time.Time) (ok, changed bool) {
	switch {
	case b.State == Open && now.Sub(b.Since) >= breakerCooldown,
		b.State == HalfOpen && b.Trial != repair && now.Sub(b.Since) >= breakerCooldown: // the trial was never heard of again
		b.State, b.Since, b.Trial = HalfOpen, now, repair
		return true, true
	case b.State == HalfOpen:
		return b.Trial == repair, false
	}
	return b.State == Closed, false
}

// tryBreaker asks the durable breaker; of two agents one gets the trial.
func (e *Engine) tryBreaker(ctx context.Context, name, repair string) (bool, error) {
	b, row, err := e.breaker(ctx, name)
	if err != nil {
		return false, err
	}
	ok, changed := b.allow(repair, e.Clock.Now())
	if !ok || !changed {
		return ok, nil
	}
	return e.saveBreaker(ctx, name, row, b)
}

// recordOutcome notes an outcome; a lost race is tried again.
func (e *Engine) recordOutcome(ctx context.Context, name string, ok bool) error {
	for range 10 {
		b, row, err := e.breaker(ctx, name)
		if err != nil {
			return err
		}
		b.record(ok, e.Clock.Now())
		if saved, err := e.saveBreaker(ctx, name, row, b); saved || err != nil {
			return err
		}
	}
	return fmt.Errorf("breaker %s: changed by others ten times in a row", name)
}

func (e *Engine) breaker(ctx context.Context, name string) (b breaker, row store.Breaker, err error) {
	all, err := e.Store.Breakers(ctx)
	if err != nil {
		return b, row, err
	}
	row.Name = name
	for _, r := range all {
		if r.Name == name {
			row = r
			if err := json.Unmarshal(r.Body, &b); err != nil {
				return b, row, fmt.Errorf("breaker %s: %w", name, err)
			}
		}
	}
	return b, row, nil
}

func (e *Engine) saveBreaker(ctx context.Context, name string, row store.Breaker, b breaker) (bool, error) {
	body, err := json.Marshal(b)
	if err != nil {
		return false, err
	}
	row.Body = body
	saved, err := e.Store.SetBreaker(ctx, row)
	if saved {
		e.host.BreakerChanged(name, b.State)
	}
	return saved, err
}
