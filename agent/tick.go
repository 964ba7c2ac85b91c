package agent

import (
	"context"
	"errors"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/telemetry"
)

// tick is the path of a datum: ask, judge, record, publish. Datasets go it some
// at a time, so that a tick of many holds a few of them in memory.
func (a *Agent) tick(ctx context.Context, l *loop, at time.Time, due []*entry) {
	// A tick that has begun is finished, also when the agent is told to stop:
	// statement timeouts bound it.
	ctx, end := a.Trace.Tick(context.WithoutCancel(ctx), l.name, at, len(due))
	defer end(nil)
	env := checks.Env{Warehouse: l.open, History: a.history, Now: a.Now, Cache: a.memory}
	t := &tick{agent: a, loop: l, at: at, looked: map[sentinel.Table]bool{}}
	b := newBatch(at, due)
	for first, outcomes := range a.runner().Run(ctx, env, l.name, b.jobs) {
		t.take(ctx, b.slice(first, len(outcomes)), outcomes)
	}
	t.end(ctx)
}

func (a *Agent) runner() checks.Runner {
	if a.Runner == nil {
		return checks.Local{}
	}
	return a.Runner
}

// rest notes that a tick is over.
func (a *Agent) rest() {
	if a.ticking.Add(-1) == 0 && a.Rest != nil {
		a.Rest()
	}
}

// tick is one tick of a loop under way.
type tick struct {
	agent *Agent
	loop  *loop
	at    time.Time
	// What the datasets bring whose incidents have changed, and these changes:
	// they are recorded when all is seen, so that people hear of one upstream that
	// failed, and not of all that come after it.
	news    store.Batch
	changes []notify.Change
	looked  map[sentinel.Table]bool // a forecast has learnt from them

	up   bool // the warehouse has answered
	skew time.Duration
	took time.Duration
}

// take judges and records the outcomes of a part of the batch.
func (t *tick) take(ctx context.Context, w *batch, outcomes []checks.Outcome) {
	a := t.agent
	t.answered(outcomes)
	a.mu.Lock()
	var batch store.Batch
	for i, o := range outcomes {
		one, err := a.judge(ctx, o, w.checks[i])
		if err != nil {
			a.Log.ErrorContext(ctx, "judging", "warehouse", t.loop.name, "dataset", o.Job.Table, "error", err)
		}
		a.arrivals(o, t.looked)
		to := &batch
		if len(one.Incidents) > 0 {
			to = &t.news
		}
		to.Add(one)
		for _, e := range w.entries[i] {
			to.Ticks = append(to.Ticks, store.TickRecord{Schedule: e.sched.String(), Table: e.dataset.Table, Tick: t.at})
			for _, s := range t.loop.told(e) {
				to.Ticks = append(to.Ticks, store.TickRecord{Schedule: e.sched.String(), Table: e.dataset.Table, Tick: s.tick, Skipped: s.why})
			}
		}
	}
	t.changes = append(t.changes, a.incidents.take()...)
	a.mu.Unlock()
	t.settle(ctx, batch)
}

// end judges what only the whole tick tells, and records the news.
func (t *tick) end(ctx context.Context) {
	a := t.agent
	a.Metrics.Warehouse(t.loop.name, t.up, t.skew, t.took, telemetry.TraceID(ctx))
	a.mu.Lock()
	a.incidents.trace = telemetry.TraceID(ctx)
	t.news.Add(a.warn(a.Now(), t.looked))
	for n, i := range t.news.Incidents {
		t.news.Incidents[n] = a.incidents.latest(i) // a repair or a person may have moved it meanwhile
	}
	var err error
	t.news.Outbox, err = a.notices(ctx, append(t.changes, a.incidents.take()...))
	a.mu.Unlock()
	if err != nil {
		a.Log.ErrorContext(ctx, "planning notices", "warehouse", t.loop.name, "error", err)
	}
	t.settle(ctx, t.news)
	a.wantRepairs(t.news)
}

// settle records and publishes a batch.
func (t *tick) settle(ctx context.Context, batch store.Batch) {
	if batch.Empty() {
		return
	}
	a := t.agent
	for _, r := range batch.Results {
		a.Trace.Result(ctx, r.Check, r.Kind, r.Status.String(), r.Message, r.Duration)
	}
	recording, recorded := a.Trace.Step(ctx, "record", telemetry.Count{Name: "results", Value: len(batch.Results)}, telemetry.Count{Name: "notices", Value: len(batch.Outbox)})
	err := a.record(recording, batch)
	if recorded(err); err != nil {
		a.Log.ErrorContext(ctx, "recording results; they are kept in memory", "warehouse", t.loop.name, "tick", t.at, "error", err)
	}
	publishing, published := a.Trace.Step(ctx, "publish", telemetry.Count{Name: "incidents", Value: len(batch.Incidents)})
	a.publish(publishing, batch)
	published(nil)
}

