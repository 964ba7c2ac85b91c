package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// The kinds of task. They are names of queues and values of a metric's label.
const (
	KindChecks   = "look"   // run a tick's checks of some datasets
	KindDelivery = "tell"   // make one try to deliver a notice
	KindRepair   = "repair" // carry out one step of a repair
)

// Dataset is a dataset as a worker needs it.
type Dataset struct {
	Job     checks.Job // with all checks of the dataset, and without a tick
	Repairs []*repair.Policy
}

// Resources are the warehouses, channels and datasets that a worker uses.
type Resources struct {
	Warehouses map[string]*warehouse.DB
	Writers    map[string]*repair.Writer // by warehouse; those with a repair_dsn
	Channels   []notify.Channel
	Datasets   []Dataset
}

// Open implements [repair.Sources].
func (r Resources) Open(name string) (*warehouse.DB, error) { return r.warehouse(name) }

// Worker does the tasks that this agent takes from the queue. It keeps no results. It
// can do tasks once it has its resources, see [Worker.Update]. Set the fields before
// use, and do not change them afterwards.
type Worker struct {
	// Store is read for the leases of repairs. It may be open for reading only.
	Store *store.Store
	// History is what checks compare with.
	History checks.History
	// Switch is the kill switch of repairs. Nil: it is never set.
	Switch repair.KillSwitch
	// Now is the clock.
	Clock sentinel.Clock
	Log   *slog.Logger

	mu        sync.Mutex
	cache     *checks.Cache
	resources Resources
	checks    map[string]locatedCheck // by id
	policies  map[string]*repair.Policy
}

// locatedCheck is a check with the job of its dataset.
type locatedCheck struct {
	checks.Check
	job *checks.Job
}

// Handlers do this agent's tasks, by kind.
func (w *Worker) Handlers() map[string]Handler {
	return map[string]Handler{
		KindChecks:   handler(w.runChecks),
		KindDelivery: handler(w.deliver),
		KindRepair:   handler(w.carryOut),
	}
}

type handler func(ctx context.Context, task json.RawMessage) (json.RawMessage, error)

// Handle implements Handler.
func (h handler) Handle(ctx context.Context, task json.RawMessage) (json.RawMessage, error) {
	return h(ctx, task)
}

// Update replaces the worker's resources.
func (w *Worker) Update(r Resources) {
	byID := map[string]locatedCheck{}
	policies := map[string]*repair.Policy{}
	for i := range r.Datasets {
		d := &r.Datasets[i]
		for _, c := range d.Job.Checks {
			byID[c.Common().ID] = locatedCheck{c, &d.Job}
		}
		for _, p := range d.Repairs {
			policies[p.ID] = p
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.resources, w.checks, w.policies = r, byID, policies
	if w.cache == nil {
		w.cache = &checks.Cache{}
	}
}

// warehouse opens a warehouse by name.
func (r Resources) warehouse(name string) (*warehouse.DB, error) {
	db, ok := r.Warehouses[name]
	if !ok {
		return nil, fmt.Errorf("warehouse %s is not configured", name)
	}
	return db, nil
}

// checksTask is a part of a tick.
type checksTask struct {
	Warehouse string      `json:"warehouse"`
	Tick      time.Time   `json:"tick"`
	Jobs      []checksJob `json:"jobs"`
}

type checksJob struct {
	Table   string   `json:"table"`
	Created bool     `json:"created,omitempty"`
	Checks  []string `json:"checks"` // their ids
}

// checksAnswer has the outcomes in the order of the jobs.
type checksAnswer struct {
	Outcomes []checksOutcome `json:"outcomes"`
}

type checksOutcome struct {
	Results   []sentinel.Result         `json:"results"`
	Baselines map[string][]byte         `json:"baselines,omitempty"`
	Renewals  map[string]checks.Renewal `json:"renewals,omitempty"`
	Segments  map[string][]byte         `json:"segments,omitempty"`
	Spent     []checks.Spent            `json:"spent,omitempty"`
}

func (w *Worker) runChecks(ctx context.Context, data json.RawMessage) (json.RawMessage, error) {
	var t checksTask
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, err
	}
	jobs, env, err := w.jobs(t)
	if err != nil {
		return nil, err
	}
	var a checksAnswer
	for _, o := range checks.Run(ctx, env, t.Warehouse, jobs) {
		out := checksOutcome{Results: o.Results, Renewals: o.Renewals, Spent: o.Spent}
		for id, table := range o.Baselines {
			if out.Baselines == nil {
				out.Baselines = map[string][]byte{}
			}
			out.Baselines[id] = checks.EncodeSnapshot(table)
		}
		for id, m := range o.Segments {
			if out.Segments == nil {
				out.Segments = map[string][]byte{}
			}
			if out.Segments[id], err = m.Encode(); err != nil {
				return nil, err
			}
		}
		a.Outcomes = append(a.Outcomes, out)
	}
	return json.Marshal(a)
}

// jobs finds the checks of a task, and what they are run with.
func (w *Worker) jobs(t checksTask) (jobs []checks.Job, env checks.Env, err error) {
	w.mu.Lock()
	known, has, cache := w.checks, w.resources, w.cache
	w.mu.Unlock()
	for _, j := range t.Jobs {
		var job checks.Job
		for _, id := range j.Checks {
			c, ok := known[id]
			if !ok || c.job.Table.String() != j.Table {
				return nil, env, fmt.Errorf("check %s of %s is not configured in this agent", id, j.Table)
			}
			list := append(job.Checks, c.Check)
			job = *c.job
			job.Tick, job.Checks, job.Created = t.Tick, list, j.Created
		}
		jobs = append(jobs, job)
	}
	return jobs, checks.Env{Warehouse: has.warehouse, History: w.History, Clock: w.Clock, Cache: cache}, nil
}

// deliveryTask is one try to deliver a notice.
type deliveryTask struct {
	Channel string        `json:"channel"`
	Notice  notify.Notice `json:"notice"`
}

func (w *Worker) deliver(ctx context.Context, data json.RawMessage) (json.RawMessage, error) {
	var t deliveryTask
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, err
	}
	w.mu.Lock()
	channels := w.resources.Channels
	w.mu.Unlock()
	for _, c := range channels {
		if c.Name == t.Channel {
			return json.Marshal(c.Deliver(ctx, t.Notice))
		}
	}
	return nil, fmt.Errorf("channel %s is not configured in this agent", t.Channel)
}

// carryOut carries out a step for as long as the leader holds the repair's lease.
func (w *Worker) carryOut(ctx context.Context, data json.RawMessage) (json.RawMessage, error) {
	var t repair.Task
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, err
	}
	w.mu.Lock()
	has, policy := w.resources, w.policies[t.Repair.Policy]
	w.mu.Unlock()
	if policy == nil {
		return nil, fmt.Errorf("repair %s is not configured in this agent", t.Repair.Policy)
	}
	db, err := has.warehouse(t.Repair.Table.Warehouse)
	if err != nil {
		return nil, err
	}
	target := &repair.Target{
		Read: db, Write: has.Writers[t.Repair.Table.Warehouse], Sources: has, Clock: w.Clock,
	}
	held := repair.TaskControl{Context: ctx, Store: w.Store, Task: t, Clock: w.Clock, KillSwitch: w.Switch}
	return json.Marshal(t.Do(ctx, policy, target, held))
}
