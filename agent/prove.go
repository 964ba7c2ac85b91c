package agent

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Prove implements [repair.Host].
func (h repairHost) Prove(
	ctx context.Context, r sentinel.Repair, staged *repair.Staged,
) (proof sentinel.Proof, err error) {
	p, err := h.agent.newProver(h.plan(), r, h.agent.now())
	if err != nil {
		return proof, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	proof.At = p.tick
	before, _ := p.run(ctx, nil)
	if staged == nil {
		for _, was := range before {
			proof.Before = append(proof.Before, essence(was))
		}
		return proof, nil
	}
	proof.LeftOut = p.dependents
	after, leftOut := p.run(ctx, &checks.Substitute{Table: r.Table, Rows: staged.Rows, Hidden: staged.Hidden})
	for i, was := range before {
		id := was.Check
		why, out := leftOut[id]
		if !out && after[i].Status == sentinel.Error {
			why, out = after[i].Message, true
		}
		if out {
			proof.LeftOut = append(proof.LeftOut, sentinel.LeftOut{Check: id, Why: why})
		} else {
			proof.Judged = append(proof.Judged, id)
		}
		proof.Before = append(proof.Before, essence(was))
	}
	for i, was := range before {
		if slices.Contains(proof.Judged, was.Check) {
			known := r
			known.Proof = &proof
			proof.Against = append(proof.Against, objections(known, was, after[i])...)
		}
	}
	return proof, nil
}

// newlyBad returns what the checks find after a repair and did not find before it, and the
// results that it compares, with the time at which they were judged for their tick. They
// are judged at the tick of the proof, so that a new day or hour is not the repair's fault.
func (a *Agent) newlyBad(
	ctx context.Context, plan Plan, r sentinel.Repair,
) (against []sentinel.Objection, judged []sentinel.Result, err error) {
	p, err := a.newProver(plan, r, r.Proof.At)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	began := a.now()
	after, _ := p.run(ctx, nil)
	for _, was := range r.Proof.Before {
		i := slices.IndexFunc(after, func(is sentinel.Result) bool { return is.Check == was.Check })
		if i < 0 {
			continue // no longer configured
		}
		for _, o := range objections(r, was, after[i]) {
			if !o.Still { // the recorded result decides on the finding that the repair is for
				against = append(against, o)
			}
		}
		is := after[i]
		is.Tick = began // its data is of then, whichever tick it is judged at
		judged = append(judged, is)
	}
	return against, judged, nil
}

// objections returns what a check says against a repair: the finding that the repair is
// for, if it is still there, and those that are new or worse than before.
func objections(r sentinel.Repair, before, after sentinel.Result) (against []sentinel.Objection) {
	var still []sentinel.Finding
	if after.Check == r.Check {
		still = repair.StillBad(after, r)
	}
	for _, f := range still {
		against = append(against, sentinel.Objection{Check: after.Check, Still: true, Finding: f})
	}
	for _, f := range checks.Worse(before, after) {
		if !slices.ContainsFunc(still, func(s sentinel.Finding) bool { return s.Key == f.Key }) {
			against = append(against, sentinel.Objection{Check: after.Check, Finding: f})
		}
	}
	return against
}

// essence returns what a result is compared by later.
func essence(r sentinel.Result) sentinel.Result {
	out := sentinel.Result{Check: r.Check, Kind: r.Kind, Table: r.Table, Tick: r.Tick, Status: r.Status,
		Evidence: sentinel.Evidence{AsOf: r.Evidence.AsOf}}
	for _, f := range r.Findings {
		if f.Status.Bad() || f.Status == sentinel.Unknown {
			out.Findings = append(out.Findings, f)
		}
	}
	for _, o := range r.Observations {
		if r.Kind == "freshness" || o.Metric == "difference" {
			out.Observations = append(out.Observations, o)
		}
	}
	return out
}

// prover judges checks without recording anything.
type prover struct {
	agent *Agent
	plan  Plan
	table sentinel.Table
	// db has sessions of the repair's account, which sees the staged rows. Nil: the checks
	// read with their own account.
	db   *warehouse.DB
	tick time.Time
	// altered: the repair changes the columns of the table.
	altered bool

	jobs  []checks.Job
	lists [][]*Check
	// dependents are checks of dependents that read what is made from the table.
	dependents []sentinel.LeftOut
}

// newProver returns a prover of all checks of a repair's dataset, and of those of its
// dependents that read the dataset. Checks that compare with a learned schema are left out
// for a repair that changes the schema, because the learned one follows it. The caller
// closes the prover.
func (a *Agent) newProver(plan Plan, r sentinel.Repair, tick time.Time) (*prover, error) {
	p := &prover{agent: a, plan: plan, table: r.Table, tick: tick, altered: changesSchema(r)}
	if writer := plan.Writers[r.Table.Warehouse]; writer != nil { // a hook needs none
		db, err := writer.Reader()
		if err != nil {
			return nil, err
		}
		p.db = db
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.datasets {
		d := &a.datasets[i]
		if d.Table == r.Table || slices.Contains(d.DependsOn, r.Table) {
			p.add(d)
		}
	}
	return p, nil
}

// changesSchema reports whether a repair changes the columns of its table.
func changesSchema(r sentinel.Repair) bool {
	action, err := repair.New(r.Plan.Action)
	_, alters := action.(repair.SchemaAction)
	return err == nil && alters
}

func (p *prover) close() error {
	if p.db == nil {
		return nil
	}
	return p.db.Close()
}

func (p *prover) add(d *Dataset) {
	job := jobOf(d, p.tick)
	var list []*Check
	for k := range d.Checks {
		c := &d.Checks[k]
		if learned, ok := c.Check.(checks.BaselineCheck); p.altered && ok && learned.ComparesWithBaseline() {
			continue
		}
		if d.Table == p.table || checks.ComparesWith(job, c.Check, p.table) {
			job.Checks, list = append(job.Checks, c.Check), append(list, c)
			continue
		}
		p.dependents = append(p.dependents, sentinel.LeftOut{Check: c.Common().ID,
			Why: d.Table.String() + " is made from the table, and shows none of the staged rows before the exchange"})
	}
	if len(list) > 0 {
		p.jobs, p.lists = append(p.jobs, job), append(p.lists, list)
	}
}

// open returns an open warehouse.
func (p *prover) open(name string) (*warehouse.DB, error) {
	if name == p.table.Warehouse && p.db != nil {
		return p.db, nil
	}
	return p.plan.open(name)
}

// run judges all checks, and returns their results in order, and why checks could not be
// judged on the rows that stand in for the table.
func (p *prover) run(
	ctx context.Context, sub *checks.Substitute,
) (results []sentinel.Result, leftOut map[string]string) {
	env := checks.Env{Warehouse: p.open, History: knownHistory{p.agent.history}, Clock: p.agent.clock, Substitute: sub}
	leftOut = map[string]string{}
	for i, job := range p.jobs {
		o := checks.Run(ctx, env, job.Table.Warehouse, []checks.Job{job})[0]
		for id, why := range o.LeftOut {
			leftOut[id] = why
		}
		for k := range o.Results {
			p.judge(ctx, p.lists[i][k], &o.Results[k])
			results = append(results, o.Results[k])
		}
	}
	return results, leftOut
}

// judge adds to a result what detectors and `clear:` say of it. It works on detectors of
// its own, so that they learn nothing.
func (p *prover) judge(ctx context.Context, c *Check, r *sentinel.Result) {
	a, options := p.agent, c.Common()
	if options.Anomaly != nil {
		list := a.scorer.watch.SeriesOf(*options.Anomaly, *r)
		detectors, err := a.scorer.load(ctx, *options.Anomaly, list, r)
		if err != nil {
			a.log.ErrorContext(ctx, "restoring detectors", "check", r.Check, "error", err)
		}
		detectors.Score(*options.Anomaly, r)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.incidents.keepUntilClear(options.Clear, r)
}
