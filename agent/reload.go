package agent

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel/exporters"
)

// running is a plan that is in force, or that was replaced and has not ended: a reload
// puts the new plan in force at once, and what was begun under the old one ends beside it.
type running struct {
	plan  Plan
	stop  context.CancelFunc // the plan is replaced, or the agent stops
	flush context.CancelFunc // the exporters send the rest, and close: no tick comes any more
	users sync.WaitGroup     // goroutines and batches of the plan, and loops with its datasets
	// resolving is closed when the plan resolves no more datasets, and resolved when it
	// has resolved them once. ended is closed when the plan is closed.
	resolving, resolved, ended chan struct{}
	closed                     error // of closing the plan, once it has ended
	first                      sync.Once

	mu   sync.Mutex
	work map[string]int // what runs under the plan, and how often
}

func newRunning(plan Plan) *running {
	return &running{
		plan: plan, stop: func() {}, flush: func() {}, work: map[string]int{},
		resolving: make(chan struct{}), resolved: make(chan struct{}), ended: make(chan struct{}),
	}
}

// begin notes that some work of the plan begins. The plan is not closed before end.
func (r *running) begin(what string) {
	r.users.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.work[what]++
}

// end notes that some work has ended.
func (r *running) end(what string) {
	r.mu.Lock()
	if r.work[what]--; r.work[what] == 0 {
		delete(r.work, what)
	}
	r.mu.Unlock()
	r.users.Done()
}

// unfinished names the work that has not ended.
func (r *running) unfinished() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.work))
}

type reloadRequest struct {
	plan Plan
	done chan [2]*running // the replaced plan and the new one
}

// reloadWait is how long a reload waits for the end of the replaced plan, and for the
// datasets of the new one, before it says what it waits for.
const reloadWait = 2 * time.Second

// Run runs the checks of plan until ctx ends. Running ticks then finish within their
// statement timeouts and are recorded. Run returns an error early if it cannot read the
// store at the start. It closes the plan in force.
func (a *Agent) Run(ctx context.Context, plan Plan) error {
	if err := a.start(ctx, plan.Notifications); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var failed error
	var scheduling sync.WaitGroup
	loops := map[string]*loop{}
	schedule := func(plan Plan) {
		for name := range plan.Warehouses {
			if loops[name] == nil {
				l := newLoop(a, name, plan)
				loops[name] = l
				scheduling.Go(func() { a.supervise(ctx, "schedule", l.run) })
			}
		}
	}
	schedule(plan)
	current := a.runPlan(ctx, plan, loops)
	for ctx.Err() == nil {
		select {
		case r := <-a.reload:
			schedule(r.plan)
			next := a.runPlan(ctx, r.plan, loops)
			r.done <- [2]*running{current, next}
			current = next
		case failed = <-a.failed:
			stop()
		case <-ctx.Done():
		}
	}
	scheduling.Wait()
	current.flush() // the last ticks have exported
	for _, l := range loops {
		l.abandon()
	}
	for _, r := range a.unended() {
		<-r.ended
	}
	<-current.ended
	return errors.Join(failed, current.closed, a.Stop())
}

