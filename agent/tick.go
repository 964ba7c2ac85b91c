package agent

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/telemetry"
)

// A tick goes through these steps:
//
//  1. Schedule: [loop.due] finds the due entries, and [Agent.runTick] makes them a batch.
//  2. Ask: [checks.Runner] runs the checks of the batch, part by part.
//  3. Judge: [tickRun.judge] applies detectors, N-of-M, windows and silences to each
//     part, and [incidents.apply] turns findings into incidents.
//  4. Record and export: [tickRun.record] and [Agent.export].
//  5. Incidents: [tickRun.explain] says what bad rows have in common, and [tickRun.sample] reads samples of them, where
//     that is configured. [tickRun.judgeTick] judges the risks of late data. Changed incidents are recorded together with
//     their notices.
//  6. Repair: [Agent.triggerRepairs] triggers repairs of bad incidents.
//  7. Deliver: the dispatcher sends the recorded notices.

// runTick takes one tick of a warehouse through its steps.
func (a *Agent) runTick(ctx context.Context, l *loop, at time.Time, due []*entry) {
	// A tick that has started is finished even if the agent stops. Statement timeouts
	// bound it.
	ctx, end := a.trace.Tick(context.WithoutCancel(ctx), l.name, at, len(due))
	t := &tickRun{
		agent: a, loop: l, plan: due[0].plan.plan, at: at, batch: newBatch(at, due),
		observed: map[sentinel.Table]bool{},
	}
	// The parts that were judged before a panic are finished too, because their
	// incidents have changed in memory and must be recorded.
	ran := panics.Catch(func() error { return t.run(ctx) })
	explained := panics.Catch(func() error { return t.explain(ctx) })
	sampled := panics.Catch(func() error { return t.sample(ctx) })
	finished := panics.Catch(func() error { return t.finish(ctx) })
	if sampled != nil {
		a.log.ErrorContext(ctx, "sampling failed rows", "warehouse", l.name, "error", sampled)
	}
	for _, err := range []error{ran, explained, sampled, finished} {
		if bug := (*panics.Error)(nil); errors.As(err, &bug) {
			a.recovered(ctx, "tick", bug)
		}
	}
	if ran != nil {
		l.skipAfterPanic(at, t.batch.entries[t.judged:])
	}
	end(errors.Join(ran, explained, sampled, finished))
}

// tickRun is one running tick of a warehouse.
type tickRun struct {
	agent  *Agent
	loop   *loop
	plan   Plan // of the batch; it may have been replaced since
	at     time.Time
	began  time.Time // when the warehouse was asked
	batch  *batch
	judged int // how many jobs of the batch are judged

	// deferred has the results of datasets whose incidents have changed, and changes
	// has the transitions. They are recorded after the whole tick is judged, so that
	// only the upstream that failed is notified of, and not its dependents.
	deferred store.Batch
	changes  []notify.Change
	observed map[sentinel.Table]bool // datasets whose forecast has seen this tick
	bad      []checks.Job            // checks that have turned bad, and keep samples
	obscure  []checks.Outcome        // checks that have turned bad, and whose bad rows are explained

	problems []error       // errors of judging
	answered bool          // some outcomes are known, so that up is
	up       bool          // the warehouse has answered
	skew     time.Duration // the warehouse's clock minus the agent's
	duration time.Duration // of the slowest check
}

// run takes each part of the batch through steps 2 to 4. After a panic of judging it
// records the parts judged before, and returns the panic as an error.
func (t *tickRun) run(ctx context.Context) error {
	t.began = t.agent.now()
	for first, outcomes := range t.ask(ctx) {
		part := t.batch.slice(first, len(outcomes))
		t.observe(outcomes)
		t.spend(part, outcomes)
		detectors := t.agent.loadDetectors(ctx, part, outcomes)
		rec, bug := t.judge(ctx, part, outcomes, detectors)
		t.record(ctx, rec)
		t.loop.answered(t.at, part.entries[:t.judged-first])
		t.agent.export(ctx, rec.batch)
		if bug != nil {
			return bug
		}
	}
	return nil
}

// ask runs the checks. It yields the index of the first job of each part, and the
// outcomes of the part.
func (t *tickRun) ask(ctx context.Context) iter.Seq2[int, []checks.Outcome] {
	a := t.agent
	env := checks.Env{Warehouse: t.plan.open, History: a.history, Clock: a.clock, Cache: a.cache}
	return a.runner.Run(ctx, env, t.loop.name, t.batch.jobs)
}

