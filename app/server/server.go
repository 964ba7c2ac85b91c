// Package server runs an agent: its state, checks, web server, exporters,
// telemetry, and its part in a cluster. Begin with [Server.Run]. One time of
// leading is a term (term.go); lead.go is what happens before it.
package server

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/app/setup"
	"github.com/sentinel-dq/sentinel/cluster"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/store"
)

// Options are what a server is made of besides its configuration.
type Options struct {
	ConfigPath string // is read again at every reload
	Version    string
	Clock      sentinel.Clock
	Log        *slog.Logger
	HangUp     <-chan os.Signal // the configuration is to be read again; nil: never
	RepairsOff <-chan os.Signal // repairs are to be switched off; nil: never
	// Lease is how long a repair stays with an agent that is not heard of any more, on the
	// clock. 0: 30s, or 8s where agents share a state.
	Lease time.Duration
}

// Server is one agent. It leads or stands by, as long as Run runs.
type Server struct {
	Options
	config    *config.Config // the newest that loaded; only Run's goroutine uses it
	listening chan string
	// remembered is the newest tick that the state had, in this process or one before it.
	remembered *remembered
}

// ConfigError says that the agent cannot run by its configuration. All other
// errors of a Server come from its surroundings: a database, the state or the
// network.
type ConfigError struct{ Err error }

func (e *ConfigError) Error() string { return e.Err.Error() }

func (e *ConfigError) Unwrap() error { return e.Err }

// New makes a server. cfg is what was read from options.ConfigPath.
func New(cfg *config.Config, options Options) *Server {
	return &Server{Options: options, config: cfg, listening: make(chan string, 1), remembered: rememberedOf(cfg.State.Reveal())}
}

// Listening receives the address that is served when the agent begins to lead.
func (s *Server) Listening() <-chan string { return s.listening }

// Run runs the agent until ctx ends. An agent that another one has taken over
// from stands by, with the configuration as it is then. An agent whose state was
// replaced by another file starts again with that.
func (s *Server) Run(ctx context.Context) error {
	for {
		err := s.runTerm(ctx)
		switch {
		case ctx.Err() != nil:
			return err
		case errors.Is(err, store.ErrReplaced):
			s.Log.Error("the agent starts again with the state that is there now", "error", err)
		case errors.Is(err, cluster.ErrNotLeading):
			s.Log.Warn("another agent has taken over: this agent is now a standby")
		default:
			return err
		}
		cfg, err := setup.Load(s.ConfigPath)
		if err != nil {
			return &ConfigError{err}
		}
		s.config = cfg
	}
}

// runTerm waits until this agent leads, and runs everything while it does.
func (s *Server) runTerm(ctx context.Context) error {
	state, err := s.lead(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil // ctx ended while the agent stood by
		}
		return err
	}
	t, err := s.newTerm(ctx, state)
	if err != nil {
		return errors.Join(err, state.Close())
	}
	return t.run(ctx)
}
