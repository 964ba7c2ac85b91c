package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/outbound"
	"github.com/sentinel-dq/sentinel/secrets"
)

// Variables of the environment, for a person's own login and for an agent elsewhere.
const (
	envURL      = "SENTINEL_API_URL"
	envToken    = "SENTINEL_API_TOKEN"
	envUser     = "SENTINEL_API_USER"
	envPassword = "SENTINEL_API_PASSWORD"
	envCA       = "SENTINEL_API_CA_FILE"
)

// client talks to the running agent.
type client struct {
	access access.Access
	listen string
	token  sentinel.Secret // the zero value: user and password
}

// newClient returns how the command line reaches the running agent by a configuration and the
// environment.
func newClient(cfg *config.Config) (client, error) {
	c := client{access: cfg.Web, listen: cfg.Listen}
	own := &c.access.Client
	own.URL = strings.TrimSuffix(cmp.Or(os.Getenv(envURL), own.URL), "/")
	own.CAFile = cmp.Or(os.Getenv(envCA), own.CAFile)
	if user := os.Getenv(envUser); user != "" {
		own.Username, own.Password = user, sentinel.NewSecret(os.Getenv(envPassword))
	}
	if err := own.Validate(); err != nil {
		return c, fmt.Errorf("web.client, or SENTINEL_API_... of the environment: %w", err)
	}
	c.token = apiToken(cfg)
	if own.Username == "" && c.token.IsZero() {
		return c, errors.New("a running agent accepts decisions only with a token: " +
			"set `token:` in the configuration and restart it, or SENTINEL_API_TOKEN to a token of your own")
	}
	return c, nil
}

// apiToken returns the token that the command line has for the running agent: a person's own,
// or one of the configuration that may decide. A user who is configured has no token.
func apiToken(cfg *config.Config) sentinel.Secret {
	switch {
	case os.Getenv(envToken) != "":
		return sentinel.NewSecret(os.Getenv(envToken))
	case os.Getenv(envUser) != "" || cfg.Web.Client.Username != "":
		return sentinel.Secret{}
	case !cfg.Token.IsZero():
		return cfg.Token
	}
	for _, t := range cfg.Web.Tokens {
		if t.Role != access.Viewer {
			return t.Text
		}
	}
	return sentinel.Secret{}
}

// postToAgent posts to the running agent's API and decodes the answer, unless
// answer is nil.
func postToAgent(ctx context.Context, cfg *config.Config, path string, body, answer any) error {
	return change{path: path, body: body, answer: answer}.ask(ctx, cfg)
}

// ask sends the change to the running agent's API and decodes the answer.
func (c change) ask(ctx context.Context, cfg *config.Config) error {
	text, err := askAgent(ctx, cfg, cmp.Or(c.method, http.MethodPost), "/api/v1/"+c.path, c.body)
	if err != nil || c.answer == nil {
		return err
	}
	return json.Unmarshal(text, c.answer)
}

// askAgent sends a request to the running agent and returns the answer. It reads the login
// again if it is refused.
func askAgent(ctx context.Context, cfg *config.Config, method, path string, body any) (text []byte, err error) {
	agent, err := newClient(cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	err = secrets.Of(agent.token, agent.access.Client).Try(ctx, secrets.IsRefused, func() (err error) {
		text, err = agent.send(ctx, method, path, body)
		return err
	})
	return text, err
}

// longestAnswer bounds what is read of an answer.
const longestAnswer = 1 << 20

// send sends a request and returns the answer.
func (c client) send(ctx context.Context, method, path string, body any) ([]byte, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	trust, err := c.access.ClientTLS()
	if err != nil {
		return nil, err
	}
	base := c.access.BaseURL(c.listen)
	req, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if c.token.IsZero() {
		req.SetBasicAuth(c.access.Client.Username, c.access.Client.Password.Reveal())
	} else {
		req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	asks := outbound.Client(outbound.Options{AllowPrivate: true, Proxy: true, TLS: trust})
	resp, err := asks.Do(req)
	if err != nil {
		return nil, unavailable(fmt.Errorf("asking the running agent at %s: %w", base, outbound.WithoutURL(err)))
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, longestAnswer))
	if err != nil {
		return nil, unavailable(err)
	}
	if resp.StatusCode == http.StatusOK {
		return text, nil
	}
	err = errors.New(cmp.Or(strings.TrimSpace(string(text)), resp.Status))
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		err = fmt.Errorf("%s answers %s: redirects are not followed: set web.client.url or %s", base, resp.Status, envURL)
	case resp.StatusCode == http.StatusUnauthorized:
		err = &secrets.RefusedError{Err: err}
	}
	return nil, err
}
