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
	rolledBackBy   = time.Minute
	rolledBackTold = 24 * time.Hour // how long people are told
	remembersEvery = time.Minute
)

// newestSuffix ends the name of the file beside a state that keeps its newest tick.
const newestSuffix = ".newest"

// remembered is the newest tick that a state had. It is kept outside of the state: beside
// its file, and in the memory of this process.
type remembered struct {
	path   string // "" for a state in PostgreSQL
	newest time.Time
}

// rememberedOf returns what is known of the state of an address.
func rememberedOf(address string) *remembered {
	if store.Shared(address) {
		return &remembered{}
	}
	return &remembered{path: strings.TrimPrefix(address, "sqlite:") + newestSuffix}
}

// read returns the newest tick that the state had; zero if that is not known.
func (r *remembered) read() (time.Time, error) {
	if r.path == "" {
		return r.newest, nil
	}
	text, err := os.ReadFile(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return r.newest, nil
	}
	if err != nil {
		return r.newest, err
	}
	at, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(string(text)))
	if err != nil {
		return r.newest, fmt.Errorf("%s: want a time such as 2026-11-30T03:00:00Z: %w", r.path, err)
	}
	return at, nil
}

// write keeps the newest tick. A crash leaves the one before or this one.
func (r *remembered) write(at time.Time) error {
	r.newest = at
	if r.path == "" {
		return nil
	}
	part := r.path + ".part"
	if err := os.WriteFile(part, []byte(at.UTC().Format(time.RFC3339Nano)+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(part, r.path)
}

// rollback notices that a state is older than it was.
type rollback struct {
	*term
	memory *remembered
	told   atomic.Pointer[string] // for the page; nil: it was not rolled back
	until  time.Time              // of what is told
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
		newest, err := r.state.NewestTick(ctx)
		if err == nil && !newest.IsZero() {
			err = r.memory.write(newest)
		}
		if err != nil && ctx.Err() == nil {
			r.Log.Error("remembering the newest tick of the state", "error", err)
		}
		if r.told.Load() != nil && r.Clock.Now().After(r.until) {
			r.told.Store(nil)
			r.metrics.Set(exporters.StoreRolledBack, 0)
		}
		if !wait.For(ctx, remembersEvery) {
			return
		}
	}
}

// compare tells people if the state is older than it was.
func (r *rollback) compare(newest time.Time) error {
	had, err := r.memory.read()
	behind := had.Sub(newest)
	if err != nil || had.IsZero() || behind <= rolledBackBy {
		return err
	}
	text := fmt.Sprintf("The state was rolled back: its newest tick is of %s, and it had one of %s (%s later). What was "+
		"recorded in between is gone: look at silences, accepted schemas, labels and open incidents.",
		stampOf(newest), stampOf(had), notify.Span(behind))
	r.told.Store(&text)
	r.metrics.Set(exporters.StoreRolledBack, behind.Seconds())
	r.Log.Error("the state was rolled back: an older copy is in its place", "newest_tick", newest, "had", had)
	r.until = r.Clock.Now().Add(rolledBackTold)
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
