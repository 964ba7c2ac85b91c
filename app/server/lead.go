package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/sentinel-dq/sentinel/app/setup"
	"github.com/sentinel-dq/sentinel/cluster"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/store"
)

// lead opens the state. Where another agent leads on a state in PostgreSQL, this agent
// stands by: it does tasks of the leader, serves that it is healthy and not ready, and
// takes over when the leader is gone.
func (s *Server) lead(ctx context.Context) (*store.Store, error) {
	state, err := store.Open(ctx, s.config.State)
	if !errors.Is(err, store.ErrLocked) || !store.Shared(s.config.State) {
		return state, err
	}
	s.Log.Info("standby: another agent leads", "state", store.Redact(s.config.State), "reason", err)
	metrics := exporters.NewPrometheus(s.Version)
	metrics.Set(exporters.Leading, 0)
	listener, err := net.Listen("tcp", s.config.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	waiting := &http.Server{Handler: standBy(metrics), ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- waiting.Serve(listener) }()
	defer func() {
		if err := waiting.Close(); err != nil {
			s.Log.Error("closing the address of a standby", "error", err)
		}
		<-served
	}()
	hangUp := make(chan os.Signal, 1)
	signal.Notify(hangUp, syscall.SIGHUP)
	defer signal.Stop(hangUp)
	for {
		working, stop := context.WithCancel(ctx)
		worked := make(chan error, 1)
		go func() { worked <- s.runWorker(working, metrics) }()
		state, err := cluster.Campaign(ctx, s.config.State, hangUp, s.Log)
		stop()
		if closed := <-worked; closed != nil {
			s.Log.Error("closing the resources of a standby", "error", closed)
		}
		if state != nil || err != nil {
			return state, err
		}
		s.reloadStandby(metrics)
	}
}

// reloadStandby reads the configuration again while this agent stands by.
func (s *Server) reloadStandby(metrics *exporters.Prometheus) {
	next, err := setup.Load(s.ConfigPath)
	metrics.Reloaded(err == nil, s.Now())
	if err != nil {
		s.Log.Error("reload failed: the agent continues with the previous configuration", "error", err)
		return
	}
	s.Log.Info("configuration reloaded", "datasets", len(next.Datasets))
	s.config = next
}

// runWorker does tasks of the leader until ctx ends.
func (s *Server) runWorker(ctx context.Context, metrics *exporters.Prometheus) error {
	cfg := s.config
	state, err := cluster.OpenReader(ctx, cfg.State, s.Log)
	if state == nil {
		return err
	}
	p, err := setup.Setup{Config: cfg, Now: s.Now, Metrics: metrics}.Plan(state)
	if err != nil {
		return errors.Join(err, state.Close())
	}
	worker := s.newWorker(state, killSwitch(state, cfg.RepairsOff))
	var parts sync.WaitGroup
	parts.Go(func() { keepUpdated(ctx, p, worker, s.Log) })
	parts.Go(func() { s.newMember(cfg, worker, false, metrics).Run(ctx) })
	parts.Wait()
	return errors.Join(p.Close(), state.Close())
}

// standBy serves the endpoints of an agent that stands by.
func standBy(metrics *exporters.Prometheus) http.Handler {
	mux := http.NewServeMux()
	say := func(code int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, text, code) }
	}
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /-/healthy", say(http.StatusOK, "healthy"))
	mux.HandleFunc("/", say(http.StatusServiceUnavailable, "standby: another agent leads"))
	return mux
}
