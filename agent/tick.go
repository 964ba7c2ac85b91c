package agent

import (
	"context"
	"errors"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/telemetry"
)

// runTick is the path of a datum: what is due is asked, judged, recorded,
// published, repaired; deliveries go through the outbox. See the steps of
// [tickRun].
func (a *Agent) runTick(ctx context.Context, l *loop, at time.Time, due []*entry) {
	// A tick that has begun is finished, also when the agent is told to stop:
	// statement timeouts bound it.
	ctx, end := a.trace.Tick(context.WithoutCancel(ctx), l.name, at, len(due))
	t := &tickRun{agent: a, loop: l, at: at, batch: newBatch(at, due), observed: map[sentinel.Table]bool{}}
	err := panics.Catch(func() error { t.run(ctx); return nil })
	if err == nil {
		err = panics.Catch(func() error { t.finish(ctx); return nil })
	}
	var bug *panics.Error
	if errors.As(err, &bug) {
		a.recovered(ctx, "tick", bug)
		l.skipAfterPanic(at, t.batch.entries[t.judged:])
	}
	end(err)
}

// tickRun is one tick of a warehouse under way.
type tickRun struct {
	agent  *Agent
	loop   *loop
	at     time.Time
	batch  *batch
	judged int // jobs of the batch that are judged

	// What the datasets bring whose incidents have changed, and the changes. They are
	// recorded when the whole tick is judged, so that people are notified of the one
	// upstream that failed, and not of all that depends on it.
	news     store.Batch
	changes  []notify.Change
	observed map[sentinel.Table]bool // a forecast has learnt from them

	problems []error       // of judging
	up       bool          // the warehouse has answered
	skew     time.Duration // its clock minus the agent's
	duration time.Duration // the longest of a check
}

// run takes the parts of the batch through the steps, one after the other.
func (t *tickRun) run(ctx context.Context) {
	env := checks.Env{Warehouse: t.loop.open, History: t.agent.history, Now: t.agent.now, Cache: t.agent.cache}
	for first, outcomes := range t.agent.runner.Run(ctx, env, t.loop.name, t.batch.jobs) { // asks
		part := t.batch.slice(first, len(outcomes))
		t.observe(outcomes)
		learnt := t.agent.loadSeries(ctx, part, outcomes)
		recorded := t.judge(ctx, part, outcomes, learnt)
		t.judged = first + len(outcomes)
		t.record(ctx, recorded)
		t.agent.publish(ctx, recorded.batch)
	}
}

// finish judges what only the whole tick tells, and takes it through the other
// steps: incidents, notices in the outbox, repairs.
func (t *tickRun) finish(ctx context.Context) {
	a := t.agent
	if err := errors.Join(t.problems...); err != nil {
		a.log.ErrorContext(ctx, "judging", "warehouse", t.loop.name, "error", err)
	}
	a.metrics.Warehouse(t.loop.name, t.up, t.skew, t.duration, telemetry.TraceID(ctx))
	recorded := t.judgeWhole(ctx)
	t.record(ctx, recorded)
	if !recorded.batch.Empty() {
		a.publish(ctx, recorded.batch)
	}
	a.triggerRepairs(recorded.batch)
}

// observe notes whether the warehouse answers, and its clock.
func (t *tickRun) observe(outcomes []checks.Outcome) {
	now := t.agent.now()
	for _, o := range outcomes {
		for i := range o.Results {
			r := &o.Results[i]
			t.duration = max(t.duration, r.Duration)
			if r.Status != sentinel.Error && !r.Evidence.AsOf.IsZero() {
				t.up = true
				t.skew = r.Evidence.AsOf.Sub(now)
			}
		}
	}
}

// loadSeries reads from the store what the detectors of a part have to know, before
// it is judged under the lock.
func (a *Agent) loadSeries(ctx context.Context, b *batch, outcomes []checks.Outcome) *anomaly.Watch {
	type series struct {
		config anomaly.Config
		list   []anomaly.Series
	}
	var unknown []series
	a.mu.Lock()
	for i, o := range outcomes {
		for k, r := range o.Results {
			c := b.checks[i][k].Common().Anomaly
			if c == nil {
				continue
			}
			if list := a.scorer.unknown(*c, r); len(list) > 0 {
				unknown = append(unknown, series{*c, list})
			}
		}
	}
	a.mu.Unlock()
	all := &anomaly.Watch{}
	for _, s := range unknown {
		learnt, err := a.scorer.load(ctx, s.config, s.list)
		if err != nil {
			a.log.ErrorContext(ctx, "reading what is remembered of series", "error", err)
		}
		all.Merge(learnt)
	}
	return all
}

