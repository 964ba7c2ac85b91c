package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/sentinel-dq/sentinel/app/setup"
	"github.com/sentinel-dq/sentinel/cluster"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/web"
)

// lead opens the state. Where another agent leads on a state in PostgreSQL, this agent
// stands by: it does tasks of the leader, serves that it is healthy and ready, and takes
// over when the leader is gone.
func (s *Server) lead(ctx context.Context) (*store.Store, error) {
	state, err := store.OpenDSN(ctx, s.config.State)
	if !errors.Is(err, store.ErrLocked) || !store.Shared(s.config.State.Reveal()) {
		return state, err
	}
	s.Log.Info("standby: another agent leads", "state", store.Redact(s.config.State.Reveal()), "reason", err)
	metrics := exporters.NewPrometheus(s.Version)
	metrics.Clock = s.Clock
	metrics.Set(exporters.Leading, 0)
	metrics.Set(exporters.StateShared, 1)
	metrics.AgentsExpected(s.config.Agents)
	metrics.Reloaded(true, s.Clock.Now())
	listener, err := net.Listen("tcp", s.config.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	ready := new(atomic.Bool)
	waiting := &web.Standby{Metrics: metrics, Access: s.config.Web, Ready: ready.Load, Clock: s.Clock, Log: s.Log}
	serving, stopServing := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- waiting.Serve(serving, listener) }()
	defer func() {
		stopServing()
		if err := <-served; err != nil {
			s.Log.Error("serving the address of a standby", "error", err)
		}
	}()
	for {
		working, stop := context.WithCancel(ctx)
		worked := make(chan error, 1)
		go func() { worked <- s.runWorker(working, metrics, ready) }()
		state, err := cluster.Campaign(ctx, s.config.State, s.HangUp, s.Log)
		stop()
		if closed := <-worked; closed != nil {
			s.Log.Error("closing the resources of a standby", "error", closed)
		}
		if state != nil || err != nil {
			return state, err
		}
		s.reloadStandby(metrics)
		waiting.Use(s.config.Web)
	}
}

// reloadStandby reads the configuration again while this agent stands by.
func (s *Server) reloadStandby(metrics *exporters.Prometheus) {
	next, err := setup.Load(s.ConfigPath)
	metrics.Reloaded(err == nil, s.Clock.Now())
	if err != nil {
		s.Log.Error("reload failed: the agent continues with the previous configuration", "error", err)
		return
	}
	s.Log.Info("configuration reloaded", "datasets", len(next.Datasets))
	s.config = next
	metrics.AgentsExpected(next.Agents)
}

// runWorker does tasks of the leader until ctx ends. It is ready when it can read the
// state, and has resolved the datasets.
func (s *Server) runWorker(ctx context.Context, metrics *exporters.Prometheus, ready *atomic.Bool) error {
	cfg := s.config
	state, err := cluster.OpenReader(ctx, cfg.State, s.Log)
	if state == nil {
		return err
	}
	p, err := setup.Setup{Config: cfg, Clock: s.Clock, Metrics: metrics, Log: s.Log}.Plan(state)
	if err != nil {
		return errors.Join(err, state.Close())
	}
	worker := s.newWorker(state, killSwitch(state, cfg.RepairsOff))
	var parts sync.WaitGroup
	parts.Go(func() { keepUpdated(ctx, p, worker, readyLog{s.Log, ready}) })
	parts.Go(func() { s.newMember(cfg, worker, false, metrics).Run(ctx) })
	inForce := func() *config.Config { return cfg }
	parts.Go(func() { (&unread{config: inForce, metrics: metrics, log: s.Log}).keep(ctx) })
	parts.Wait()
	return errors.Join(p.Close(), state.Close())
}
