package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/access"
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
	method string // of the request; "": POST
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

// apiToken returns the token that the command line has for the running agent: a person's own,
// or one of the configuration that may decide.
func apiToken(cfg *config.Config) string {
	if own := os.Getenv("SENTINEL_API_TOKEN"); own != "" {
		return own
	}
	if !cfg.Token.IsZero() {
		return cfg.Token.Reveal()
	}
	for _, t := range cfg.Web.Tokens {
		if t.Role != access.Viewer {
			return t.Text.Reveal()
		}
	}
	return ""
}

// postToAgent posts to the running agent's API and decodes the answer, unless
// answer is nil.
func postToAgent(ctx context.Context, cfg *config.Config, path string, body, answer any) error {
	return change{path: path, body: body, answer: answer}.ask(ctx, cfg)
}

// ask sends the change to the running agent's API and decodes the answer.
func (c change) ask(ctx context.Context, cfg *config.Config) error {
	token := apiToken(cfg)
	if token == "" {
		return errors.New("a running agent accepts decisions only with a token: " +
			"set `token:` in the configuration and restart it, or SENTINEL_API_TOKEN to a token of your own")
	}
	data, err := json.Marshal(c.body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	url := "http://" + cfg.Listen + "/api/v1/" + c.path
	req, err := http.NewRequestWithContext(ctx, cmp.Or(c.method, http.MethodPost), url, bytes.NewReader(data))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
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
	if c.answer == nil {
		return nil
	}
	return json.Unmarshal(text, c.answer)
}