// judge judges a part of the batch, and submits what is to be recorded.
func (t *tickRun) judge(ctx context.Context, b *batch, outcomes []checks.Outcome, learnt *anomaly.Watch) *record {
	a := t.agent
	var batch store.Batch
	a.mu.Lock()
	defer a.mu.Unlock()
	a.scorer.watch.Merge(learnt)
	for i, o := range outcomes {
		judged, err := a.judge(ctx, o, b.checks[i])
		t.problems = append(t.problems, err)
		a.learnArrivals(o, t.observed)
		to := &batch
		if len(judged.Incidents) > 0 {
			to = &t.news
		}
		to.Add(judged)
		for _, e := range b.entries[i] {
			to.Ticks = append(to.Ticks, t.loop.tickRecords(e, t.at)...)
		}
	}
	t.changes = append(t.changes, a.incidents.take()...)
	return a.submit(ctx, batch, nil)
}

// judgeWhole judges what only the whole tick tells, and submits the news.
func (t *tickRun) judgeWhole(ctx context.Context) *record {
	a := t.agent
	a.mu.Lock()
	defer a.mu.Unlock()
	a.incidents.trace = telemetry.TraceID(ctx)
	t.news.Add(a.judgeRisks(a.now(), t.observed))
	for n, i := range t.news.Incidents {
		t.news.Incidents[n] = a.incidents.latest(i) // a repair or a decision may have moved it meanwhile
	}
	return a.submit(ctx, t.news, append(t.changes, a.incidents.take()...))
}

// record waits until the part is recorded, or is known to wait in memory.
func (t *tickRun) record(ctx context.Context, rec *record) {
	a := t.agent
	a.announce(rec)
	for _, r := range rec.batch.Results {
		a.trace.Result(ctx, r)
	}
	_, end := a.trace.Step(ctx, "record",
		telemetry.Count{Name: "results", Value: len(rec.batch.Results)},
		telemetry.Count{Name: "changes", Value: len(rec.changes)})
	end(a.recorder.waitBriefly(rec))
}

// judge confirms a dataset's findings and turns its results into incidents. The
// checks are those of the results. What it returns is to be recorded whole. The
// lock is held; nothing is read.
func (a *Agent) judge(ctx context.Context, o checks.Outcome, of []*Check) (batch store.Batch, err error) {
	a.incidents.trace = telemetry.TraceID(ctx)
	batch.Results = o.Results
	var problems []error
	for i := range o.Results {
		r, c := &o.Results[i], of[i]
		options := c.Common()
		if options.Anomaly != nil {
			states, err := a.scorer.score(*options.Anomaly, r)
			problems = append(problems, err)
			batch.States = append(batch.States, states...)
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
		batch.Baselines[id] = store.Snapshot{
			Data: checks.EncodeSnapshot(t), TakenAt: o.Job.Tick, AcceptedBy: "sentinel", Why: "first look",
		}
	}
	return batch, errors.Join(problems...)
}

// submit queues what is to be recorded. The lock is held, so that records are in
// the order of the transitions.
func (a *Agent) submit(
	ctx context.Context, batch store.Batch, changes []notify.Change, audit ...store.AuditEntry,
) *record {
	rec := &record{ctx: context.WithoutCancel(ctx), batch: batch, changes: changes, at: a.now(), audit: audit}
	rec.planner = a.planner
	for n := range changes {
		changes[n].Trace = telemetry.Traceparent(ctx)
	}
	if batch.Empty() && len(changes)+len(audit) == 0 {
		rec.outcome = make(chan error, 1)
		rec.outcome <- nil
		return rec
	}
	a.recorder.submit(rec)
	return rec
}

// await waits until a record is written, or is known to wait in memory.
func (a *Agent) await(rec *record) error {
	a.announce(rec)
	return a.recorder.waitBriefly(rec)
}

// announce counts and logs the transitions of a record.
func (a *Agent) announce(rec *record) {
	for _, c := range rec.changes {
		a.count(c)
		a.logChange(rec.ctx, c)
	}
}

// publish hands the results to every exporter; one that fails stops no other.
func (a *Agent) publish(ctx context.Context, batch store.Batch) {
	ctx, end := a.trace.Step(ctx, "publish", telemetry.Count{Name: "incidents", Value: len(batch.Incidents)})
	defer end(nil)
	if err := a.metrics.Export(ctx, batch.Results); err != nil {
		a.log.ErrorContext(ctx, "exporting metrics", "error", err)
	}
	a.mu.Lock()
	queues := a.exporters
	unresolved := a.incidents.unresolved()
	a.mu.Unlock()
	for _, q := range queues {
		if err := q.Export(ctx, batch.Results); err != nil {
			a.log.ErrorContext(ctx, "exporting results", "exporter", q.Name, "error", err)
		}
	}
	a.metrics.IncidentsOpen(unresolved)
}
