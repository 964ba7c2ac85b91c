package drill

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// drilled is an agent under test: its process and its state.
type drilled struct {
	dir    string // where sentinel.yaml is, and the state
	cmd    *exec.Cmd
	memory *store.Store
	clock  sentinel.Clock
}

func (a *drilled) start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	a.cmd = exec.Command(self, "run", "-c", "sentinel.yaml")
	a.cmd.Dir = a.dir
	a.cmd.Env = os.Environ()
	return a.cmd.Start()
}

// begin starts the agent and waits until as many checks have run.
func (a *drilled) begin(ctx context.Context, checks int) error {
	if err := a.start(); err != nil {
		return err
	}
	if err := until(ctx, func() (opened bool, err error) {
		a.memory, err = store.OpenReader(ctx, "sqlite:"+filepath.Join(a.dir, "state.db"))
		return err == nil, nil
	}); err != nil {
		return fmt.Errorf("the agent does not begin: %w", err)
	}
	if err := until(ctx, func() (bool, error) {
		results, err := a.memory.LastResults(ctx, store.Filter{})
		return len(results) >= checks, err
	}); err != nil {
		return fmt.Errorf("the checks do not run: %w", err)
	}
	return nil
}

func (a *drilled) stop() error {
	if a.cmd == nil {
		return nil
	}
	err := errors.Join(a.cmd.Process.Signal(syscall.SIGTERM), a.cmd.Wait())
	if a.memory != nil {
		err = errors.Join(err, a.memory.Close())
	}
	return err
}

// seen waits for an incident of a check beyond those it had before. The incident may be
// resolved already: a repair takes less time than the interval of the checks.
func (a *drilled) seen(ctx context.Context, check string, had int) (time.Duration, error) {
	return a.wait(ctx, check, func(_, all int) bool { return all > had })
}

// gone waits for the end of a check's incidents.
func (a *drilled) gone(ctx context.Context, check string) (time.Duration, error) {
	return a.wait(ctx, check, func(open, _ int) bool { return open == 0 })
}

func (a *drilled) wait(ctx context.Context, check string, met func(open, all int) bool) (time.Duration, error) {
	begin := a.clock.Now()
	err := until(ctx, func() (bool, error) {
		open, all, err := a.alarms(ctx, check)
		return met(open, all), err
	})
	return a.clock.Now().Sub(begin), err
}

// says waits for a result of a check.
func (a *drilled) says(ctx context.Context, check string, met func(sentinel.Result) bool) (time.Duration, error) {
	begin := a.clock.Now()
	var last sentinel.Result
	err := until(ctx, func() (bool, error) {
		results, err := a.memory.LastResults(ctx, store.Filter{Check: check})
		if len(results) == 1 {
			last = results[0]
		}
		return last.Check != "" && met(last), err
	})
	if err != nil {
		err = fmt.Errorf("%w: %s says %s: %s", err, check, last.Status, last.Message)
	}
	return a.clock.Now().Sub(begin), err
}

// alarms counts the incidents in which a check says that its data is bad.
func (a *drilled) alarms(ctx context.Context, check string) (open, all int, err error) {
	incidents, err := a.memory.Incidents(ctx, store.IncidentFilter{Check: check, Resolved: true})
	for _, i := range incidents {
		says, stands := false, false
		for _, f := range i.Findings {
			if f.Check == check && !f.Monitor {
				says, stands = true, stands || f.Open()
			}
		}
		if says {
			all++
		}
		if stands {
			open++
		}
	}
	return open, all, err
}

// lostTicks counts the seconds since an instant for which nothing is recorded: neither
// a check of the dataset, nor a reason why it was not checked.
func (a *drilled) lostTicks(ctx context.Context, table sentinel.Table, since time.Time) (lost int, err error) {
	ticks, err := a.memory.Ticks(ctx, table, 100_000)
	recorded := map[int64]bool{}
	for _, t := range ticks {
		if !t.Tick.Before(since) {
			recorded[t.Tick.Unix()] = true
		}
	}
	if len(recorded) == 0 {
		return 0, errors.Join(err, errors.New("no tick is recorded"))
	}
	seconds := slices.Sorted(maps.Keys(recorded))
	return int(seconds[len(seconds)-1]-seconds[0]) + 1 - len(seconds), err
}

// account adds the outcomes of the ticks of a dataset since an instant, and the
// incidents of a check that blamed its data.
func (a *drilled) account(ctx context.Context, o *Outcome, since time.Time, check string, table sentinel.Table) error {
	lost, err := a.lostTicks(ctx, table, since)
	_, wrong, failed := a.alarms(ctx, check)
	o.Lost, o.Wrong = o.Lost+lost, o.Wrong+wrong
	return errors.Join(err, failed)
}
