package cluster

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// leadershipEvery is how often a standby tries to lead, and how often a leader verifies
// that it still leads. The lock and the epoch of the leader belong to the state: see
// [store.Open] and [store.Store.Leading].
const leadershipEvery = time.Second

// ErrNotLeading says that another agent leads now. This agent discards what it knows
// and becomes a standby.
var ErrNotLeading = errors.New("another agent leads")

// LeadershipObserver hears whether this agent leads.
type LeadershipObserver interface{ Leading(bool) }

// Campaign tries to open a state for writing until no other agent leads. It returns
// neither a state nor an error when reload is signalled.
func Campaign(
	ctx context.Context, dsn sentinel.Secret, reload <-chan os.Signal, log *slog.Logger,
) (*store.Store, error) {
	ticker := time.NewTicker(leadershipEvery)
	defer ticker.Stop()
	for down := false; ; {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-reload:
			return nil, nil
		case <-ticker.C:
		}
		state, err := store.OpenDSN(ctx, dsn)
		switch {
		case err == nil:
			log.Info("this agent becomes the leader", "state", store.Redact(dsn.Reveal()))
			return state, nil
		case errors.Is(err, store.ErrNewer):
			return nil, err
		case errors.Is(err, store.ErrLocked):
			down = false
		case ctx.Err() == nil && !down:
			down = true
			log.Warn("standby: the state does not answer", "error", err)
		}
	}
}

// OpenReader opens a state for reading as soon as that is possible. It returns nil
// without an error if ctx ends before.
func OpenReader(ctx context.Context, dsn sentinel.Secret, log *slog.Logger) (*store.Store, error) {
	ticker := time.NewTicker(leadershipEvery)
	defer ticker.Stop()
	for logged := false; ; {
		state, err := store.OpenReaderDSN(ctx, dsn)
		if err == nil {
			return state, nil
		}
		if !logged && ctx.Err() == nil {
			logged = true
			log.Warn("this agent takes no tasks yet: the state cannot be read", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-ticker.C:
		}
	}
}

// KeepLeading watches the leadership of a shared state until ctx ends. It returns
// [ErrNotLeading] when another agent has led since. While the state does not answer,
// the agent continues from memory, and its records wait.
func KeepLeading(ctx context.Context, state *store.Store, observer LeadershipObserver, log *slog.Logger) error {
	observer.Leading(true)
	ticker := time.NewTicker(leadershipEvery)
	defer ticker.Stop()
	for lost := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		err := state.Leading(ctx)
		switch {
		case err == nil:
			if lost {
				log.Info("the state answers again; this agent is still the leader")
			}
			lost = false
			observer.Leading(true)
		case errors.Is(err, store.ErrOvertaken), errors.Is(err, store.ErrLocked):
			return ErrNotLeading
		case ctx.Err() == nil && !lost:
			lost = true
			observer.Leading(false)
			log.Error("the state does not answer: checks continue, results wait in memory, repairs do not start",
				"error", err)
		}
	}
}
