package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// A state was rolled back where its newest tick is older than one that it had before by
// more than rolledBackBy. A power cut undoes less.
const (
	rolledBackBy    = time.Minute
	rolledBackShown = 24 * time.Hour // how long it is reported
	remembersEvery  = time.Minute
)

// newestSuffix ends the name of the file beside a state that keeps its newest tick.
const newestSuffix = ".newest"

// remembered is what is known of a state outside of it: beside its file, and in the memory of
// this process.
type remembered struct {
	path string // "" for a state in PostgreSQL
	last memory
}

// memory is the newest tick that a state had, and that it was rolled back.
type memory struct {
	newest time.Time
	rolled rolledBack
}

// rolledBack is a state that had a tick, and got an older one for its newest. It is
// reported until a time; zero: it was not rolled back.
type rolledBack struct{ had, got, until time.Time }

// rememberedOf returns what is known of the state of an address.
func rememberedOf(address string) *remembered {
	if store.Shared(address) {
		return &remembered{}
	}
	return &remembered{path: strings.TrimPrefix(address, "sqlite:") + newestSuffix}
}

// read returns what is known of the state; zero if that is nothing. A file has the newest tick
// in its first line, and had, got and until of [rolledBack] in the second.
func (r *remembered) read() (m memory, err error) {
	if r.path == "" {
		return r.last, nil
	}
	text, err := os.ReadFile(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return r.last, nil
	}
	if err != nil {
		return r.last, err
	}
	fields := strings.Fields(string(text))
	if len(fields) != 1 && len(fields) != 4 {
		return r.last, fmt.Errorf("%s: want a time such as 2026-11-30T03:00:00Z, or four", r.path)
	}
	times := []*time.Time{&m.newest, &m.rolled.had, &m.rolled.got, &m.rolled.until}
	for n, field := range fields {
		if *times[n], err = time.Parse(time.RFC3339Nano, field); err != nil {
			return r.last, fmt.Errorf("%s: want a time such as 2026-11-30T03:00:00Z: %w", r.path, err)
		}
	}
	return m, nil
}

// write keeps what is known. A crash leaves what was known before or this.
func (r *remembered) write(m memory) error {
	r.last = m
	if r.path == "" {
		return nil
	}
	text := m.newest.UTC().Format(time.RFC3339Nano) + "\n"
	if to := m.rolled; !to.until.IsZero() {
		for n, at := range []time.Time{to.had, to.got, to.until} {
			text += at.UTC().Format(time.RFC3339Nano) + []string{" ", " ", "\n"}[n]
		}
	}
	part := r.path + ".part"
	if err := os.WriteFile(part, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(part, r.path)
}

// rollback notices that a state is older than it was.
type rollback struct {
	*term
	memory *remembered
	told   atomic.Pointer[string] // for the page; nil: it was not rolled back
	rolled rolledBack             // what is reported
}

// begin compares the state with what is remembered of it. It is called before anything is
// recorded.
func (r *rollback) begin(ctx context.Context) {
	r.metrics.Set(exporters.StoreRolledBack, 0)
	newest, err := r.state.NewestTick(ctx)
	if err == nil {
		err = r.compare(newest)
	}
	if err != nil && ctx.Err() == nil {
		r.Log.Error("comparing the state with what is remembered of it", "error", err)
	}
}

// run remembers the newest tick of the state, until ctx ends.
func (r *rollback) run(ctx context.Context) {
	for {
		r.remember(ctx)
		if !wait.For(ctx, wait.On(r.Clock, remembersEvery)) {
			return
		}
	}
}

// remember keeps the newest tick of the state, and what is reported for as long as it is.
func (r *rollback) remember(ctx context.Context) {
	if r.told.Load() != nil && r.Clock.Now().After(r.rolled.until) {
		r.rolled = rolledBack{}
		r.told.Store(nil)
		r.metrics.Set(exporters.StoreRolledBack, 0)
	}
	newest, err := r.state.NewestTick(ctx)
	if err == nil && !newest.IsZero() {
		err = r.memory.write(memory{newest, r.rolled})
	}
	if err != nil && ctx.Err() == nil {
		r.Log.Error("remembering the newest tick of the state", "error", err)
	}
}

// compare tells people if the state is older than it was, and goes on to tell them after a
// restart.
func (r *rollback) compare(newest time.Time) error {
	known, err := r.memory.read()
	if err != nil {
		return err
	}
	now := r.Clock.Now()
	switch {
	case !known.newest.IsZero() && known.newest.Sub(newest) > rolledBackBy:
		r.rolled = rolledBack{known.newest, newest, now.Add(rolledBackShown)}
	case now.Before(known.rolled.until):
		r.rolled = known.rolled
	default:
		return nil
	}
	had, got, behind := r.rolled.had, r.rolled.got, r.rolled.had.Sub(r.rolled.got)
	text := fmt.Sprintf("The state was rolled back: its newest tick was of %s, and it had one of %s (%s later). What was "+
		"recorded in between is gone: look at silences, accepted schemas, labels and open incidents.",
		stampOf(got), stampOf(had), notify.Span(behind))
	r.told.Store(&text)
	r.metrics.Set(exporters.StoreRolledBack, behind.Seconds())
	r.Log.Error("the state was rolled back: an older copy is in its place", "newest_tick", got, "had", had)
	return nil
}

func stampOf(at time.Time) string {
	if at.IsZero() {
		return "no time"
	}
	return at.UTC().Format("2006-01-02 15:04 UTC")
}

// problems says for a day that the state was rolled back.
func (r *rollback) problems() []string {
	if text := r.told.Load(); text != nil {
		return []string{*text}
	}
	return nil
}