// finish takes the whole tick through steps 5 and 6. It returns a panic of judging as
// an error.
func (t *tickRun) finish(ctx context.Context) error {
	a := t.agent
	if err := errors.Join(t.problems...); err != nil {
		a.log.ErrorContext(ctx, "evaluating checks", "warehouse", t.loop.name, "error", err)
	}
	if t.answered {
		a.metrics.Warehouse(t.loop.name, t.up, t.skew, t.duration, telemetry.TraceID(ctx))
	}
	t.fitBudgets()
	rec, err := t.judgeTick(ctx)
	if err != nil {
		a.log.ErrorContext(ctx, "judging risks", "warehouse", t.loop.name, "error", err)
	}
	t.record(ctx, rec)
	if !rec.batch.Empty() {
		a.export(ctx, rec.batch)
	}
	a.triggerRepairs(rec.batch)
	if errors.As(err, new(*panics.Error)) {
		return err
	}
	return nil
}

// judge judges a part of the batch, and submits the record of it. A panic ends the
// judging. The record then has the datasets that were judged before.
func (t *tickRun) judge(
	ctx context.Context, b *batch, outcomes []checks.Outcome, detectors *anomaly.Watch,
) (rec *record, bug error) {
	a := t.agent
	batch := store.Batch{
		Results: make([]sentinel.Result, 0, countResults(outcomes)),
		Ticks:   make([]store.TickRecord, 0, len(outcomes)),
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	bug = panics.Catch(func() error {
		a.scorer.watch.Merge(detectors)
		for i, o := range outcomes {
			if err := t.judgeDataset(ctx, o, b.checks[i], b.entries[i], &batch); err != nil {
				return err
			}
		}
		return nil
	})
	t.changes = append(t.changes, a.incidents.takeChanges()...)
	return a.submit(ctx, batch, nil), bug
}

func countResults(outcomes []checks.Outcome) (n int) {
	for _, o := range outcomes {
		n += len(o.Results)
	}
	return n
}

// judgeDataset judges one dataset, and adds its record to that of the part or to the
// deferred one. An error is a panic. The tick of the dataset then does not count as
// run, but its changed incidents are recorded.
func (t *tickRun) judgeDataset(
	ctx context.Context, o checks.Outcome, list []*Check, entries []*entry, part *store.Batch,
) error {
	a := t.agent
	o, list = a.configuredOnly(o, list)
	judged, err := a.judge(ctx, o, list)
	if errors.As(err, new(*panics.Error)) {
		t.deferred.Add(store.Batch{Incidents: judged.Incidents, States: judged.States})
		return err
	}
	t.problems = append(t.problems, err)
	t.turned(o, list)
	to := part
	if len(judged.Incidents) > 0 {
		to = &t.deferred
	}
	to.Add(judged)
	for _, e := range entries {
		to.Ticks = t.loop.appendTicks(to.Ticks, e, t.at)
	}
	t.judged++
	a.observeArrivals(o, t.observed)
	states, err := a.observeLevels(o)
	t.problems = append(t.problems, err)
	to.Add(store.Batch{States: states})
	return nil
}

// judgeTick judges the risks of late data, and submits the record of all changed
// incidents.
func (t *tickRun) judgeTick(ctx context.Context) (*record, error) {
	a := t.agent
	a.mu.Lock()
	defer a.mu.Unlock()
	a.incidents.trace = telemetry.TraceID(ctx)
	var risks store.Batch
	err := panics.Catch(func() (err error) {
		risks, err = a.judgeRisks(a.now(), t.observed)
		return err
	})
	t.deferred.Add(risks)
	changes := append(t.changes, a.incidents.takeChanges()...)
	t.deferred.Incidents = a.incidents.refresh(t.deferred.Incidents, changes)
	return a.submit(ctx, t.deferred, changes), err
}

// record waits until a record is written, or is known to wait in memory.
func (t *tickRun) record(ctx context.Context, rec *record) {
	a := t.agent
	a.logChanges(rec)
	for _, r := range rec.batch.Results {
		a.trace.Result(ctx, r)
	}
	_, end := a.trace.Step(ctx, "record",
		telemetry.Count{Name: "results", Value: len(rec.batch.Results)},
		telemetry.Count{Name: "changes", Value: len(rec.changes)})
	end(a.recorder.waitBriefly(rec))
}

// judge scores and confirms a dataset's findings, and turns them into incidents. list
// has the checks in the order of the results. The batch must be recorded as a whole.
// The lock is held, and judge does no I/O. It returns a panic as an error, with the
// changes made before it.
func (a *Agent) judge(ctx context.Context, o checks.Outcome, list []*Check) (batch store.Batch, err error) {
	a.incidents.trace = telemetry.TraceID(ctx)
	batch.Results = o.Results
	err = panics.Catch(func() error { return a.judgeResults(o, list, &batch) })
	return batch, err
}

// judgeResults judges the results of a dataset, and adds the changes to batch.
func (a *Agent) judgeResults(o checks.Outcome, list []*Check, batch *store.Batch) error {
	defer func() { batch.Incidents = append(batch.Incidents, a.incidents.settle(o.Job.Table)...) }() // after a panic, too
	var problems []error
	for i := range o.Results {
		r, c := &o.Results[i], list[i]
		options := c.Common()
		if options.Anomaly != nil {
			states, err := a.scorer.score(*options.Anomaly, r)
			problems = append(problems, err)
			batch.States = append(batch.States, states...)
		}
		states, err := SegmentStates(r.Check, o.Segments, r)
		problems = append(problems, err)
		batch.States = append(batch.States, states...)
		a.incidents.keepUntilClear(options.Clear, r)
		a.confirmations.apply(options.Confirm, r)
		if options.Confirm != nil {
			data, err := a.confirmations.encode(r.Check)
			problems = append(problems, err)
			batch.States = append(batch.States, store.State{Kind: confirmState, Key: r.Check, Data: data})
		}
		KeepDrifts(&o, r, a.incidents.openFinding)
		a.incidents.endPassed(c.Check, o.Job, *r)
		a.incidents.update(*r, c.Meta)
	}
	for id, r := range o.Renewals {
		if batch.Renewals == nil {
			batch.Renewals = map[string]store.Renewal{}
		}
		batch.Renewals[id] = store.Renewal{Data: r.Data, Of: r.Of}
	}
	for id, t := range o.Baselines {
		if batch.Baselines == nil {
			batch.Baselines = map[string]store.Snapshot{}
		}
		batch.Baselines[id] = store.Snapshot{
			Data: checks.EncodeSnapshot(t), TakenAt: o.Job.Tick, AcceptedBy: "sentinel", Why: "first check",
		}
	}
	return errors.Join(problems...)
}

// submit queues a record. The lock is held, so that the records have the order of the
// transitions.
func (a *Agent) submit(
	ctx context.Context, batch store.Batch, changes []notify.Change, audit ...store.AuditEntry,
) *record {
	batch.Audit = append(batch.Audit, audit...)
	rec := &record{ctx: context.WithoutCancel(ctx), batch: batch, changes: changes, at: a.now()}
	rec.planner = a.planner
	for n := range changes {
		changes[n].Trace = a.trace.Carried(ctx)
	}
	if batch.Empty() && len(changes) == 0 {
		rec.outcome = make(chan error, 1)
		rec.outcome <- nil
		return rec
	}
	a.watcher.Judged(batch)
	a.recorder.submit(rec)
	return rec
}

// await waits until a record is written, or is known to wait in memory.
func (a *Agent) await(rec *record) error {
	a.logChanges(rec)
	return a.recorder.waitBriefly(rec)
}

// logChanges counts and logs the transitions of a record.
func (a *Agent) logChanges(rec *record) {
	for _, c := range rec.changes {
		a.countChange(c)
		a.logChange(rec.ctx, c)
	}
}

// export gives the results to every exporter. An exporter that fails does not stop the
// others.
func (a *Agent) export(ctx context.Context, batch store.Batch) {
	ctx, end := a.trace.Step(ctx, "publish", telemetry.Count{Name: "incidents", Value: len(batch.Incidents)})
	defer end(nil)
	if err := a.metrics.Export(ctx, batch.Results); err != nil {
		a.log.ErrorContext(ctx, "exporting metrics", "error", err)
	}
	queues, unresolved := a.exportTargets()
	for _, q := range queues {
		err := q.Export(ctx, batch.Results)
		if errors.Is(err, exporters.ErrClosed) {
			err = a.exportToNext(ctx, q, batch.Results)
		}
		if err != nil {
			a.log.ErrorContext(ctx, "exporting results", "exporter", q.Name, "error", err)
		}
	}
	a.metrics.IncidentsOpen(unresolved)
}

// exportToNext exports results whose queue a reload has closed meanwhile to the exporter of
// the same kind that took its place.
func (a *Agent) exportToNext(ctx context.Context, closed *exporters.Queue, results []sentinel.Result) error {
	queues, _ := a.exportTargets()
	for _, q := range queues {
		if q != closed && q.Name == closed.Name {
			return q.Export(ctx, results)
		}
	}
	return fmt.Errorf("%d results are lost: %w", len(results), exporters.ErrClosed)
}

// exportTargets returns the queues of all exporters, and the unresolved incidents by
// tier.
func (a *Agent) exportTargets() ([]*exporters.Queue, map[string]int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.exporters, a.incidents.unresolved()
}
