// Package agent runs checks on their schedules. It judges and records their results,
// exports them, opens and resolves incidents, and starts repairs and notifications.
//
// Begin with tick.go: it has the steps that a tick goes through, in their order.
// loop.go finds the due ticks, incidents.go turns findings into incidents, and
// recorder.go writes to the store.
package agent

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/telemetry"
)

// Config configures an agent.
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
	// Watcher follows what the agent does. Nil: nobody does.
	Watcher Watcher
	Clock   sentinel.Clock
	// Log receives messages for operators.
	Log *slog.Logger
}

// Agent runs the checks of a plan. [New] makes one. Its exported methods may be
// called concurrently.
type Agent struct {
	store   *store.Store
	metrics *exporters.Prometheus
	engine  *repair.Engine       // nil: the agent repairs nothing
	trace   *telemetry.Telemetry // nil: nothing is traced
	runner  checks.Runner
	watcher Watcher
	clock   sentinel.Clock
	log     *slog.Logger

	ready    atomic.Bool
	repairs  chan struct{} // is held by the one loop that carries out repairs
	failed   chan error    // why the agent must end
	reload   chan reloadRequest
	refresh  chan struct{}         // the datasets are to be resolved again at once
	triggers chan []repair.Trigger // the findings of one incident that may need a repair
	recorder *recorder             // the only writer of judged results

	// mu guards the following fields. It is never held across I/O.
	mu            sync.Mutex
	incidents     *incidents
	confirmations confirmations
	cache         *checks.Cache
	history       checks.History
	scorer        *Scorer
	forecasts     forecasts
	levels        map[sentinel.Table]*Levels // of datasets with an objective
	budgets       *Budgets
	notifications *Notifications
	planner       *notify.Planner // nil: nobody is notified
	exporters     []*exporters.Queue
	silences      []notify.Silence
	checks        map[string]configuredCheck // by id
	datasets      []Dataset                  // in force, for repairs
	resolved      bool                       // datasets have been found once
	plan          Plan                       // in force, for repairs
	inForce       *running                   // the running plan that is in force
	replaced      []*running                 // plans that were replaced, and have not ended
	repairing     bool                       // repairs are carried out
	held          []*running                 // plans that repairs use
}

// now returns the time of the agent's clock.
func (a *Agent) now() time.Time { return a.clock.Now() }

// New returns an agent. [Agent.Run] starts it.
func New(cfg Config) *Agent {
	a := &Agent{
		store:    cfg.Store,
		metrics:  cfg.Metrics,
		trace:    cfg.Trace,
		runner:   cfg.Runner,
		watcher:  cfg.Watcher,
		clock:    cfg.Clock,
		log:      cfg.Log,
		repairs:  make(chan struct{}, 1),
		failed:   make(chan error, 1),
		reload:   make(chan reloadRequest),
		refresh:  make(chan struct{}, 1),
		triggers: make(chan []repair.Trigger, 1000),
	}
	if a.runner == nil {
		a.runner = checks.Local{}
	}
	if a.watcher == nil {
		a.watcher = nobody{}
	}
	if cfg.Repair != nil {
		a.engine = repair.NewEngine(*cfg.Repair, repairHost{a})
		a.engine.SetUnresolved(func(sentinel.Table) bool { return true }) // until setDatasets
	}
	return a
}

// ErrNotStarted is returned for a request that comes before the agent has read its
// store.
var ErrNotStarted = errors.New("the agent has not started yet; try again in a moment")

// Ready reports whether the agent has read its store and resolved its datasets. It
// never blocks.
func (a *Agent) Ready() bool { return a.ready.Load() }

// start reads from the store what the agent needs before its first tick. Then it starts
// the recorder. n is what will be in force; nil if nobody is notified.
func (a *Agent) start(ctx context.Context, n *Notifications) error {
	open, err := a.store.IncidentsSince(ctx, a.now().Add(-n.flaps().Settle))
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
	budgets, err := ReadBudgets(ctx, a.store)
	if budgets == nil {
		return err
	} else if err != nil {
		a.log.Warn("ignoring damaged states of budgets: what checks cost is measured again", "error", err)
	}
	confirmed := confirmations{}
	for _, s := range states {
		if err := confirmed.decode(s.Key, s.Data); err != nil {
			a.log.Warn("ignoring a damaged state of confirmations", "check", s.Key, "error", err)
		}
	}
	known := newIncidents(open, a)
	known.started = a.now().UTC().Truncate(time.Second)
	for _, r := range last {
		if r.Status == sentinel.Pass {
			known.lastGood[r.Check] = r.Tick
		}
	}
	a.metrics.IncidentsOpen(known.unresolved())
	a.metrics.Restore(last)
	for _, i := range open {
		for _, f := range i.OpenFindings() {
			a.metrics.LastGood(i.Table, f.Check, f.LastGood)
		}
	}
	a.expectEvents()
	a.metrics.Add(exporters.StoreRewritten, 0)
	a.metrics.StoreUp(true) // the series exists before the first write
	a.mu.Lock()
	defer a.mu.Unlock()
	a.silences = silences
	a.countSilences()
	a.incidents = known
	a.confirmations = confirmed
	a.budgets = budgets
	a.cache = &checks.Cache{}
	a.history = NewHistory(a.store)
	a.scorer = &Scorer{Store: a.store}
	a.recorder = startRecorder(a)
	a.watcher.Judged(store.Batch{Results: last, Incidents: open})
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

// awaitRefresh waits until the datasets are to be resolved again. It returns false when
// ctx ends.
func (a *Agent) awaitRefresh(ctx context.Context, after time.Duration) bool {
	return wait.Wake(ctx, wait.On(a.clock, after), a.refresh)
}

// retainDetectors drops the detectors of all checks that are not in ids.
func (a *Agent) retainDetectors(ids map[string]bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.scorer.watch.Retain(ids)
}

// describe exports the owner and tier of each dataset: the first owner and the
// highest tier of its checks. It makes the datasets' counters.
func (a *Agent) describe(datasets []Dataset) {
	for _, d := range datasets {
		owner, tier := ownerAndTier(d)
		a.metrics.Describe(d.Table, owner, tier)
	}
	a.expectDatasets(datasets)
}

// ownerAndTier returns the first owner and the highest tier of a dataset's checks.
func ownerAndTier(d Dataset) (owner, tier string) {
	for _, c := range d.Checks {
		owner = cmp.Or(owner, c.Meta.Owner)
		tier = notify.HigherTier(tier, c.Meta.Tier)
	}
	return owner, tier
}
