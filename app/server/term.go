package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/app/setup"
	"github.com/sentinel-dq/sentinel/app/unwatched"
	"github.com/sentinel-dq/sentinel/cluster"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/telemetry"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/web"
	"github.com/sentinel-dq/sentinel/web/page"
)

// term is one time of leading: from the opened state until ctx ends or another
// agent leads.
type term struct {
	Options
	config   *config.Config // what the term began with
	state    *store.Store
	metrics  *exporters.Prometheus
	traces   *telemetry.Telemetry
	listener net.Listener
	plan     agent.Plan // what the term began with
	agent    *agent.Agent
	member   *cluster.Member // nil: the state is this agent's own
	worker   *cluster.Worker // of the member

	server       *web.Server
	board        *page.Board // what the pages know
	backups      backups
	rollback     rollback
	unwatched    *unwatched.Finder
	repairsOff   *repair.StoredKillSwitch
	leads        atomic.Bool
	reloading    sync.Mutex // one reload at a time
	inForce      atomic.Pointer[config.Config]
	reloadFailed atomic.Pointer[string] // why the last reload failed; "" if it did not
}

// newTerm makes all parts of an agent that leads. On an error it has closed
// everything but the state.
func (s *Server) newTerm(ctx context.Context, state *store.Store) (*term, error) {
	t := &term{Options: s.Options, config: s.config, state: state, board: page.NewBoard(s.Clock)}
	t.inForce.Store(s.config)
	if !store.Shared(s.config.State.Reveal()) {
		if err := state.ReleaseLeases(ctx, hasEnded); err != nil {
			return nil, err
		}
	}
	t.metrics = exporters.NewPrometheus(s.Version)
	t.metrics.MaxSeries, t.metrics.Clock = s.config.MaxSeries, s.Clock
	t.metrics.AgentsExpected(s.config.Agents)
	t.metrics.Set(exporters.StateShared, number(store.Shared(s.config.State.Reveal())))
	var err error
	t.traces = telemetry.Start(s.config.Outbound.In(ctx), s.Version, t.metrics, s.Log)
	t.Log = slog.New(t.traces.Handler(s.Log.Handler()))
	if t.plan, err = t.setup(s.config).Plan(state); err != nil {
		return nil, errors.Join(&ConfigError{err}, t.traces.Shutdown(ctx))
	}
	if t.listener, err = net.Listen("tcp", s.config.Listen); err != nil {
		return nil, errors.Join(fmt.Errorf("listen: %w", err), t.plan.Close(), t.traces.Shutdown(ctx))
	}
	t.repairsOff = killSwitch(state, s.config.RepairsOff)
	t.makeAgent()
	t.unwatched = t.finder()
	t.server = t.web()
	t.backups.term, t.backups.changed = t, make(chan struct{}, 1)
	t.rollback.term, t.rollback.memory = t, s.remembered
	t.backups.put(t.setup(t.config).Keeper())
	select {
	case s.listening <- t.listener.Addr().String():
	default: // nobody took the address of the term before
	}
	return t, nil
}

func (t *term) setup(cfg *config.Config) setup.Setup {
	return setup.Setup{Config: cfg, Clock: t.Clock, Metrics: t.metrics, Traces: t.traces, Log: t.Log}
}

func (t *term) makeAgent() {
	engine := &repair.Config{
		Store:      t.state,
		Holder:     holder(),
		Lease:      t.Lease,
		Clock:      t.Clock,
		Budget:     t.config.RepairBudget,
		KillSwitch: t.repairsOff,
	}
	cfg := agent.Config{
		Store:   t.state,
		Metrics: t.metrics,
		Repair:  engine,
		Trace:   t.traces,
		Watcher: t.board,
		Clock:   t.Clock,
		Log:     t.Log,
	}
	if store.Shared(t.config.State.Reveal()) {
		engine.Lease = cmp.Or(t.Lease, sharedLease)
		t.worker = t.newWorker(t.state, t.repairsOff)
		t.member = t.newMember(t.config, t.worker, true, t.metrics)
		engine.Remote = &cluster.Steps{Member: t.member}
		cfg.Runner = &cluster.Runner{Member: t.member, Log: t.Log}
		t.plan = shared(t.plan, t.member, t.worker)
	}
	t.agent = agent.New(cfg)
}

// finder finds tables that nobody watches, with sessions of its own.
func (t *term) finder() *unwatched.Finder {
	return unwatched.New(unwatched.Config{
		Store: t.state, Metrics: t.metrics, Clock: t.Clock, Log: t.Log, Host: lookingTerm{t},
	})
}

// lookingTerm is a term as the finder of tables that nobody watches sees it.
type lookingTerm struct{ *term }

func (t lookingTerm) InForce() *config.Config { return t.inForce.Load() }

func (t lookingTerm) Ready() bool { return t.agent.Ready() }

func (t lookingTerm) Changed() { t.board.Unwatched() }

func (t lookingTerm) Open(c *config.Config, w warehouse.Config) (*warehouse.DB, error) {
	w.MaxConnections = 1
	return t.setup(c).Warehouse(w)
}

