package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/config"
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
	path   string // of the API, below /api/v1/
	body   any    // of the request
	answer any    // the API's answer is decoded into it; nil: there is none
	// offline makes the change where no agent runs: a has been started on state.
	offline func(ctx context.Context, a *agent.Agent, state *store.Store) error
}

// apply makes the change through the API of the running agent. While none runs,
// it makes the change in the state itself.
func (c change) apply(cmd *cobra.Command) (err error) {
	cfg, err := load(cmd)
	if err != nil {
		return err
	}
	state, err := store.Open(cmd.Context(), cfg.State)
	if errors.Is(err, store.ErrLocked) {
		return postToAgent(cmd.Context(), cfg, c.path, c.body, c.answer)
	}
	if err != nil {
		return unavailable(err)
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	a := agent.New(agent.Config{
		Store:   state,
		Metrics: exporters.NewPrometheus(versionString()),
		Now:     clock,
		Log:     slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)),
	})
	if err := a.Start(cmd.Context(), setupOf(cfg).Notifications(nil)); err != nil {
		return unavailable(err)
	}
	defer func() { err = errors.Join(err, a.Stop()) }()
	return c.offline(cmd.Context(), a, state)
}

// postToAgent posts to the running agent's API and decodes the answer, unless
// answer is nil.
func postToAgent(ctx context.Context, cfg *config.Config, path string, body, answer any) error {
	if cfg.Token == "" {
		return errors.New("a running agent accepts decisions only with a token: " +
			"set `token:` in the configuration and restart it")
	}
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	url := "http://" + cfg.Listen + "/api/v1/" + path
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(data))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+cfg.Token.Reveal())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return unavailable(fmt.Errorf("asking the running agent: %w", err))
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return unavailable(err)
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(strings.TrimSpace(string(text)))
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
