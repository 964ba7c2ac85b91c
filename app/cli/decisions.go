package cli

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/user"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/store"
)

// userName is the user who decides, for the audit log.
func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

// change is a change of the agent's state that a person makes.
type change struct {
	method string // of the request; "": POST
	path   string // of the API, below /api/v1/
	body   any    // of the request
	answer any    // the API's answer is decoded into it; nil: there is none
	// offline makes the change where no agent runs: a has been started on state.
	offline func(ctx context.Context, a *agent.Agent, state *store.Store) error
}

// apply makes the change through the API of the running agent. While none runs,
// it makes the change in the state itself, unless SENTINEL_API_URL names an agent.
func (c change) apply(cmd *cobra.Command) (err error) {
	cfg, err := loadFor(cmd, agentKeys()...)
	if err != nil {
		return err
	}
	if os.Getenv(envURL) != "" {
		return c.ask(cmd.Context(), cfg)
	}
	state, err := store.OpenDSN(cmd.Context(), cfg.State)
	if errors.Is(err, store.ErrLocked) {
		return c.ask(cmd.Context(), cfg)
	}
	if err != nil {
		return unavailable(err)
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	a := agent.New(agent.Config{
		Store:   state,
		Metrics: exporters.NewPrometheus(versionString()),
		Clock:   clock,
		Log:     slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)),
	})
	if err := a.Start(cmd.Context(), setupOf(cfg).Notifications(nil)); err != nil {
		return unavailable(err)
	}
	defer func() { err = errors.Join(err, a.Stop()) }()
	return c.offline(cmd.Context(), a, state)
}