// run runs the agent and its HTTP server until ctx ends, one of them fails, or
// another agent leads. Then it closes everything, also the state.
func (t *term) run(ctx context.Context) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	t.metrics.Reloaded(true, t.Clock.Now())
	leading{t}.Leading(true)
	t.Log.Info("sentinel is running", "version", t.Version, "listen", t.listener.Addr().String(),
		"scheme", t.config.Web.Scheme(), "state", store.Redact(t.config.State.Reveal()), "datasets", len(t.config.Datasets))
	for _, w := range append(slices.Clone(t.config.Warnings), t.config.HoursWarnings(t.Clock.Now())...) {
		t.Log.Warn(w)
	}
	debug.FreeOSMemory() // what reading the configuration took
	t.rollback.begin(running)
	var parts sync.WaitGroup
	var served, ran, led error
	parts.Go(func() { served = t.server.Serve(running, t.listener); stop() })
	parts.Go(func() { ran = t.agent.Run(running, t.plan); stop() })
	parts.Go(func() { t.handleSignals(running) })
	parts.Go(func() { (&unread{config: t.inForce.Load, metrics: t.metrics, log: t.Log}).keep(running) })
	parts.Go(func() { t.backups.run(running) })
	parts.Go(func() { t.rollback.run(running) })
	parts.Go(func() { t.unwatched.Run(running) })
	if t.member != nil {
		parts.Go(func() { t.member.Run(running) })
		parts.Go(func() { led = cluster.KeepLeading(running, t.state, leading{t}, t.Log); stop() })
	}
	parts.Wait()
	t.Log.Info("sentinel has stopped")
	err := errors.Join(served, ran, t.state.Close(), t.traces.Shutdown(running))
	if led != nil {
		// What could not be written belongs to whoever leads now.
		if err != nil {
			t.Log.Warn("no longer the leader: closing the state", "error", err)
		}
		return led
	}
	return err
}

func (t *term) web() *web.Server {
	return &web.Server{
		Store:         t.state,
		Metrics:       t.metrics,
		Access:        t.config.Web,
		Agent:         t.agent,
		Board:         t.board,
		Condition:     t,
		Configuration: t,
		Unwatched:     t.unwatched,
		Reloader:      t,
		Clock:         t.Clock,
		Log:           t.Log,
		Version:       t.Version,
		StateName:     store.Redact(t.config.State.Reveal()),
		URL:           t.config.URL,
	}
}

// Reload puts the file's new content in force. What is bound at the start needs a restart. A
// file that does not load changes nothing.
func (t *term) Reload(ctx context.Context) (done web.Reloaded, err error) {
	t.reloading.Lock()
	defer t.reloading.Unlock()
	err = t.tryReload(ctx)
	t.metrics.Reloaded(err == nil, t.Clock.Now())
	text := ""
	if err != nil {
		text = err.Error()
	}
	t.reloadFailed.Store(&text)
	if err != nil {
		return done, err
	}
	done.Restart = needRestart(t.config, t.inForce.Load())
	if len(done.Restart) > 0 {
		t.Log.Warn("changes of the configuration that count after a restart", "keys", strings.Join(done.Restart, ", "))
	}
	if done.Unfinished = t.agent.Unfinished(); len(done.Unfinished) > 0 {
		t.Log.Warn("the reload does not wait for what still ends under the configuration before",
			"unfinished", strings.Join(done.Unfinished, ", "))
	}
	return done, nil
}

// needRestart returns the keys that differ from the configuration with which the agent has
// started, and that a reload does not put in force.
func needRestart(began, now *config.Config) (keys []string) {
	for key, same := range map[string]bool{
		"listen":          began.Listen == now.Listen,
		"state":           store.Redact(began.State.Reveal()) == store.Redact(now.State.Reveal()),
		"max_series":      began.MaxSeries == now.MaxSeries,
		"repair_budget":   began.RepairBudget == now.RepairBudget,
		"external_url":    pathOf(began.URL) == pathOf(now.URL), // the rest of it counts at once
		"web.config_file": began.Web.ConfigFile == now.Web.ConfigFile && began.Web.Scheme() == now.Web.Scheme(),
	} {
		if !same {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// pathOf returns the path of an address; "" where it has none.
func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.EscapedPath()
}

func (t *term) tryReload(ctx context.Context) error {
	cfg, err := setup.Load(t.ConfigPath)
	if err != nil {
		return err
	}
	p, err := t.setup(cfg).Plan(t.state)
	if err != nil {
		return err
	}
	if t.member != nil {
		p = shared(p, t.member, t.worker)
	}
	t.join(cfg)
	if err := t.agent.Reload(ctx, p); err != nil {
		t.join(t.inForce.Load()) // nothing of a reload that failed is in force
		return errors.Join(err, p.Close())
	}
	t.inForce.Store(cfg)
	t.metrics.AgentsExpected(cfg.Agents)
	t.backups.put(t.setup(cfg).Keeper())
	t.server.Use(cfg.Web)
	t.unwatched.Reloaded()
	t.Log.Info("configuration reloaded", "datasets", len(cfg.Datasets))
	return nil
}

// join puts in force what a configuration says to others than the agent: whether repairs are
// off, and which agents have the same configuration. A plan never runs without it.
func (t *term) join(cfg *config.Config) {
	t.repairsOff.Configure(switchedOff(cfg.RepairsOff))
	if t.member != nil {
		t.member.Regroup(group(cfg, t.Version))
	}
}

// sharedLease is how long a repair stays with an agent that is not heard of any
// more. Then another agent goes on with it.
const sharedLease = 8 * time.Second

// holder names this agent. No other one, now or later, has the name.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "agent"
	}
	return fmt.Sprintf("%s/%d/%x", host, os.Getpid(), rand.Uint32())
}

// hasEnded reports whether a holder was an agent of this host, and its process is gone. Only
// one process may write to a state file, but somebody may have deleted the file's lock.
func hasEnded(holder string) bool {
	host, err := os.Hostname()
	parts := strings.Split(holder, "/")
	if err != nil || len(parts) != 3 || parts[0] != host {
		return false
	}
	pid, err := strconv.Atoi(parts[1])
	if err != nil || pid <= 0 {
		return false
	}
	if pid == os.Getpid() { // as in a container that was started again
		return true
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	return errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone)
}
