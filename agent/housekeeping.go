package agent

import (
	"context"
	"time"

	"github.com/sentinel-dq/sentinel/internal/wait"
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
			if _, err := a.store.PruneOutbox(ctx, now, retention); err != nil && ctx.Err() == nil {
				a.log.Error("pruning the outbox", "error", err)
			}
		}
		a.countNotices(ctx)
		a.mu.Lock()
		a.countSilences() // one may have ended
		a.mu.Unlock()
		a.watchSilences(ctx, logged)
		if !wait.For(ctx, wait.On(a.clock, time.Minute)) {
			return
		}
	}
}
