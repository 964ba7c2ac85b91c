package agent

import (
	"context"
	"errors"
	"slices"
	"time"

	sentinel "github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/telemetry"
)

// tick is the path of a datum: ask, judge, record, publish.
func (a *Agent) tick(ctx context.Context, l *loop, tick time.Time, due []*entry) {
	// A tick that has begun is finished, also when the agent is told to stop:
	// statement timeouts bound it.
	ctx, end := a.Trace.Tick(context.WithoutCancel(ctx), l.name, tick, len(due))
	defer end(nil)
	env := checks.Env{
		Warehouse: l.open, History: history(a.Store), Baselines: a.Store.CurrentBaselines,
		Now: a.Now, Memory: a.memory, New: func(check string) bool { return a.isNew(ctx, check) },
	}
	outcomes := a.look(ctx, env, l.name, jobs(tick, due))
	a.observe(ctx, l.name, outcomes)

	meta := metaByCheck(due)
	batch, err := a.judge(ctx, outcomes, meta)
	if err != nil {
		a.Log.ErrorContext(ctx, "judging", "warehouse", l.name, "error", err)
	}
	batch.Ticks = make([]store.TickRecord, 0, len(due))
	for _, e := range due {
		batch.Ticks = append(batch.Ticks, store.TickRecord{Schedule: e.sched.String(), Table: e.dataset.Table, Tick: tick})
		for _, s := range l.told(e) {
			batch.Ticks = append(batch.Ticks, store.TickRecord{Schedule: e.sched.String(), Table: e.dataset.Table, Tick: s.tick, Skipped: s.why})
		}
	}
	for _, r := range batch.Results {
		a.Trace.Result(ctx, r.Check, r.Kind, r.Status.String(), r.Message, r.Duration)
	}
	recording, recorded := a.Trace.Step(ctx, "record", telemetry.Count{Name: "results", Value: len(batch.Results)}, telemetry.Count{Name: "notices", Value: len(batch.Outbox)})
	err = a.record(recording, batch)
	if recorded(err); err != nil {
		a.Log.ErrorContext(ctx, "recording results; they are kept in memory", "warehouse", l.name, "tick", tick, "error", err)
	}
	publishing, published := a.Trace.Step(ctx, "publish", telemetry.Count{Name: "incidents", Value: len(batch.Incidents)})
	a.publish(publishing, batch)
	published(nil)
	a.wantRepairs(batch)
}

func metaByCheck(due []*entry) map[string]*Check {
	n := 0
	for _, e := range due {
		n += len(e.checks)
	}
	m := make(map[string]*Check, n)
	for _, e := range due {
		for i := range e.checks {
			m[e.checks[i].Common().ID] = &e.checks[i]
		}
	}
	return m
}

// judge confirms findings and turns results into incidents. The batch it
// returns is to be recorded whole.
func (a *Agent) judge(ctx context.Context, outcomes []checks.Outcome, meta map[string]*Check) (store.Batch, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.incidents.trace = telemetry.TraceID(ctx)
	batch := store.Batch{Results: make([]sentinel.Result, 0, len(meta)), Baselines: map[string]store.Snapshot{}}
	var problems []error
	for _, o := range outcomes {
		for i := range o.Results {
			r := &o.Results[i]
			c := meta[r.Check]
			if watched := c.Common().Anomaly; watched != nil {
				states, err := a.scorer.Score(ctx, *watched, r)
				problems, batch.States = append(problems, err), append(batch.States, states...)
			}
			a.incidents.hold(c.Common().Clear, r)
			rule := c.Common().Confirm
			a.confirmations.apply(rule, r)
			if rule != nil {
				data, err := a.confirmations.encode(r.Check)
				problems = append(problems, err)
				batch.States = append(batch.States, store.State{Kind: confirmState, Key: r.Check, Data: data})
			}
			batch.Incidents = append(batch.Incidents, a.incidents.apply(*r, c.Meta)...)
			batch.Results = append(batch.Results, *r)
		}
		for id, t := range o.Baselines {
			data, err := checks.EncodeSnapshot(t)
			if err != nil {
				problems = append(problems, err)
				continue
			}
			batch.Baselines[id] = store.Snapshot{Data: data, TakenAt: o.Job.Tick, AcceptedBy: "sentinel", Why: "first look"}
		}
	}
	a.arrivals(outcomes, &batch)
	var err error
	batch.Outbox, err = a.notices(ctx)
	return batch, errors.Join(append(problems, err)...)
}

func (a *Agent) isNew(ctx context.Context, check string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.scorer.New(ctx, check)
}

// backlogLimit bounds what is kept in memory while the store cannot be written.
const backlogLimit = 100

// record writes the batch, after those that could not be written before.
func (a *Agent) record(ctx context.Context, batch store.Batch) error {
	a.mu.Lock()
	a.backlog = append(a.backlog, batch)
	if drop := len(a.backlog) - backlogLimit; drop > 0 {
		a.Log.ErrorContext(ctx, "dropping results that could not be recorded", "batches", drop)
		a.backlog = slices.Delete(a.backlog, 0, drop)
	}
	a.mu.Unlock()
	return a.flush(ctx)
}

// flushTime bounds the wait for a state that is silent: results wait in memory.
const flushTime = 20 * time.Second

func (a *Agent) flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.backlog) > 0 {
		dropped, err := a.Store.Record(ctx, a.backlog[0])
		if err != nil {
			a.Metrics.StoreUp(false)
			return err
		}
		if dropped > 0 {
			a.Log.DebugContext(ctx, "results were recorded before", "results", dropped)
		}
		a.backlog = slices.Delete(a.backlog, 0, 1) // it is forgotten, too
	}
	a.Metrics.StoreUp(true)
	return nil
}

// history reads remembered points for a check.
func history(from *store.Store) func(context.Context, string, checks.Series) ([]sentinel.Point, error) {
	return func(ctx context.Context, check string, s checks.Series) ([]sentinel.Point, error) {
		return from.Points(ctx, check, s.Metric, s.Segment, s.Since, s.Limit)
	}
}

// observe exports whether the warehouse answered, and its clock.
func (a *Agent) observe(ctx context.Context, name string, outcomes []checks.Outcome) {
	now, up, took := a.Now(), false, time.Duration(0)
	var skew time.Duration
	for _, o := range outcomes {
		for _, r := range o.Results {
			took = r.Duration
			if r.Status != sentinel.Error && !r.Evidence.AsOf.IsZero() {
				up, skew = true, r.Evidence.AsOf.Sub(now)
			}
		}
	}
	a.Metrics.Warehouse(name, up, skew, took, telemetry.TraceID(ctx))
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
		a.wakeTelling()
	}
}
