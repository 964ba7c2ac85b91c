// Package agent runs checks on their schedules. It judges and records their results,
// exports them, opens and resolves incidents, and starts repairs and notifications.
//
// Begin with tick.go: it has the steps that a tick goes through, in their order.
// loop.go finds the due ticks, incidents.go turns findings into incidents, and
// recorder.go writes to the store.
package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/telemetry"
)

// Config says what an agent is made of.
type Config struct {
	// Store is the agent's memory.
	Store *store.Store
	// Metrics are exported to Prometheus.
	Metrics *exporters.Prometheus
	// Repair configures the engine of repairs. Nil: the agent repairs nothing.
	Repair *repair.Config
	// Trace receives the spans of ticks and notifications. Nil: nothing is traced.
	Trace *telemetry.Telemetry
	// Runner runs the checks of a tick. Nil: [checks.Local].
	Runner checks.Runner
	// Idle is called when the last running tick has ended. Nil: nobody is.
	Idle IdleObserver
	// Now is the clock.
	Now sentinel.Clock
	// Log receives what an operator has to know.
	Log *slog.Logger
}

// IdleObserver is called when the agent has nothing to do.
type IdleObserver interface {
	// Idle is called when a tick has ended and no other one runs. It may be called
	// concurrently.
	Idle()
}

// Agent runs the checks of a plan. [New] makes one. Its exported methods may be
// called concurrently.
type Agent struct {
	store   *store.Store
	metrics *exporters.Prometheus
	engine  *repair.Engine       // nil: the agent repairs nothing
	trace   *telemetry.Telemetry // nil: nothing is traced
	runner  checks.Runner
	idle    IdleObserver // nil: nobody is called
	now     sentinel.Clock
	log     *slog.Logger

	ready    atomic.Bool
	ticking  atomic.Int32 // ticks that run
	reload   chan reloadRequest
	triggers chan *repair.Trigger // incidents that may need a repair
	recorder *recorder            // owns all writing of what is judged

	// mu guards what follows. It is never held across I/O.
	mu            sync.Mutex
	incidents     *incidents
	confirmations confirmations
	cache         *checks.Cache
	history       checks.History
	scorer        *Scorer
	forecasts     forecasts
	notifications *Notifications
	planner       *notify.Planner // nil: nobody is notified
	exporters     []*exporters.Queue
	silences      []notify.Silence
	checks        map[string]configuredCheck // by id
	plan          Plan                       // in force, for repairs
}

// New makes an agent. [Agent.Run] starts it.
func New(cfg Config) *Agent {
	a := &Agent{
		store:    cfg.Store,
		metrics:  cfg.Metrics,
		trace:    cfg.Trace,
		runner:   cfg.Runner,
		idle:     cfg.Idle,
		now:      cfg.Now,
		log:      cfg.Log,
		reload:   make(chan reloadRequest),
		triggers: make(chan *repair.Trigger, 1000),
	}
	if a.runner == nil {
		a.runner = checks.Local{}
	}
	if cfg.Repair != nil {
		a.engine = repair.NewEngine(*cfg.Repair, repairHost{a})
	}
	return a
}

// ErrNotStarted is returned for a request that comes before the agent has read its
// store.
var ErrNotStarted = errors.New("the agent has not started yet; try again in a moment")

type reloadRequest struct {
	plan Plan
	done chan struct{}
}

// Run runs the checks of plan until ctx ends. Running ticks then finish within their
// statement timeouts and are recorded. Run returns early only where the store cannot
// be read at the start. It closes the plan in force.
func (a *Agent) Run(ctx context.Context, plan Plan) error {
	if err := a.start(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		planCtx, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- a.runPlan(planCtx, plan) }()
		select {
		case r := <-a.reload:
			stop()
			err := <-done
			close(r.done)
			plan = r.plan
			if err != nil {
				a.log.Error("closing the replaced configuration", "error", err)
			}
		case err := <-done:
			stop()
			return errors.Join(err, a.Stop())
		}
	}
	return a.Stop()
}

