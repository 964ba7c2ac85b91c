// Package agent runs checks on their schedules: it asks, judges, remembers,
// publishes and keeps incidents. A tick goes through it in the order of
// [Agent.tick]: ask, judge, record, publish.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/telemetry"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Meta is what is said about a dataset's results besides their numbers.
type Meta struct {
	Tier    string // critical, warning, info
	Owner   string
	Runbook string
}

// Check is one configured check with its schedule.
type Check struct {
	checks.Check
	Schedule schedule.Schedule
	Meta     Meta
}

// Dataset is one table with its checks.
type Dataset struct {
	Table      sentinel.Table
	TimeColumn string
	Location   *time.Location // nil: none configured
	Checks     []Check
	Repairs    []*repair.Policy
	DependsOn  []sentinel.Table
	Risk       *Risk // nil: the dataset has no deadline
}

// Exporter is a destination of results.
type Exporter struct {
	Name string
	exporters.Exporter
}

// Plan is what an agent does: it is replaced as a whole on reload.
type Plan struct {
	Warehouses map[string]*warehouse.DB
	Writers    map[string]*repair.Writer // of warehouses with a repair_dsn
	// Datasets resolves wildcards and names against the warehouses' catalogs. It
	// is called at the start and every Refresh; problems do not keep the other
	// datasets from being checked.
	Datasets      func(ctx context.Context) (datasets []Dataset, problems []error)
	Refresh       time.Duration  // default 10m
	Jitter        time.Duration  // ticks start up to this much late, spread by schedule
	CatchUp       string         // of ticks slept through: one (also ""), all, none
	Retention     time.Duration  // default 90 days
	Notifications *Notifications // nil: nobody hears of incidents
	Exporters     []Exporter     // run and closed by the agent
	Close         func() error   // closes the warehouses once the plan is replaced; nil: nothing to close
}

func (p Plan) open(name string) (*warehouse.DB, error) {
	db, ok := p.Warehouses[name]
	if !ok {
		return nil, fmt.Errorf("warehouse %s is not configured", name)
	}
	return db, nil
}

// RefreshAfter is how long after datasets were resolved they are resolved again.
func (p Plan) RefreshAfter(problems bool) time.Duration {
	every := p.Refresh
	if every == 0 {
		every = 10 * time.Minute
	}
	if problems {
		every = min(every, time.Minute)
	}
	return every
}

// Agent is the running whole. Fields are set before Run and not changed after.
type Agent struct {
	Store   *store.Store
	Metrics *exporters.Prometheus
	Repair  *repair.Config       // of the engine of repairs; nil: nothing is ever repaired
	Trace   *telemetry.Telemetry // nil: nothing is traced
	Runner  checks.Runner        // runs the checks of a tick; nil: [checks.Local]
	Rest    func()               // called when no tick is under way any more; nil: nothing is done then
	Now     sentinel.Clock
	Log     *slog.Logger

	ready    atomic.Bool
	ticking  atomic.Int32
	recorder *recorder // owns all writing of what is judged

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
	located       map[string]located
	plan          Plan // in force, for repairs

	engineOnce sync.Once
	engine     *repair.Engine // see repairEngine

	reload   chan reloadRequest
	triggers chan *repair.Trigger
}

type reloadRequest struct {
	plan Plan
	done chan struct{}
}

// Run checks by plan until ctx ends, then lets running ticks finish within
// their statement timeouts, records them, and returns. It returns early only
// when the store cannot be read at the start.
func (a *Agent) Run(ctx context.Context, plan Plan) error {
	a.triggers = make(chan *repair.Trigger, 1000)
	if err := a.start(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		planCtx, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- a.runPlan(planCtx, plan) }()
		select {
		case r := <-a.reloads():
			stop()
			err := <-done
			close(r.done)
			plan = r.plan
			if err != nil {
				a.Log.Error("closing the replaced configuration", "error", err)
			}
		case err := <-done:
			stop()
			return errors.Join(err, a.Stop())
		}
	}
	return a.Stop()
}

