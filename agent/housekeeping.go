package agent

import (
	"cmp"
	"context"
	"time"

	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/store"
)

// housekeep prunes history older than the retention, at the start and daily. Every
// minute it counts the notices that wait to be sent.
func (a *Agent) housekeep(ctx context.Context, plan Plan) {
	retention := plan.Retention
	if retention == 0 {
		retention = 90 * 24 * time.Hour
	}
	var pruned time.Time
	logged := map[string]bool{} // of silences
	for {
		if now := a.now(); now.Sub(pruned) >= 24*time.Hour {
			pruned = now
			if n, err := a.store.Prune(ctx, now, retention); err != nil && ctx.Err() == nil {
				a.log.Error("pruning history", "error", err)
			} else if err == nil {
				a.log.Debug("pruned history", "removed", n)
			}
			a.pruneToSize(ctx, plan, now)
			if _, err := a.store.PruneOutbox(ctx, now, retention); err != nil && ctx.Err() == nil {
				a.log.Error("pruning the outbox", "error", err)
			}
			a.pruneRecords(ctx, plan, now)
		}
		if err := a.expireSamples(ctx, a.now()); err != nil && ctx.Err() == nil {
			a.log.Error("forgetting samples of failed rows", "error", err)
		}
		a.settleFlapping(ctx)
		a.countNotices(ctx)
		a.exportBudgets() // a day may have begun
		a.measureState(ctx)
		a.rereadSilences(ctx)
		a.mu.Lock()
		a.countSilences() // one may have ended
		a.mu.Unlock()
		a.watchSilences(ctx, logged)
		if !wait.For(ctx, wait.On(a.clock, time.Minute)) {
			return
		}
	}
}

// pruneToSize removes the oldest history where all of it is larger than it may be.
func (a *Agent) pruneToSize(ctx context.Context, plan Plan, now time.Time) {
	if plan.RetentionSize <= 0 {
		return
	}
	cut, err := a.store.PruneTo(ctx, now, plan.RetentionSize)
	a.metrics.Add(exporters.StoreCut, float64(cut.Ticks), "ticks")
	a.metrics.Add(exporters.StoreCut, float64(cut.Observations), "observations")
	if err != nil && ctx.Err() == nil {
		a.log.Error("pruning history to retention_size", "error", err)
	}
	if !cut.Before.IsZero() {
		a.log.Warn("removed history before the retention ended: it was larger than retention_size",
			"before", cut.Before.UTC().Format(time.RFC3339), "ticks", cut.Ticks, "observations", cut.Observations,
			"bytes", cut.Used, "retention_size", plan.RetentionSize)
	}
	if err != nil || cut.Used <= plan.RetentionSize {
		return
	}
	says := "history is still larger than retention_size: more is removed tomorrow"
	if cut.LastDay {
		says = "the last day of history alone is larger than retention_size"
	}
	a.log.Warn(says, "bytes", cut.Used, "retention_size", plan.RetentionSize)
}

// measureState exports what the state takes on disk.
func (a *Agent) measureState(ctx context.Context) {
	size, err := a.store.Size(ctx)
	if err != nil {
		if ctx.Err() == nil {
			a.log.Warn("the size of the state cannot be read", "error", err)
		}
		return
	}
	a.metrics.Set(exporters.StoreBytes, float64(size))
}

// defaultAuditRetention is how long audit entries and ended repairs are kept.
const defaultAuditRetention = 2 * 365 * 24 * time.Hour

// pruneRecords removes audit entries and ended repairs that are older than their retention.
func (a *Agent) pruneRecords(ctx context.Context, plan Plan, now time.Time) {
	before := now.Add(-cmp.Or(plan.AuditRetention, defaultAuditRetention))
	if n, err := a.store.CutAudit(ctx, before, now); err != nil && ctx.Err() == nil {
		a.log.Error("removing old audit entries", "error", err)
	} else if n > 0 {
		a.log.Info("removed old audit entries", "removed", n, "before", before.UTC().Format(time.RFC3339))
	}
	if _, err := a.store.PruneRepairs(ctx, before); err != nil && ctx.Err() == nil {
		a.log.Error("removing old repairs", "error", err)
	}
}

// settleFlapping ends the flapping of incidents that stay bad, and exports how many flap.
func (a *Agent) settleFlapping(ctx context.Context) {
	now := a.now()
	if rec := a.takeSettled(ctx, now); rec != nil {
		a.logChanges(rec)
	}
	a.mu.Lock()
	flapping := a.incidents.flapping(now)
	a.mu.Unlock()
	for tier, n := range flapping {
		a.metrics.Set(exporters.IncidentsFlapping, float64(n), tier)
	}
}

// takeSettled submits the record of the incidents that flap no more; nil if there is none.
func (a *Agent) takeSettled(ctx context.Context, now time.Time) *record {
	a.mu.Lock()
	defer a.mu.Unlock()
	changed := a.incidents.settled(now)
	if len(changed) == 0 {
		return nil
	}
	return a.submit(ctx, store.Batch{Incidents: changed}, a.incidents.takeChanges())
}