// Reload replaces the plan. The new plan is in force when Reload returns. What was begun
// under the old one ends beside it: see [Agent.Unfinished]. Reload waits briefly for it.
func (a *Agent) Reload(ctx context.Context, plan Plan) error {
	request := reloadRequest{plan, make(chan [2]*running, 1)}
	select {
	case a.reload <- request:
	case <-ctx.Done():
		return ctx.Err()
	}
	plans := <-request.done // at once, and by then the plan is the agent's
	timer := time.NewTimer(reloadWait)
	defer timer.Stop()
	for _, end := range []chan struct{}{plans[1].resolved, plans[0].ended} {
		select {
		case <-end:
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// Unfinished names what a reload waits for: work under a replaced configuration that has
// not ended, and catalogs that the new one has not read.
func (a *Agent) Unfinished() []string {
	names := map[string]bool{}
	for _, r := range a.unended() {
		for _, what := range r.unfinished() {
			names[what] = true
		}
	}
	a.mu.Lock()
	current := a.inForce
	a.mu.Unlock()
	if current != nil && a.ready.Load() {
		select {
		case <-current.resolved:
		default:
			names["reading the catalogs"] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// unended returns the plans that were replaced and have not ended.
func (a *Agent) unended() []*running {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.replaced)
}

// runPlan puts a plan in force, and starts its goroutines. The plan before is stopped, and
// ends beside it.
func (a *Agent) runPlan(ctx context.Context, plan Plan, loops map[string]*loop) *running {
	r := newRunning(plan)
	exporting, flush := context.WithCancel(context.WithoutCancel(ctx))
	ctx, r.stop = context.WithCancel(ctx)
	r.flush = flush
	run := func(what string, do func(context.Context)) {
		r.begin(what)
		go func() {
			defer r.end(what)
			a.supervise(ctx, what, do)
		}()
	}
	var queues []*exporters.Queue
	for _, e := range plan.Exporters {
		q := &exporters.Queue{Exporter: e.Exporter, Name: e.Name, Observer: exportObserver{a}}
		queues = append(queues, q)
		r.begin("exporter")
		go func() {
			defer r.end("exporter")
			a.supervise(exporting, "exporter", q.Run)
		}()
	}
	before := a.putInForce(r, queues)
	a.setPlan(plan)
	a.setNotifications(plan.Notifications)
	if n := plan.Notifications; n != nil && n.Dispatcher != nil {
		run("notifications", func(ctx context.Context) { a.runDispatcher(ctx, n.Dispatcher) })
	}
	run("housekeeping", func(ctx context.Context) { a.housekeep(ctx, plan) })
	run("repairs", func(ctx context.Context) { a.runRepairs(ctx, plan) })
	run("risks", a.watchRisks)
	run("levels", a.watchLevels)
	own := slices.Collect(maps.Values(loops))
	r.begin("datasets")
	go func() {
		defer r.end("datasets")
		defer close(r.resolving)
		if before != nil {
			<-before.resolving // it was stopped: two plans never set datasets at a time
		}
		a.supervise(ctx, "datasets", func(ctx context.Context) { a.resolve(ctx, r, own) })
	}()
	go a.closeWhenEnded(r)
	return r
}

// putInForce makes a plan the one in force. It stops the plan before, and returns it.
func (a *Agent) putInForce(r *running, queues []*exporters.Queue) (before *running) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before = a.inForce
	a.inForce, a.exporters = r, queues
	if before != nil {
		before.stop()
		before.flush()
		a.replaced = append(a.replaced, before)
		a.metrics.Set(exporters.ReplacedRunning, float64(len(a.replaced)))
	}
	return before
}

// closeWhenEnded closes a plan when nothing uses it any more.
func (a *Agent) closeWhenEnded(r *running) {
	r.users.Wait()
	r.stop()
	r.closed = r.plan.Close()
	defer close(r.ended)
	if !a.dropReplaced(r) {
		return // the agent stops
	}
	a.mu.Lock()
	current := a.plan
	a.mu.Unlock()
	a.keepOf(current) // the last ticks of the replaced plan have exported its own warehouses again
	if r.closed != nil {
		a.log.Error("closing the replaced configuration", "error", r.closed)
	}
	a.log.Debug("everything that ran under the replaced configuration has ended")
}

// dropReplaced forgets a plan that has ended, unless it is the one in force.
func (a *Agent) dropReplaced(r *running) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.inForce == r {
		return false
	}
	a.replaced = slices.DeleteFunc(a.replaced, func(other *running) bool { return other == r })
	a.metrics.Set(exporters.ReplacedRunning, float64(len(a.replaced)))
	return true
}

// resolve gives the loops their datasets at the start and every Refresh. It tries again
// sooner after a problem, such as a warehouse that is down at the start. Until a new plan
// has resolved its datasets, those of the plan before are checked.
func (a *Agent) resolve(ctx context.Context, r *running, loops []*loop) {
	var down map[string]bool
	for ctx.Err() == nil {
		datasets, problems := r.plan.Resolver.Datasets(ctx)
		if ctx.Err() != nil {
			return
		}
		for _, p := range problems {
			a.log.Warn("resolving datasets", "error", p)
		}
		down = a.exportUnwatched(datasets, problems, down)
		datasets = a.withinBudgets(r.plan, datasets, len(problems) == 0)
		a.setDatasets(datasets, problems...)
		known := errors.Join(a.setForecasts(ctx, datasets), a.setLevels(ctx, datasets))
		if ctx.Err() != nil {
			return
		}
		if known != nil {
			a.log.Error("reading what is known of datasets: those that are new wait for it", "error", known)
		}
		a.describe(datasets)
		now := configuredBy(r.plan, datasets, problems)
		for _, l := range loops {
			l.replace(r, datasets)
		}
		if len(problems) == 0 {
			a.metrics.Keep(now.checks, now.tables)
			a.retainDetectors(now.checks)
		}
		a.endUnconfigured(ctx, now)
		a.ready.Store(true)
		r.first.Do(func() { close(r.resolved) })
		if !a.awaitRefresh(ctx, r.plan.RefreshAfter(len(problems) > 0 || known != nil)) {
			return
		}
	}
}
