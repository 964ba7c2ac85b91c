package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/repair"
)

// Check implements [repair.Host]. Nothing is recorded of a repair that did not help: it is
// taken back, and an incident that ended for a moment would be told.
func (h repairHost) Check(ctx context.Context, r sentinel.Repair) (v repair.Verification, err error) {
	a, plan := h.agent, h.plan()
	risk, early := a.currentRisk(r.Check)
	if v.Failed = risk; !early {
		v.Failed, err = a.judgeFailed(ctx, plan, r)
	}
	if err != nil || v.Failed.Status == sentinel.Error || len(repair.StillBad(v.Failed, r)) > 0 ||
		repair.Unjudged(v.Failed, r) {
		return v, err
	}
	if r.Proof != nil && len(r.Proof.Before) > 0 {
		v.Against, v.Others, err = a.newlyBad(ctx, plan, r)
	}
	if err != nil || len(v.Against) > 0 {
		return v, err
	}
	results, err := a.checkAgain(ctx, plan, r, early)
	if result, ran := results[r.Check]; ran {
		v.Failed = result
	}
	return v, err
}

// judgeFailed judges the check that a repair is for, without recording anything. A repair
// for an alert has none.
func (a *Agent) judgeFailed(ctx context.Context, plan Plan, r sentinel.Repair) (result sentinel.Result, err error) {
	dataset, list, err := a.checksToRepeat(r, false)
	if err != nil {
		return result, err
	}
	p := &prover{agent: a, plan: plan, table: r.Table, tick: a.now()}
	for _, c := range list {
		if c.Common().ID == r.Check {
			job := jobOf(dataset, p.tick)
			job.Checks = []checks.Check{c.Check}
			p.jobs, p.lists = []checks.Job{job}, [][]*Check{{c}}
		}
	}
	if results, _ := p.run(ctx, nil); len(results) == 1 {
		result = results[0]
	}
	return result, nil
}

// checkAgain runs the check that a repair is for outside its schedule, and with it all
// checks of the dataset that have an open incident. It records the results like those of a
// tick, so that the incidents are updated at once. It returns the results by check. early
// says that an early warning has started the repair.
func (a *Agent) checkAgain(
	ctx context.Context, plan Plan, r sentinel.Repair, early bool,
) (map[string]sentinel.Result, error) {
	dataset, list, err := a.checksToRepeat(r, early)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return a.repeat(ctx, plan, dataset, list)
}

// repeat runs checks of a dataset outside their schedule, and records the results like
// those of a tick. It returns the results by check.
func (a *Agent) repeat(
	ctx context.Context, plan Plan, dataset *Dataset, list []*Check,
) (map[string]sentinel.Result, error) {
	job := jobOf(dataset, a.now())
	for _, c := range list {
		job.Checks = append(job.Checks, c.Check)
	}
	env := checks.Env{Warehouse: plan.open, History: knownHistory{a.history}, Clock: a.clock, Cache: &checks.Cache{}}
	outcomes := checks.Run(ctx, env, job.Table.Warehouse, []checks.Job{job})
	detectors := a.loadDetectors(ctx, &batch{checks: [][]*Check{list}}, outcomes)
	rec, err := a.judgeAgain(ctx, outcomes[0], list, detectors)
	if bug := (*panics.Error)(nil); errors.As(err, &bug) {
		a.recovered(ctx, "repair", bug)
	}
	if waited := a.await(rec); waited != nil && !errors.Is(waited, errBehind) {
		err = errors.Join(err, waited)
	}
	a.export(ctx, rec.batch)
	results := map[string]sentinel.Result{}
	for _, r := range rec.batch.Results {
		results[r.Check] = r
	}
	return results, err
}

// checksToRepeat returns the dataset of a repair, its check that failed, and those with an
// open incident. early says that an early warning has started it, and no check that failed.
func (a *Agent) checksToRepeat(r sentinel.Repair, early bool) (*Dataset, []*Check, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, known := a.checks[r.Check]
	dataset := at.dataset
	if !known {
		dataset = a.datasetOf(r.Table)
	}
	if dataset == nil {
		return nil, nil, fmt.Errorf("dataset %s is no longer configured", r.Table)
	}
	if !known && r.Check != "" && !early {
		return nil, nil, fmt.Errorf("check %s is no longer configured", r.Check)
	}
	open := map[string]bool{r.Check: true}
	for _, f := range a.incidents.open[dataset.Table].OpenFindings() {
		open[f.Check] = true
	}
	var list []*Check
	for k := range dataset.Checks {
		if c := &dataset.Checks[k]; open[c.Common().ID] {
			list = append(list, c)
		}
	}
	return dataset, list, nil
}

// datasetOf returns the configured dataset of a table; nil if there is none. The lock is
// held.
func (a *Agent) datasetOf(t sentinel.Table) *Dataset {
	for i := range a.datasets {
		if a.datasets[i].Table == t {
			return &a.datasets[i]
		}
	}
	return nil
}

// jobOf returns a job of a dataset without checks.
func jobOf(d *Dataset, tick time.Time) checks.Job {
	return checks.Job{Table: d.Table, TimeColumn: d.TimeColumn, Time: d.Time, Location: d.Location, Tick: tick}
}

// judgeAgain judges the outcome of checks of a dataset outside their schedule, and submits
// the record of it.
func (a *Agent) judgeAgain(
	ctx context.Context, o checks.Outcome, list []*Check, detectors *anomaly.Watch,
) (*record, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.scorer.watch.Merge(detectors)
	judged, err := a.judge(ctx, o, list)
	observed := map[sentinel.Table]bool{}
	a.observeArrivals(o, observed)
	risks, riskErr := a.judgeRisks(a.now(), observed)
	judged.Add(risks)
	return a.submit(ctx, judged, a.incidents.takeChanges()), errors.Join(err, riskErr)
}