// Reload replaces the plan. Running ticks of the old plan finish first. Reload
// returns when the new plan is in force, or with ctx's error.
func (a *Agent) Reload(ctx context.Context, plan Plan) error {
	r := reloadRequest{plan, make(chan struct{})}
	select {
	case a.reload <- r:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Ready reports whether the agent has read its store and resolved its datasets. It
// never blocks.
func (a *Agent) Ready() bool { return a.ready.Load() }

// start reads from the store what the agent needs before its first tick, and starts
// the recorder.
func (a *Agent) start(ctx context.Context) error {
	open, err := a.store.OpenIncidents(ctx)
	if err != nil {
		return err
	}
	states, err := a.store.States(ctx, confirmState)
	if err != nil {
		return err
	}
	last, err := a.store.LastResults(ctx, store.Filter{})
	if err != nil {
		return err
	}
	silences, err := a.loadSilences(ctx)
	if err != nil {
		return err
	}
	confirmed := confirmations{}
	for _, s := range states {
		if err := confirmed.decode(s.Key, s.Data); err != nil {
			a.log.Warn("ignoring a damaged state of confirmations", "check", s.Key, "error", err)
		}
	}
	known := newIncidents(open, a)
	for _, r := range last {
		if r.Status == sentinel.Pass {
			known.lastGood[r.Check] = r.Tick
		}
	}
	a.metrics.IncidentsOpen(known.unresolved())
	if err := a.metrics.Export(ctx, last); err != nil {
		return err
	}
	a.metrics.StoreUp(true) // the series exists before the first write
	a.mu.Lock()
	defer a.mu.Unlock()
	a.silences = silences
	a.incidents = known
	a.confirmations = confirmed
	a.cache = &checks.Cache{}
	a.history = NewHistory(a.store)
	a.scorer = &Scorer{Store: a.store}
	a.recorder = startRecorder(a)
	return nil
}

// started reports whether the agent has read its store.
func (a *Agent) started() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.recorder != nil
}

// confirmState is the kind of the states of N-of-M in the store.
const confirmState = "confirm"

// runPlan starts every goroutine of one plan, and waits for them.
func (a *Agent) runPlan(ctx context.Context, plan Plan) error {
	var running sync.WaitGroup
	defer running.Wait()
	loops := map[string]*loop{}
	for name := range plan.Warehouses {
		l := newLoop(a, name, plan)
		loops[name] = l
		running.Go(func() { a.supervise(ctx, "schedule", l.run) })
	}
	a.setPlan(plan)
	a.setNotifications(plan.Notifications)
	var queues []*exporters.Queue
	for _, e := range plan.Exporters {
		q := &exporters.Queue{Exporter: e.Exporter, Name: e.Name, Observer: exportObserver{a}}
		queues = append(queues, q)
		running.Go(func() { a.supervise(ctx, "exporter", q.Run) })
	}
	a.mu.Lock()
	a.exporters = queues
	a.mu.Unlock()
	if n := plan.Notifications; n != nil && n.Dispatcher != nil {
		dispatch := func(ctx context.Context) { a.runDispatcher(ctx, n.Dispatcher) }
		running.Go(func() { a.supervise(ctx, "notifications", dispatch) })
	}
	running.Go(func() { a.supervise(ctx, "housekeeping", func(ctx context.Context) { a.housekeep(ctx, plan) }) })
	running.Go(func() { a.supervise(ctx, "repairs", func(ctx context.Context) { a.runRepairs(ctx, plan) }) })
	running.Go(func() { a.supervise(ctx, "risks", a.watchRisks) })
	a.supervise(ctx, "datasets", func(ctx context.Context) { a.resolve(ctx, plan, loops) })
	running.Wait()
	return plan.Close()
}

// resolve gives the loops their datasets, at the start and every Refresh. It tries
// again sooner after problems, such as a warehouse that is down at the start.
func (a *Agent) resolve(ctx context.Context, plan Plan, loops map[string]*loop) {
	for ctx.Err() == nil {
		datasets, problems := plan.Resolver.Datasets(ctx)
		if ctx.Err() != nil {
			return
		}
		for _, p := range problems {
			a.log.Warn("resolving datasets", "error", p)
		}
		a.setDatasets(datasets)
		a.setForecasts(ctx, datasets)
		a.describe(datasets)
		ids, tables := map[string]bool{}, map[sentinel.Table]bool{}
		for _, d := range datasets {
			tables[d.Table] = true
			for _, c := range d.Checks {
				ids[c.Common().ID] = true
			}
			ids[RiskCheck(d.Table)] = d.Risk != nil
		}
		for _, l := range loops {
			l.set(datasets)
		}
		if len(problems) == 0 {
			a.metrics.Keep(ids, tables)
			a.retainDetectors(ids)
		}
		a.ready.Store(true)
		if !sleep(ctx, plan.RefreshAfter(len(problems) > 0)) {
			return
		}
	}
}

// retainDetectors forgets the detectors of all checks but these.
func (a *Agent) retainDetectors(ids map[string]bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.scorer.watch.Retain(ids)
}

// describe exports the owner and tier of each dataset: the first owner and the
// highest tier of its checks.
func (a *Agent) describe(datasets []Dataset) {
	rank := map[string]int{"critical": 2, "warning": 1}
	for _, d := range datasets {
		var owner, tier string
		for _, c := range d.Checks {
			if owner == "" {
				owner = c.Meta.Owner
			}
			if tier == "" || rank[c.Meta.Tier] > rank[tier] {
				tier = c.Meta.Tier
			}
		}
		a.metrics.Describe(d.Table, owner, tier)
		a.metrics.TicksMissed(d.Table, 0)
		a.metrics.JobSkipped(d.Table, 0)
	}
}

// tickEnded calls the idle observer when no other tick runs.
func (a *Agent) tickEnded() {
	if a.ticking.Add(-1) == 0 && a.idle != nil {
		a.idle.Idle()
	}
}

// sleep waits for d. It returns false as soon as ctx ends.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
