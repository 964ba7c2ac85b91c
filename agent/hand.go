package agent

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
)

// Crew has work done by any of the agents that share a state. The one that
// leads decides, remembers and tells; what it needs done in the world may be done
// by another: see [Hand].
type Crew interface {
	// Others is how many agents there are besides this one.
	Others() int
	// Do returns the answer to a piece of work. With again, it is done here where
	// whoever had taken it did not answer; without, that is an error.
	Do(ctx context.Context, kind string, work json.RawMessage, again bool) (json.RawMessage, error)
}

// The kinds of work that agents do for each other.
const (
	WorkLook   = "look"   // run a tick's checks on some datasets
	WorkTell   = "tell"   // make one try to tell a channel
	WorkRepair = "repair" // carry one step of a repair out
)

// Hand does an agent's share of the work. It looks and it acts; it neither judges
// over time nor remembers. Fields are set before use and not changed after.
type Hand struct {
	Store *store.Store // for what checks compare with; open for reading is enough
	// Killed is the kill switch of repairs. Nil: never.
	Killed func() bool
	Now    func() time.Time
	Log    *slog.Logger

	mu     sync.Mutex
	memory *checks.Cache
	plan   Plan
	checks map[string]located // by id
	fixes  map[string]*repair.Policy
}

// Handlers are what this agent does for others, by kind of work.
func (h *Hand) Handlers() map[string]func(context.Context, json.RawMessage) (json.RawMessage, error) {
	return map[string]func(context.Context, json.RawMessage) (json.RawMessage, error){
		WorkLook: h.look, WorkTell: h.tell, WorkRepair: h.repair,
	}
}

// Keep resolves the plan's datasets, again and again until ctx ends, for an agent
// that does not lead.
func (h *Hand) Keep(ctx context.Context, plan Plan) {
	for ctx.Err() == nil {
		datasets, problems := plan.Datasets(ctx)
		if ctx.Err() != nil {
			return
		}
		for _, p := range problems {
			h.Log.Warn("resolving datasets", "error", p)
		}
		h.know(plan, datasets)
		if !sleep(ctx, plan.refresh(len(problems) > 0)) {
			return
		}
	}
}

// know takes up what the plan's datasets are now.
func (h *Hand) know(plan Plan, datasets []Dataset) {
	fixes := map[string]*repair.Policy{}
	for _, d := range datasets {
		for _, p := range d.Repairs {
			fixes[p.ID] = p
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.plan, h.checks, h.fixes = plan, byID(datasets), fixes
	if h.memory == nil {
		h.memory = &checks.Cache{}
	}
}

// known is what this agent knows now.
func (h *Hand) known() (Plan, map[string]located, *checks.Cache) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.plan, h.checks, h.memory
}

// lookWork is a part of a tick's batch.
type lookWork struct {
	Warehouse string    `json:"warehouse"`
	Tick      time.Time `json:"tick"`
	Jobs      []lookJob `json:"jobs"`
}

type lookJob struct {
	Table  string   `json:"table"`
	Checks []string `json:"checks"`
}

// lookAnswer is what was seen, in the order of the jobs.
type lookAnswer struct {
	Outcomes []lookOutcome `json:"outcomes"`
}

type lookOutcome struct {
	Results   []sentinel.Result `json:"results"`
	Baselines map[string][]byte `json:"baselines,omitempty"`
}

// look runs checks for the agent that leads.
func (h *Hand) look(ctx context.Context, work json.RawMessage) (json.RawMessage, error) {
	var w lookWork
	if err := json.Unmarshal(work, &w); err != nil {
		return nil, err
	}
	plan, known, memory := h.known()
	var jobs []checks.Job
	for _, j := range w.Jobs {
		var job checks.Job
		for _, id := range j.Checks {
			at, ok := known[id]
			if !ok || at.dataset.Table.String() != j.Table {
				return nil, fmt.Errorf("this agent does not know check %s of %s", id, j.Table)
			}
			job.Table, job.TimeColumn, job.Location, job.Tick = at.dataset.Table, at.dataset.TimeColumn, at.dataset.Location, w.Tick
			job.Checks = append(job.Checks, at.check.Check)
		}
		jobs = append(jobs, job)
	}
	scorer := Scorer{Store: h.Store}
	var asking sync.Mutex
	isNew := func(ctx context.Context, check string) bool {
		asking.Lock()
		defer asking.Unlock()
		return scorer.New(ctx, check)
	}
	env := checks.Env{Warehouse: plan.open, History: History(h.Store, isNew), Now: h.Now, Cache: memory}
	var a lookAnswer
	for _, o := range checks.Run(ctx, env, w.Warehouse, jobs) {
		out := lookOutcome{Results: o.Results}
		for id, t := range o.Baselines {
			if out.Baselines == nil {
				out.Baselines = map[string][]byte{}
			}
			out.Baselines[id] = checks.EncodeSnapshot(t)
		}
		a.Outcomes = append(a.Outcomes, out)
	}
	return json.Marshal(a)
}

// tellWork is one try to tell a channel.
type tellWork struct {
	Channel string        `json:"channel"`
	Notice  notify.Notice `json:"notice"`
}

// tell makes a try for the agent that leads.
func (h *Hand) tell(ctx context.Context, work json.RawMessage) (json.RawMessage, error) {
	var w tellWork
	if err := json.Unmarshal(work, &w); err != nil {
		return nil, err
	}
	plan, _, _ := h.known()
	if plan.Telling != nil && plan.Telling.Dispatcher != nil {
		for _, c := range plan.Telling.Dispatcher.Channels {
			if c.Name == w.Channel {
				return json.Marshal(c.Deliver(ctx, w.Notice))
			}
		}
	}
	return nil, fmt.Errorf("this agent does not know channel %s", w.Channel)
}

// repair carries a step of a repair out for the agent that leads, for as long as
// that one holds it.
func (h *Hand) repair(ctx context.Context, work json.RawMessage) (json.RawMessage, error) {
	var t repair.Task
	if err := json.Unmarshal(work, &t); err != nil {
		return nil, err
	}
	h.mu.Lock()
	plan, policy := h.plan, h.fixes[t.Repair.Policy]
	h.mu.Unlock()
	if policy == nil {
		return nil, fmt.Errorf("this agent does not know repair %s", t.Repair.Policy)
	}
	target, err := plan.target(t.Repair.Table, h.Now)
	if err != nil {
		return nil, err
	}
	return json.Marshal(t.Do(ctx, policy, target, func() error {
		return repair.Held(ctx, h.Store, t, h.Now(), h.Killed != nil && h.Killed())
	}))
}
