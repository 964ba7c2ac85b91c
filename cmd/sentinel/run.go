package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/dispatch"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/telemetry"
	"github.com/sentinel-dq/sentinel/web"
)

func newRun() *cobra.Command {
	var logFormat, logLevel string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the agent: check on schedule, remember, serve metrics",
		Long: `Runs until SIGINT or SIGTERM. SIGHUP, or POST /-/reload with the token, loads
the configuration anew; one that does not load changes nothing.`,
		Example: "  sentinel run -c sentinel.yaml --log-format json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := newLog(cmd, logFormat, logLevel)
			if err != nil {
				return err
			}
			cfg, err := load(cmd)
			if err != nil {
				return err
			}
			return runAgent(cmd, cfg, log, nil)
		},
	}
	cmd.Flags().StringVar(&logFormat, "log-format", "text", "text or json")
	cmd.Flags().StringVar(&logLevel, "log-level", "info", "debug, info, warn or error")
	return cmd
}

func newLog(cmd *cobra.Command, format, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level: unknown word %q: want debug, info, warn or error", level)
	}
	options := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), options)), nil
	}
	return nil, fmt.Errorf("--log-format: unknown word %q: want text or json", format)
}

// runAgent runs the agent until the command's context ends; one whose turn is over
// stands by for the next. started is told the address that is served, where it
// is not nil.
func runAgent(cmd *cobra.Command, cfg *config.Config, log *slog.Logger, started func(addr string)) error {
	for {
		err := runOnce(cmd, cfg, log, started)
		if !errors.Is(err, errStandBy) || cmd.Context().Err() != nil {
			return err
		}
		log.Warn("another agent has taken over: standing by")
		if cfg, err = load(cmd); err != nil {
			return err
		}
	}
}

// runOnce runs agent and HTTP server for as long as this agent leads.
func runOnce(cmd *cobra.Command, cfg *config.Config, log *slog.Logger, started func(addr string)) error {
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	memory, cfg, err := lead(cmd, cfg, log)
	if err != nil {
		if cmd.Context().Err() != nil {
			return nil // told to stop while it stood by
		}
		return couldNotLook(err)
	}
	metrics := exporters.NewPrometheus(versionString())
	metrics.MaxSeries = cfg.MaxSeries
	traces, err := telemetry.Start(ctx, versionString(), metrics)
	if err != nil {
		return errors.Join(err, memory.Close())
	}
	log = slog.New(traces.Handler(log.Handler()))
	p, err := plan(cfg, memory, metrics, traces)
	if err != nil {
		return errors.Join(err, memory.Close(), traces.Shutdown(ctx))
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return couldNotLook(errors.Join(fmt.Errorf("listen: %w", err), p.Close(), memory.Close()))
	}
	var repairsOff atomic.Bool
	repairsOff.Store(cfg.RepairsOff)
	engine := &repair.Engine{Store: memory, Holder: holder(), Now: clock, Budget: cfg.RepairBudget, Killed: killed(ctx, memory, repairsOff.Load)}
	a := &agent.Agent{Store: memory, Metrics: metrics, Repair: engine, Trace: traces, Rest: givesBack(), Now: clock, Log: log}
	var crew *dispatch.Crew // nil: this agent is alone
	if store.Shared(cfg.State) {
		engine.Lease = sharedLease
		a.Hand = &agent.Hand{Store: memory, Killed: engine.Killed, Now: clock, Log: log}
		crew = newCrew(cfg, a.Hand, true, metrics, log)
		a.Crew = crew
	}
	reload := func(ctx context.Context) error {
		return reloadConfig(ctx, cmd, a, memory, metrics, traces, func(cfg *config.Config) {
			repairsOff.Store(cfg.RepairsOff)
			if crew != nil {
				crew.Regroup(group(cfg))
			}
		}, log)
	}
	server := &web.Server{Store: memory, Metrics: metrics, Token: cfg.Token, Reload: reload, Ready: a.Ready, Alert: a.RepairAlert, People: web.People{Incident: a.Decide, Silence: a.Silence, Label: a.Label, Baseline: a.AcceptBaseline}, Now: clock, Log: log, Version: versionString()}
	metrics.Reloaded(true, clock())
	metrics.Set(exporters.Leading, 1)
	log.Info("sentinel is running", "version", versionString(), "listen", listener.Addr().String(), "state", store.Redact(cfg.State), "datasets", len(cfg.Datasets))
	for _, w := range cfg.Warnings {
		log.Warn(w)
	}
	if started != nil {
		started(listener.Addr().String())
	}
	debug.FreeOSMemory() // what reading the configuration took
	var parts sync.WaitGroup
	var served, ran, led error
	parts.Go(func() { served = server.Serve(ctx, listener); stop() })
	parts.Go(func() { ran = a.Run(ctx, p); stop() })
	parts.Go(func() { settle(ctx) })
	parts.Go(func() { signals(ctx, reload, memory, log) })
	if crew != nil {
		parts.Go(func() { crew.Run(ctx) })
		parts.Go(func() { led = keepLeading(ctx, memory, metrics, log); stop() })
	}
	parts.Wait()
	log.Info("sentinel has stopped")
	if led != nil {
		// What could not be written belongs to whoever leads now.
		if err := errors.Join(served, ran, memory.Close(), traces.Shutdown(ctx)); err != nil {
			log.Warn("stepping back", "error", err)
		}
		return led
	}
	return couldNotLook(errors.Join(served, ran, memory.Close(), traces.Shutdown(ctx)))
}

// sharedLease is how long a repair is kept for an agent that is not heard of any
// more, where another could go on with it.
const sharedLease = 8 * time.Second

// holder names this agent: no other one, now or later, has the name.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "agent"
	}
	return fmt.Sprintf("%s/%d/%x", host, os.Getpid(), rand.Uint32())
}

// signals reloads at every SIGHUP, and stops all repairs at SIGUSR1, until ctx ends.
func signals(ctx context.Context, reload func(context.Context) error, memory *store.Store, log *slog.Logger) {
	came := make(chan os.Signal, 1)
	signal.Notify(came, syscall.SIGHUP, syscall.SIGUSR1)
	defer signal.Stop(came)
	for {
		select {
		case <-ctx.Done():
			return
		case which := <-came:
			if which == syscall.SIGUSR1 {
				log.Warn("repairs are switched off by a signal; `sentinel repair on` lets them go on")
				if err := repair.Throw(ctx, memory, true, "SIGUSR1", "a signal", clock()); err != nil {
					log.Error("switching repairs off", "error", err)
				}
				continue
			}
			if err := reload(ctx); err != nil {
				log.Error("reload: the running configuration stays in force", "error", err)
			}
		}
	}
}

// reloadConfig puts the file's new content in force. What is bound at the start
// (listen, state, token) needs a restart, and is said so.
func reloadConfig(ctx context.Context, cmd *cobra.Command, a *agent.Agent, memory *store.Store, metrics *exporters.Prometheus, traces *telemetry.Telemetry, inForce func(*config.Config), log *slog.Logger) error {
	cfg, err := load(cmd)
	if err != nil {
		metrics.Reloaded(false, clock())
		return err
	}
	p, err := plan(cfg, memory, metrics, traces)
	if err != nil {
		metrics.Reloaded(false, clock())
		return err
	}
	inForce(cfg)
	if err := a.Reload(ctx, p); err != nil {
		metrics.Reloaded(false, clock())
		return errors.Join(err, p.Close())
	}
	metrics.Reloaded(true, clock())
	log.Info("reloaded", "datasets", len(cfg.Datasets), "note", "changes of listen, state and token need a restart")
	return nil
}
