package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// others is how many agents there are to share work with.
func (a *Agent) others() int {
	if a.Crew == nil {
		return 0
	}
	return a.Crew.Others()
}

// Parts of a batch: small ones are not worth the way, and large ones do not
// wait for one agent.
const (
	partLeast = 10
	partMost  = 200
)

// look runs a tick's checks, shared out among the agents that are there, and hands
// the outcomes on in parts, with the index of each part's first job.
func (a *Agent) look(ctx context.Context, env checks.Env, name string, jobs []checks.Job, hand func(first int, part []checks.Outcome)) {
	others := a.others()
	if others == 0 {
		for first, part := range checks.Parts(ctx, env, name, jobs) {
			hand(first, part)
		}
		return
	}
	parts := 2 * (others + 1) // so that an agent that is slower than others gets less
	size := min(max((len(jobs)+parts-1)/parts, partLeast), partMost)
	outcomes := make([]checks.Outcome, len(jobs))
	var under sync.WaitGroup
	for from := 0; from < len(jobs); from += size {
		part := jobs[from:min(from+size, len(jobs))]
		under.Go(func() {
			seen, err := a.lookElsewhere(ctx, name, part)
			if err != nil {
				a.Log.WarnContext(ctx, "looking oneself: the work could not be shared out", "warehouse", name, "error", err)
				seen = checks.Run(ctx, env, name, part)
			}
			copy(outcomes[from:], seen)
		})
	}
	under.Wait()
	hand(0, outcomes)
}

// lookElsewhere has jobs of one tick looked at by any agent.
func (a *Agent) lookElsewhere(ctx context.Context, name string, jobs []checks.Job) ([]checks.Outcome, error) {
	w := lookWork{Warehouse: name, Tick: jobs[0].Tick}
	for _, j := range jobs {
		part := lookJob{Table: j.Table.String()}
		for _, c := range j.Checks {
			part.Checks = append(part.Checks, c.Common().ID)
		}
		w.Jobs = append(w.Jobs, part)
	}
	work, err := json.Marshal(w)
	if err != nil {
		return nil, err
	}
	body, err := a.Crew.Do(ctx, WorkLook, work, true)
	if err != nil {
		return nil, err
	}
	var answer lookAnswer
	if err := json.Unmarshal(body, &answer); err != nil {
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
		outcomes[i] = checks.Outcome{Job: jobs[i], Results: o.Results, Baselines: map[string]*warehouse.Table{}}
		if outcomes[i].Baselines, err = checks.DecodeSnapshots(o.Baselines); err != nil {
			return nil, err
		}
	}
	return outcomes, nil
}

// tellElsewhere makes one try to tell a channel, on any agent. The notice has the
// same key whoever makes it.
func (a *Agent) tellElsewhere(ctx context.Context, c notify.Channel, n notify.Notice) (ref string, err error) {
	if a.others() == 0 {
		return c.Notifier.Notify(ctx, n)
	}
	work, err := json.Marshal(tellWork{c.Name, n})
	if err != nil {
		return "", err
	}
	body, err := a.Crew.Do(ctx, WorkTell, work, true)
	if err != nil {
		return "", err
	}
	var d notify.Delivery
	if err := json.Unmarshal(body, &d); err != nil {
		return "", err
	}
	return d.Result()
}

// repairElsewhere has any agent carry one step of a repair out.
func (a *Agent) repairElsewhere(ctx context.Context, t repair.Task) (did repair.Did, err error) {
	if a.others() == 0 {
		return did, repair.ErrNobody
	}
	work, err := json.Marshal(t)
	if err != nil {
		return did, err
	}
	body, err := a.Crew.Do(ctx, WorkRepair, work, false)
	if err != nil {
		return did, err
	}
	return did, json.Unmarshal(body, &did)
}
