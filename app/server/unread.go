package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/wait"
)

// unreadEvery is how often the agent looks whether its secrets can still be read.
const unreadEvery = 5 * time.Second

// unread tells of secrets that cannot be read any more. Everything goes on with those that
// were read last, so that nobody would notice before a login is refused.
type unread struct {
	config  func() *config.Config // the one in force
	metrics *exporters.Prometheus
	log     *slog.Logger

	told map[string]string // why, by the name of the source
}

// keep looks again and again until ctx ends.
func (u *unread) keep(ctx context.Context) {
	u.told = map[string]string{}
	for {
		u.look(ctx)
		if !wait.For(ctx, unreadEvery) {
			return
		}
	}
}

// look reads changed files again. Commands run when somebody needs their secret; of them it
// tells what came of that.
func (u *unread) look(ctx context.Context) {
	cfg := u.config()
	_ = cfg.Secrets.Files().Refresh(ctx) // each source keeps its error
	now := map[string]string{}
	for _, s := range cfg.Secrets {
		if err := s.Unread(); err != nil {
			now[s.Name()] = err.Error()
		}
	}
	if file := cfg.Web.WebFile(); file != nil {
		if err := file.Refresh(ctx); err != nil {
			now[file.Name()] = err.Error()
		}
	}
	for name, why := range now {
		if u.told[name] != why {
			u.log.Warn("a secret cannot be read again: the last one stays in force", "source", name, "error", why)
		}
	}
	for name := range u.told {
		if now[name] == "" {
			u.log.Info("a secret can be read again", "source", name)
		}
	}
	u.told = now
	u.metrics.Set(exporters.SecretsUnread, float64(len(now)))
}
