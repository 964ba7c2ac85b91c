package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/store"
)

// leadEvery is how often an agent that stands by tries to lead, and one that
// leads makes sure that it still does.
const leadEvery = time.Second

// errStandBy: another agent leads now. This one forgets what it knows, and waits
// for its turn.
var errStandBy = errors.New("another agent leads")

// lead opens the state. On one in PostgreSQL that another agent leads, it stands
// by: it answers on its address that it is healthy and not ready, and takes over
// as soon as the other is gone.
func lead(ctx context.Context, cfg *config.Config, log *slog.Logger) (*store.Store, error) {
	memory, err := store.Open(ctx, cfg.State)
	if !errors.Is(err, store.ErrLocked) || !store.Shared(cfg.State) {
		return memory, err
	}
	log.Info("standing by: another agent leads", "state", store.Redact(cfg.State), "reason", err)
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	waiting := &http.Server{Handler: standBy(), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- waiting.Serve(listener) }()
	defer func() {
		if err := waiting.Close(); err != nil {
			log.Error("closing the address of an agent that stands by", "error", err)
		}
		<-served
	}()
	tick := time.NewTicker(leadEvery)
	defer tick.Stop()
	for down := false; ; {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
		memory, err := store.Open(ctx, cfg.State)
		switch {
		case err == nil:
			log.Info("taking over: no other agent leads", "state", store.Redact(cfg.State))
			return memory, nil
		case errors.Is(err, store.ErrNewer):
			return nil, err
		case errors.Is(err, store.ErrLocked):
			down = false
		case ctx.Err() == nil && !down:
			down = true
			log.Warn("standing by: the state does not answer", "error", err)
		}
	}
}

// standBy is what an agent says that waits for its turn.
func standBy() http.Handler {
	mux := http.NewServeMux()
	say := func(code int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, text, code) }
	}
	metrics := exporters.NewPrometheus(versionString())
	metrics.Set(exporters.Leading, 0)
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /-/healthy", say(http.StatusOK, "healthy"))
	mux.HandleFunc("/", say(http.StatusServiceUnavailable, "standing by: another agent leads"))
	return mux
}

// keepLeading watches the lock of a shared state until ctx ends. It returns
// errStandBy when another agent has led since; while the state does not answer
// the agent goes on from memory, and what must be written waits.
func keepLeading(ctx context.Context, memory *store.Store, metrics *exporters.Prometheus, log *slog.Logger) error {
	metrics.Set(exporters.Leading, 1)
	tick := time.NewTicker(leadEvery)
	defer tick.Stop()
	for lost := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := memory.Leading(ctx)
		switch {
		case err == nil:
			if lost {
				log.Info("the state answers again, and nobody else has led")
			}
			lost = false
			metrics.Set(exporters.Leading, 1)
		case errors.Is(err, store.ErrOvertaken), errors.Is(err, store.ErrLocked):
			return errStandBy
		case ctx.Err() == nil && !lost:
			lost = true
			metrics.Set(exporters.Leading, 0)
			log.Error("the state does not answer: checks go on, results wait in memory, nothing is repaired", "error", err)
		}
	}
}
