package agent

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/store"
)

// countRepairs exports how many repairs are active, and returns the number.
func (a *Agent) countRepairs(ctx context.Context) (n int, ok bool) {
	active, err := a.store.Repairs(ctx, store.RepairFilter{Active: true})
	dead, deadErr := a.store.Repairs(ctx, store.RepairFilter{State: sentinel.DeadLetter})
	if err := errors.Join(err, deadErr); err != nil {
		if ctx.Err() == nil {
			a.log.Error("counting repairs", "error", err)
		}
		return 0, false
	}
	states := map[sentinel.RepairState]int{
		sentinel.AwaitingApproval: 0,
		sentinel.RepairSuppressed: 0,
		sentinel.RetryWait:        0,
		sentinel.RepairApplying:   0,
	}
	for _, r := range active {
		states[r.State]++
	}
	for s, n := range states {
		a.metrics.Set(exporters.RepairsActive, float64(n), string(s))
	}
	a.metrics.Set(exporters.DeadLetters, float64(len(dead)), "repair")
	return len(active), true
}

// keepFor is how long staging tables are kept after the end of a repair whose plan does not
// say so.
const keepFor = 24 * time.Hour

// sweep drops the staging tables of repairs that ended longer ago than their plans keep
// them.
func (a *Agent) sweep(ctx context.Context, plan Plan) {
	recent, err := a.store.Repairs(ctx, store.RepairFilter{Limit: 10000})
	if err != nil {
		if ctx.Err() == nil {
			a.log.Error("sweeping staging tables", "error", err)
		}
		return
	}
	kept := map[string]bool{}
	schemas := map[string]map[string]bool{}
	for _, r := range recent {
		kept[r.ID] = !r.State.Final() || a.now().Sub(r.Finished) < cmp.Or(r.Plan.KeepFor, keepFor)
		if schemas[r.Table.Warehouse] == nil {
			schemas[r.Table.Warehouse] = map[string]bool{}
		}
		schemas[r.Table.Warehouse][r.Table.Schema] = true
	}
	for name, bySchema := range schemas {
		w := plan.Writers[name]
		for schema := range bySchema {
			if w == nil {
				continue
			}
			dropped, err := w.Sweep(ctx, schema, func(id string) bool { return kept[id] })
			if err != nil && ctx.Err() == nil {
				a.log.Error("sweeping staging tables", "warehouse", name, "error", err)
			} else if len(dropped) > 0 {
				a.log.Info("dropped staging tables", "warehouse", name, "tables", dropped)
			}
		}
	}
}
