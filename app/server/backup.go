package server

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sentinel-dq/sentinel/backup"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/internal/wait"
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
	problem atomic.Pointer[string]        // why the last one failed; nil: it did not
}

// put makes run take backups with a keeper; nil: none.
func (b *backups) put(k *backup.Keeper) {
	b.keeper.Store(k)
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
			b.problem.Store(nil)
			wait.Wake(ctx, backupRetry, b.changed)
			continue
		}
		var next time.Time
		err := panics.Catch(func() (err error) {
			next, err = b.step(ctx, k)
			return err
		})
		if err != nil && ctx.Err() == nil {
			text := err.Error()
			b.problem.Store(&text)
			b.metrics.Add(exporters.BackupFailures, 1)
			b.Log.Error("backing up the state", "error", err, "next_try_in", backupRetry.String())
			next = b.Clock.Now().Add(backupRetry)
		}
		wait.Wake(ctx, min(next.Sub(b.Clock.Now()), backupRetry), b.changed)
	}
}

// step takes a backup if one is due. It returns when the next one is.
func (b *backups) step(ctx context.Context, k *backup.Keeper) (next time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, backupTimeout)
	defer cancel()
	b.metrics.Add(exporters.BackupFailures, 0)
	all, err := k.List(ctx)
	if err != nil {
		return next, err
	}
	due := b.Clock.Now()
	if len(all) > 0 {
		due = k.Config.Due(all[0].At)
	}
	b.export(k, all, due)
	if due.After(b.Clock.Now()) {
		return due, nil
	}
	if err := k.Clean(); err != nil {
		return next, err
	}
	taken, err := k.Take(ctx, b.state)
	if err != nil {
		return next, err
	}
	b.problem.Store(nil)
	b.Log.Info("the state is backed up", "to", k.Config.To, "backup", taken.Name, "bytes", taken.Bytes)
	if all, err = k.List(ctx); err != nil {
		return next, err
	}
	due = k.Config.Due(taken.At)
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
}

// problems says that the last backup failed.
func (b *backups) problems() []string {
	text := b.problem.Load()
	k := b.keeper.Load()
	if text == nil || k == nil {
		return nil
	}
	return []string{fmt.Sprintf("The last backup of the state failed: %s", cmp.Or(*text, "no reason"))}
}
