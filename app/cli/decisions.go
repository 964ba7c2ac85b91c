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

func whoAmI() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

// change makes a person's change: in the running agent through its API, or
// while none runs in the state itself.
func change(cmd *cobra.Command, path string, body, answer any, offline func(context.Context, *agent.Agent) error) (err error) {
	cfg, err := load(cmd)
	if err != nil {
		return err
	}
	memory, err := store.Open(cmd.Context(), cfg.State)
	if errors.Is(err, store.ErrLocked) {
		return askAgent(cmd.Context(), cfg, path, body, answer)
	}
	if err != nil {
		return unavailable(err)
	}
	defer func() { err = errors.Join(err, memory.Close()) }()
	a := &agent.Agent{Store: memory, Metrics: exporters.NewPrometheus(versionString()), Now: clock, Log: slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))}
	if err := a.Recall(cmd.Context(), setupOf(cfg).Notifications(nil)); err != nil {
		return unavailable(err)
	}
	return offline(cmd.Context(), a)
}

// askAgent posts to the running agent and decodes its answer, unless that is nil.
func askAgent(ctx context.Context, cfg *config.Config, path string, body, into any) error {
	if cfg.Token == "" {
		return errors.New("an agent is running, and takes decisions with a token alone: set `token:` in the configuration and restart it")
	}
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+cfg.Listen+"/api/v1/"+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+cfg.Token.Reveal())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return unavailable(fmt.Errorf("asking the running agent: %w", err))
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return unavailable(err)
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(strings.TrimSpace(string(answer)))
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

// newLabel says which points of a series are not what is normal.
func newLabel() *cobra.Command {
	var l store.Label
	var from, to string
	var include bool
	cmd := &cobra.Command{
		Use: "label", Short: "Take points out of what is normal for a check, or back in",
		Long:    "Points labelled with --exclude are no part of any baseline: the check's detectors learn\nanew from what is remembered, without them. --include takes a label back.",
		Example: "  sentinel history label --check shop.public.orders/row_count:day --from 2026-11-01 --to 2026-11-03 --exclude --why 'backfill ran twice'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if l.Exclude == include {
				return errors.New("say --exclude, or --include to take a label back")
			}
			if l.From, err = parseWhen(from); err != nil {
				return fmt.Errorf("--from: %w", err)
			}
			if l.To, err = parseWhen(to); err != nil {
				return fmt.Errorf("--to: %w", err)
			}
			l.Who = whoAmI()
			err = change(cmd, "labels", l, nil, func(ctx context.Context, a *agent.Agent) error { return a.Label(ctx, l) })
			if err == nil {
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "labelled %s from %s to %s\n", l.Check, l.From.Format(time.RFC3339), l.To.Format(time.RFC3339))
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&l.Check, "check", "", "the check's id")
	f.StringVar(&l.Segment, "segment", "", "segment, such as country=DE")
	f.StringVar(&from, "from", "", "first point, such as 2026-11-01 or 2026-11-01T06:00:00Z")
	f.StringVar(&to, "to", "", "last point")
	f.BoolVar(&l.Exclude, "exclude", false, "these points are not normal")
	f.BoolVar(&include, "include", false, "these points are normal after all")
	f.StringVar(&l.Why, "why", "", "reason, kept with the label")
	for _, name := range []string{"check", "from", "to", "why"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // named above
		}
	}
	return cmd
}

func parseWhen(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q: want a time such as 2026-11-01 or 2026-11-01T06:00:00Z", s)
}
