package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel/tools/internal/scaled"
)

// loadEvery is the time between two loads, on the clock.
const loadEvery = 10 * time.Minute

// event is something that happens again and again.
type event struct {
	name   string
	hour   int // the hours after the start, modulo every, at which it happens
	every  int
	happen func(ctx context.Context, w *world, a *scaled.Agent, hour int) error
}

// shopAt is the shop whose turn it is. An event and its end name the same one.
func shopAt(hour, every int) int { return hour / every % shops }

// events are what happens to the warehouses, the receiver and the configuration. Each
// breakage has its end in the same period.
var events = []event{
	{"a loader stops", 1, 12, func(_ context.Context, w *world, _ *scaled.Agent, hour int) error {
		w.paused[shopAt(hour, 12)] = true
		return nil
	}},
	{"it goes on", 6, 12, func(_ context.Context, w *world, _ *scaled.Agent, hour int) error {
		w.paused[shopAt(hour, 12)] = false
		return nil
	}},
	{"a day is lost, and repaired", 2, 8, func(ctx context.Context, w *world, _ *scaled.Agent, hour int) error {
		day := w.clock.Now().AddDate(0, 0, -1).Format(time.DateOnly)
		return w.exec(ctx, shopAt(hour, 8), "DELETE FROM invoices WHERE day = '"+day+"'")
	}},
	{"a column is added", 3, 12, func(ctx context.Context, w *world, _ *scaled.Agent, hour int) error {
		return w.exec(ctx, shopAt(hour, 12), "ALTER TABLE orders_1 ADD COLUMN coupon TEXT")
	}},
	{"it is removed", 7, 12, func(ctx context.Context, w *world, _ *scaled.Agent, hour int) error {
		return w.exec(ctx, shopAt(hour, 12), "ALTER TABLE orders_1 DROP COLUMN coupon")
	}},
	{"a table is renamed", 8, 24, func(ctx context.Context, w *world, _ *scaled.Agent, hour int) error {
		return w.exec(ctx, shopAt(hour, 24), "ALTER TABLE stock RENAME TO goods")
	}},
	{"it has its name again", 9, 24, func(ctx context.Context, w *world, _ *scaled.Agent, hour int) error {
		return w.exec(ctx, shopAt(hour, 24), "ALTER TABLE goods RENAME TO stock")
	}},
	{"a warehouse has a wrong address", 14, 24, func(_ context.Context, w *world, a *scaled.Agent, _ int) error {
		w.wrong = true
		return w.reload(a)
	}},
	{"it has its own again", 16, 24, func(_ context.Context, w *world, a *scaled.Agent, _ int) error {
		w.wrong = false
		return w.reload(a)
	}},
	{"the receiver refuses", 2, 10, func(_ context.Context, w *world, _ *scaled.Agent, _ int) error {
		w.refuses.Store(true)
		return nil
	}},
	{"it takes notices again", 4, 10, func(_ context.Context, w *world, _ *scaled.Agent, _ int) error {
		w.refuses.Store(false)
		return nil
	}},
	{"a reload", 4, 5, func(_ context.Context, w *world, a *scaled.Agent, _ int) error { return w.reload(a) }},
}

// reload puts another configuration in force.
func (w *world) reload(a *scaled.Agent) error {
	w.reloads++
	return errors.Join(w.configure(), a.Reload())
}

// play loads rows and lets events happen until ctx ends.
func (w *world) play(ctx context.Context, a *scaled.Agent) error {
	begin := w.clock.Now()
	tick := time.NewTicker(w.clock.Wall(loadEvery))
	defer tick.Stop()
	hour := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := w.clock.Now()
		for ; begin.Add(time.Duration(hour+1) * time.Hour).Before(now); hour++ {
			for _, e := range events {
				if hour%e.every != e.hour {
					continue
				}
				if err := e.happen(ctx, w, a, hour); err != nil {
					return fmt.Errorf("%s: %w", e.name, err)
				}
			}
		}
		for shop := range shops {
			if w.paused[shop] {
				continue
			}
			err := errors.Join(w.load(ctx, shop, now), w.bill(ctx, shop, now))
			if err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}
