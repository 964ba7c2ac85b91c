package drill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// stateLost kills the agent, removes its state, restores the newest backup and starts
// the agent again. What the state knew must be there again, and every tick recorded or
// counted as missed.
func (d *drilling) stateLost(ctx context.Context) (o Outcome, err error) {
	o.Name, o.Detected = "the state is lost", -1
	incidents, err := d.memory.Incidents(ctx, store.IncidentFilter{Resolved: true})
	if err != nil {
		return o, err
	}
	if err := d.backedUp(ctx); err != nil {
		return o, fmt.Errorf("no backup: %w", err)
	}
	if err := d.cmd.Process.Kill(); err != nil {
		return o, err
	}
	if err := d.cmd.Wait(); err == nil {
		return o, errors.New("the agent ended by itself")
	}
	if err := d.memory.Close(); err != nil {
		return o, err
	}
	d.cmd, d.memory = nil, nil
	begin := d.clock.Now()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		err := os.Remove(filepath.Join(d.dir, "state.db"+suffix))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return o, err
		}
	}
	if err := d.restore(ctx); err != nil {
		return o, err
	}
	if err := d.begin(ctx, 6); err != nil {
		return o, err
	}
	orders := sentinel.Table{Warehouse: "shop", Schema: "main", Name: "orders"}
	if err := until(ctx, func() (bool, error) {
		ticks, err := d.memory.Ticks(ctx, orders, 1)
		return len(ticks) == 1 && ticks[0].Tick.After(begin), err
	}); err != nil {
		return o, err
	}
	o.Repaired = d.clock.Now().Sub(begin)
	for _, i := range incidents {
		_, there, err := d.memory.Incident(ctx, i.ID)
		if err != nil {
			return o, err
		}
		if !there {
			o.Lost++
		}
	}
	ticks, err := d.lostTicks(ctx, orders, begin.Add(-time.Minute))
	o.Lost += ticks
	o.Note = fmt.Sprintf("restored from a backup with %d incidents", len(incidents))
	return o, err
}

// backedUp waits for a backup that begins from now on.
func (d *drilling) backedUp(ctx context.Context) error {
	from := "sentinel-" + d.clock.Now().UTC().Add(time.Second).Format("20060102T150405Z") + ".db"
	return until(ctx, func() (bool, error) {
		kept, err := filepath.Glob(filepath.Join(d.dir, "backups", "sentinel-*.db"))
		return len(kept) > 0 && kept[len(kept)-1] > filepath.Join(d.dir, "backups", from), err
	})
}

// restore puts the newest backup in the place of the state, as a person would.
func (d *drilling) restore(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, "state", "restore", "latest", "-c", "sentinel.yaml")
	cmd.Dir, cmd.Env = d.dir, os.Environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("restoring the newest backup: %w: %s", err, out)
	}
	return nil
}
