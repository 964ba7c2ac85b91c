package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/internal/panics"
)

// Runner runs the checks of a tick on all agents of the group. Parts that the peers
// cannot run are run on this agent.
type Runner struct {
	Member Submitter
	Log    *slog.Logger
}

// Submitter submits tasks to the agents of a group. [Member] is one.
type Submitter interface {
	// Peers is how many live agents there are besides this one.
	Peers() int
	// Do returns the answer to a task, see [Member.Do].
	Do(ctx context.Context, kind string, task json.RawMessage, retry bool) (json.RawMessage, error)
}

// A part of a tick has between minPart and maxPart datasets. Smaller parts cost more
// to distribute than to run; larger ones wait for one agent.
const (
	minPart = 10
	maxPart = 200
)

// Run implements checks.Runner. With peers it yields all outcomes at once.
func (r *Runner) Run(
	ctx context.Context, env checks.Env, warehouse string, jobs []checks.Job,
) iter.Seq2[int, []checks.Outcome] {
	peers := r.Member.Peers()
	if peers == 0 {
		return checks.Local{}.Run(ctx, env, warehouse, jobs)
	}
	return func(yield func(int, []checks.Outcome) bool) {
		parts := 2 * (peers + 1) // so that an agent that is slower than others gets less
		size := min(max((len(jobs)+parts-1)/parts, minPart), maxPart)
		outcomes := make([]checks.Outcome, len(jobs))
		var running sync.WaitGroup
		for from := 0; from < len(jobs); from += size {
			part := jobs[from:min(from+size, len(jobs))]
			running.Go(func() { copy(outcomes[from:], r.runPart(ctx, env, warehouse, part)) })
		}
		running.Wait()
		yield(0, outcomes)
	}
}

// runPart runs one part of a tick. A panic is the error of all checks of the part.
func (r *Runner) runPart(ctx context.Context, env checks.Env, warehouse string, part []checks.Job) []checks.Outcome {
	var outcomes []checks.Outcome
	err := panics.Catch(func() (err error) {
		outcomes, err = r.runRemotely(ctx, warehouse, part)
		return err
	})
	if err == nil {
		return outcomes
	}
	r.Log.WarnContext(ctx, "running checks locally: dispatch failed", "warehouse", warehouse, "error", err)
	err = panics.Catch(func() error {
		outcomes = checks.Run(ctx, env, warehouse, part)
		return nil
	})
	if bug := (*panics.Error)(nil); errors.As(err, &bug) {
		r.Log.ErrorContext(ctx, "running checks locally: recovered from a panic",
			"warehouse", warehouse, "panic", bug.Value, "stack", string(bug.Stack))
		return checks.Failed(part, err)
	}
	return outcomes
}

func (r *Runner) runRemotely(ctx context.Context, warehouse string, jobs []checks.Job) ([]checks.Outcome, error) {
	t := checksTask{Warehouse: warehouse, Tick: jobs[0].Tick}
	for _, j := range jobs {
		part := checksJob{Table: j.Table.String(), Created: j.Created}
		for _, c := range j.Checks {
			part.Checks = append(part.Checks, c.Common().ID)
		}
		t.Jobs = append(t.Jobs, part)
	}
	answer, err := do[checksAnswer](ctx, r.Member, KindChecks, t, true)
	if err != nil {
		return nil, err
	}
	if len(answer.Outcomes) != len(jobs) {
		return nil, fmt.Errorf("%d answers to %d jobs", len(answer.Outcomes), len(jobs))
	}
	outcomes := make([]checks.Outcome, len(jobs))
	for i, o := range answer.Outcomes {
		if len(o.Results) != len(jobs[i].Checks) {
			return nil, fmt.Errorf("%d results of %d checks of %s", len(o.Results), len(jobs[i].Checks), jobs[i].Table)
		}
		for k := range o.Results {
			o.Results[k].Tick = jobs[i].Tick
		}
		baselines, err := checks.DecodeSnapshots(o.Baselines)
		if err != nil {
			return nil, err
		}
		segments, err := decodeSegments(o.Segments)
		if err != nil {
			return nil, err
		}
		outcomes[i] = checks.Outcome{
			Job: jobs[i], Results: o.Results, Baselines: baselines, Renewals: o.Renewals, Segments: segments,
			Spent: o.Spent,
		}
	}
	return outcomes, nil
}

// decodeSegments decodes what a worker remembers of segments. All of it is recorded again.
func decodeSegments(encoded map[string][]byte) (map[string]*checks.SegmentMemory, error) {
	if len(encoded) == 0 {
		return nil, nil
	}
	out := make(map[string]*checks.SegmentMemory, len(encoded))
	for id, data := range encoded {
		m, err := checks.StoredSegments{Memory: data}.Decode()
		if err != nil {
			return nil, err
		}
		m.Changed = true
		out[id] = m
	}
	return out, nil
}

// do submits a task and decodes the answer.
func do[Answer any](ctx context.Context, m Submitter, kind string, task any, retry bool) (answer Answer, err error) {
	data, err := json.Marshal(task)
	if err != nil {
		return answer, err
	}
	body, err := m.Do(ctx, kind, data, retry)
	if err != nil {
		return answer, err
	}
	return answer, json.Unmarshal(body, &answer)
}