// Reload replaces the plan: running ticks of the old one finish first. It
// returns when the new plan is in force or ctx ends.
func (a *Agent) Reload(ctx context.Context, plan Plan) error {
	r := reloadRequest{plan, make(chan struct{})}
	select {
	case a.reloads() <- r:
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

func (a *Agent) reloads() chan reloadRequest {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.reload == nil {
		a.reload = make(chan reloadRequest)
	}
	return a.reload
}

// Ready reports whether the agent has read its memory and resolved its datasets. It
// never waits.
func (a *Agent) Ready() bool { return a.ready.Load() }

// start reads from the store what the agent must know before its first tick, and
// begins to record.
func (a *Agent) start(ctx context.Context) error {
	open, err := a.Store.OpenIncidents(ctx)
	if err != nil {
		return err
	}
	states, err := a.Store.States(ctx, confirmState)
	if err != nil {
		return err
	}
	last, err := a.Store.LastResults(ctx, store.Filter{})
	if err != nil {
		return err
	}
	silences, err := a.loadSilences(ctx)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.silences = silences
	a.incidents = newIncidents(open)
	a.confirmations = confirmations{}
	a.cache = &checks.Cache{}
	a.history = NewHistory(a.Store)
	a.scorer = &Scorer{Store: a.Store}
	for _, s := range states {
		if err := a.confirmations.decode(s.Key, s.Data); err != nil {
			a.Log.Warn("forgetting a damaged state", "check", s.Key, "error", err)
		}
	}
	for _, r := range last {
		if r.Status == sentinel.Pass {
			a.incidents.lastGood[r.Check] = r.Tick
		}
	}
	a.Metrics.IncidentsOpen(a.incidents.unresolved())
	if err := a.Metrics.Export(ctx, last); err != nil {
		return err
	}
	a.recorder = startRecorder(a)
	return nil
}

const confirmState = "confirm"

// runPlan owns every goroutine of one plan and waits for them.
func (a *Agent) runPlan(ctx context.Context, plan Plan) error {
	var running sync.WaitGroup
	defer running.Wait()
	loops := map[string]*loop{}
	for name := range plan.Warehouses {
		l := newLoop(a, name, plan.open, plan.Jitter, plan.CatchUp)
		loops[name] = l
		running.Go(func() { a.supervise(ctx, "schedule", l.run) })
	}
	a.setPlan(plan)
	a.notifyBy(plan.Notifications)
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
		dispatch := func(ctx context.Context) { a.dispatch(ctx, n.Dispatcher) }
		running.Go(func() { a.supervise(ctx, "notifications", dispatch) })
	}
	running.Go(func() { a.supervise(ctx, "housekeeping", func(ctx context.Context) { a.housekeep(ctx, plan) }) })
	running.Go(func() { a.supervise(ctx, "repairs", func(ctx context.Context) { a.repairs(ctx, plan) }) })
	running.Go(func() { a.supervise(ctx, "risks", a.watchRisks) })
	a.supervise(ctx, "datasets", func(ctx context.Context) { a.resolve(ctx, plan, loops) })
	running.Wait()
	if plan.Close != nil {
		return plan.Close()
	}
	return nil
}

// resolve hands the loops their datasets, now and every Refresh, sooner while
// there are problems (a warehouse that was down at the start).
func (a *Agent) resolve(ctx context.Context, plan Plan, loops map[string]*loop) {
	for ctx.Err() == nil {
		datasets, problems := plan.Datasets(ctx)
		if ctx.Err() != nil {
			return
		}
		for _, p := range problems {
			a.Log.Warn("resolving datasets", "error", p)
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
			a.Metrics.Keep(ids, tables)
			a.mu.Lock()
			a.scorer.watch.Keep(ids)
			a.mu.Unlock()
		}
		a.ready.Store(true)
		if !sleep(ctx, plan.RefreshAfter(len(problems) > 0)) {
			return
		}
	}
}

// describe exports who owns the datasets and how much they matter: the highest
// tier of a dataset's checks, and the first owner.
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
		a.Metrics.Describe(d.Table, owner, tier)
		a.Metrics.TicksMissed(d.Table, 0)
		a.Metrics.JobSkipped(d.Table, 0)
	}
}

// housekeep prunes what is older than the retention, at the start and daily, and
// counts what waits to be sent.
func (a *Agent) housekeep(ctx context.Context, plan Plan) {
	retention := plan.Retention
	if retention == 0 {
		retention = 90 * 24 * time.Hour
	}
	var pruned time.Time
	for {
		if now := a.Now(); now.Sub(pruned) >= 24*time.Hour {
			pruned = now
			if n, err := a.Store.Prune(ctx, now, retention); err != nil && ctx.Err() == nil {
				a.Log.Error("pruning history", "error", err)
			} else if err == nil {
				a.Log.Debug("pruned history", "removed", n)
			}
			if _, err := a.Store.PruneOutbox(ctx, now, retention); err != nil && ctx.Err() == nil {
				a.Log.Error("pruning the outbox", "error", err)
			}
		}
		a.countNotices(ctx)
		if !sleep(ctx, time.Minute) {
			return
		}
	}
}

// tickEnded calls Rest when no other tick is under way.
func (a *Agent) tickEnded() {
	if a.ticking.Add(-1) == 0 && a.Rest != nil {
		a.Rest()
	}
}

// recovered counts and logs a bug that was recovered from.
func (a *Agent) recovered(ctx context.Context, where string, bug *panics.Error) {
	a.Metrics.Add(exporters.Panics, 1, where)
	a.Log.ErrorContext(ctx, "recovered from a bug", "where", where, "panic", bug.Value, "stack", string(bug.Stack))
}

// supervise runs a loop until it returns. A loop that a bug ends begins again after
// a moment.
func (a *Agent) supervise(ctx context.Context, where string, loop func(context.Context)) {
	for {
		err := panics.Catch(func() error { loop(ctx); return nil })
		var bug *panics.Error
		if !errors.As(err, &bug) {
			return
		}
		a.recovered(ctx, where, bug)
		if !sleep(ctx, time.Second) {
			return
		}
	}
}

// sleep waits and reports whether ctx is still alive.
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