// answered notes whether the warehouse answers, and its clock.
func (t *tick) answered(outcomes []checks.Outcome) {
	now := t.agent.Now()
	for _, o := range outcomes {
		for i := range o.Results {
			r := &o.Results[i]
			t.took = max(t.took, r.Duration)
			if r.Status != sentinel.Error && !r.Evidence.AsOf.IsZero() {
				t.up, t.skew = true, r.Evidence.AsOf.Sub(now)
			}
		}
	}
}

// judge confirms a dataset's findings and turns its results into incidents. The
// checks are those of the results. What it returns is to be recorded whole. The
// lock is held.
func (a *Agent) judge(ctx context.Context, o checks.Outcome, of []*Check) (batch store.Batch, err error) {
	a.incidents.trace = telemetry.TraceID(ctx)
	batch.Results = o.Results
	var problems []error
	for i := range o.Results {
		r, c := &o.Results[i], of[i]
		options := c.Common()
		if options.Anomaly != nil {
			states, err := a.scorer.Score(ctx, *options.Anomaly, r)
			problems, batch.States = append(problems, err), append(batch.States, states...)
		}
		a.incidents.hold(options.Clear, r)
		a.confirmations.apply(options.Confirm, r)
		if options.Confirm != nil {
			data, err := a.confirmations.encode(r.Check)
			problems = append(problems, err)
			batch.States = append(batch.States, store.State{Kind: confirmState, Key: r.Check, Data: data})
		}
		batch.Incidents = append(batch.Incidents, a.incidents.apply(*r, c.Meta)...)
	}
	for id, t := range o.Baselines {
		if batch.Baselines == nil {
			batch.Baselines = map[string]store.Snapshot{}
		}
		batch.Baselines[id] = store.Snapshot{Data: checks.EncodeSnapshot(t), TakenAt: o.Job.Tick, AcceptedBy: "sentinel", Why: "first look"}
	}
	return batch, errors.Join(problems...)
}

// backlogLimit bounds the results that are kept in memory while the store cannot
// be written.
const backlogLimit = 100_000

// record writes the batch, after those that could not be written before. A batch that
// cannot be written is kept as a copy.
func (a *Agent) record(ctx context.Context, batch store.Batch) error {
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	a.mu.Lock()
	defer a.mu.Unlock()
	err := a.writeBacklog(ctx)
	if err == nil {
		err = a.write(ctx, batch)
	}
	if err == nil {
		return nil
	}
	a.backlog = append(a.backlog, batch.Clone())
	waiting := 0
	for _, b := range a.backlog {
		waiting += len(b.Results)
	}
	for waiting > backlogLimit && len(a.backlog) > 1 { // the oldest go first
		dropped := len(a.backlog[0].Results)
		a.Log.ErrorContext(ctx, "dropping results that could not be recorded", "results", dropped)
		waiting -= dropped
		a.backlog = append([]store.Batch(nil), a.backlog[1:]...)
	}
	return err
}

// flushTime bounds the wait for a state that is silent: results wait in memory.
const flushTime = 20 * time.Second

// flush writes the batches that could not be written before.
func (a *Agent) flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.writeBacklog(ctx)
}

// writeBacklog is flush with the lock held.
func (a *Agent) writeBacklog(ctx context.Context) error {
	for len(a.backlog) > 0 {
		if err := a.write(ctx, a.backlog[0]); err != nil {
			return err
		}
		a.backlog = append([]store.Batch(nil), a.backlog[1:]...) // it is forgotten, too
	}
	a.Metrics.StoreUp(true)
	return nil
}

func (a *Agent) write(ctx context.Context, batch store.Batch) error {
	dropped, err := a.Store.Record(ctx, batch)
	a.Metrics.StoreUp(err == nil)
	if err == nil && dropped > 0 {
		a.Log.DebugContext(ctx, "results were recorded before", "results", dropped)
	}
	return err
}

// publish hands the results to every exporter; one that fails stops no other.
func (a *Agent) publish(ctx context.Context, batch store.Batch) {
	if err := a.Metrics.Export(ctx, batch.Results); err != nil {
		a.Log.ErrorContext(ctx, "exporting metrics", "error", err)
	}
	a.mu.Lock()
	for _, q := range a.exporters {
		if err := q.Export(ctx, batch.Results); err != nil {
			a.Log.ErrorContext(ctx, "exporting results", "exporter", q.Name, "error", err)
		}
	}
	a.Metrics.IncidentsOpen(a.incidents.unresolved())
	a.mu.Unlock()
	if len(batch.Outbox) > 0 {
		a.wakeDispatcher()
	}
}
