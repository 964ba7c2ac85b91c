package server

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/sentinel-dq/sentinel/backup"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/web/page"
)

// These bound backups of the state.
const (
	backupTimeout = time.Hour       // of one backup
	backupRetry   = 5 * time.Minute // between two tries
)

// backups takes backups of the state on their schedule. A term has one.
type backups struct {
	*term
	keeper  atomic.Pointer[backup.Keeper] // nil: none are taken
	changed chan struct{}                 // wakes run
	problem atomic.Pointer[failure]       // what went wrong last, for the page; nil: nothing
	kept    atomic.Pointer[page.Backups]  // what was listed last, for the page; nil: nothing was
}

// put makes run take backups with a keeper; nil: none.
func (b *backups) put(k *backup.Keeper) {
	b.keeper.Store(k)
	b.kept.Store(nil)
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// run takes backups until ctx ends.
func (b *backups) run(ctx context.Context) {
	for ctx.Err() == nil {
		k := b.keeper.Load()
		if k == nil {
			b.forget()
			wait.Wake(ctx, wait.On(b.Clock, backupRetry), b.changed)
			continue
		}
		next := b.try(ctx, k)
		wait.Wake(ctx, wait.On(b.Clock, min(next.Sub(b.Clock.Now()), backupRetry)), b.changed)
	}
}

// forget removes what a reload has left of backups that are no longer taken: nobody waits for the
// next one.
func (b *backups) forget() {
	b.problem.Store(nil)
	b.kept.Store(nil)
	for _, m := range []exporters.Metric{
		exporters.BackupDue, exporters.BackupTimestamp, exporters.BackupSize, exporters.BackupsKept,
	} {
		b.metrics.Forget(m)
	}
}

// What is said of an error, by what failed.
const (
	takeFailed  = "The last backup of the state failed"
	listFailed  = "The backups of the state cannot be listed"
	pruneFailed = "Backups of the state that are too many cannot be removed"
)

// failure is an error of a step.
type failure struct {
	error
	what string // the sentence of what failed
}

// try takes a backup if one is due, and tells people of an error. It returns when to try again.
func (b *backups) try(ctx context.Context, k *backup.Keeper) (next time.Time) {
	err := panics.Catch(func() (err error) {
		next, err = b.step(ctx, k)
		return err
	})
	if err == nil || ctx.Err() != nil {
		return next
	}
	failed := &failure{err, takeFailed}
	errors.As(err, &failed)
	b.problem.Store(failed)
	b.metrics.Add(exporters.BackupFailures, 1)
	b.Log.Error("backing up the state", "what", failed.what, "error", err, "next_try_in", backupRetry.String())
	return b.Clock.Now().Add(backupRetry)
}

// step takes a backup if one is due. It returns when the next one is.
func (b *backups) step(ctx context.Context, k *backup.Keeper) (next time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, backupTimeout)
	defer cancel()
	b.metrics.Add(exporters.BackupFailures, 0)
	due, err := b.look(ctx, k)
	if err != nil {
		return next, err
	}
	if due.After(b.Clock.Now()) { // whatever failed before, the newest backup is young enough
		if last := b.problem.Load(); last != nil && last.what != pruneFailed {
			b.problem.Store(nil)
		}
		return due, nil
	}
	if err := k.Clean(); err != nil {
		b.Log.Warn("removing what earlier backups have left", "directory", k.Scratch, "error", err)
	}
	taken, err := k.Take(ctx, b.state)
	if prune := (*backup.PruneError)(nil); errors.As(err, &prune) {
		return next, &failure{err, pruneFailed}
	}
	if err != nil {
		return next, err
	}
	b.problem.Store(nil)
	b.Log.Info("the state is backed up", "to", k.Config.To, "backup", taken.Name, "bytes", taken.Bytes)
	return b.look(ctx, k)
}

// look exports what is kept. It returns when the next backup is due.
func (b *backups) look(ctx context.Context, k *backup.Keeper) (due time.Time, err error) {
	all, err := k.List(ctx)
	if err != nil {
		return due, &failure{err, listFailed}
	}
	due = b.Clock.Now()
	if len(all) > 0 {
		due = k.Config.Due(all[0].At)
	}
	b.export(k, all, due)
	return due, nil
}

// export exports what is kept. Without a backup one is due since the agent was started.
func (b *backups) export(k *backup.Keeper, all []backup.Backup, due time.Time) {
	b.metrics.Set(exporters.BackupsKept, float64(len(all)))
	b.metrics.Set(exporters.BackupDue, float64(due.Unix()))
	if len(all) > 0 {
		b.metrics.Set(exporters.BackupTimestamp, float64(all[0].At.Unix()))
		b.metrics.Set(exporters.BackupSize, float64(all[0].Bytes))
	}
	kept := &page.Backups{Due: due}
	if len(all) > 0 {
		kept.Newest = all[0].At
	}
	b.kept.Store(kept)
}

// known returns what was listed last; ok is false if no backups are taken.
func (b *backups) known() (kept page.Backups, ok bool) {
	if b.keeper.Load() == nil {
		return kept, false
	}
	if last := b.kept.Load(); last != nil {
		kept = *last
	}
	return kept, true
}

// problems says what is wrong with the backups.
func (b *backups) problems() []string {
	last := b.problem.Load()
	if last == nil || b.keeper.Load() == nil {
		return nil
	}
	return []string{last.what + ": " + last.Error()}
}
