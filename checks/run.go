package checks

import (
	"context"
	"errors"
	"sync"
	"time"

	sentinel "github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// maxRounds bounds how often a check may follow a cheap answer with a dearer
// question.
const maxRounds = 3

// jobsAtOnce bounds what is held of many tables: questions, answers, what is
// remembered.
const jobsAtOnce = 250

// Run does all jobs of one warehouse that are due at one tick: it reads the
// catalog once, asks all tables in one pipeline, and judges. Outcomes come in
// the order of the jobs, one result per check whatever fails.
func Run(ctx context.Context, env Env, name string, jobs []Job) []Outcome {
	out := make([]Outcome, 0, len(jobs))
	RunParts(ctx, env, name, jobs, func(part []Outcome) { out = append(out, part...) })
	return out
}

// RunParts is Run that hands the outcomes on some at a time.
func RunParts(ctx context.Context, env Env, name string, jobs []Job, hand func([]Outcome)) {
	r := newRun(ctx, env, name, jobs)
	for from := 0; from < len(jobs); from += jobsAtOnce {
		r.take(ctx, jobs, from, min(from+jobsAtOnce, len(jobs)))
		for range maxRounds {
			if !r.round(ctx) {
				break
			}
		}
		hand(r.judge())
		r.start = env.Now()
	}
}

// PlannedStatement is what a check would send.
type PlannedStatement struct {
	Table     sentinel.Table
	Checks    []string
	Statement warehouse.Statement
	Err       error // the catalog could not be read, or the table is missing
}

// Plan returns the statements of the first round, in the order of the jobs,
// without sending them; catalogs are read.
func Plan(ctx context.Context, env Env, name string, jobs []Job) []PlannedStatement {
	r := newRun(ctx, env, name, jobs)
	r.take(ctx, jobs, 0, len(jobs))
	var out []PlannedStatement
	for _, j := range r.jobs {
		var ids []string
		for _, c := range j.job.Checks {
			ids = append(ids, c.Common().ID)
		}
		before := len(out)
		for _, st := range r.statements(j, j.asks()) {
			out = append(out, PlannedStatement{j.job.Table, ids, st.Statement, nil})
		}
		switch rel := j.targets[0].Known; {
		case rel.Err != nil:
			out = append(out, PlannedStatement{j.job.Table, ids, warehouse.Statement{}, rel.Err})
		case rel.Relation == nil:
			out = append(out, PlannedStatement{j.job.Table, ids, warehouse.Statement{}, errors.New("the table does not exist")})
		case len(out) == before:
			out = append(out, PlannedStatement{j.job.Table, ids, warehouse.Statement{}, nil})
		}
	}
	return out
}

// run is one call of Run.
type run struct {
	env   Env
	db    *warehouse.DB
	dbErr error
	needs [][]Needs // of all jobs' checks
	looks map[string]look
	place string    // the server that is in use when the catalog is read
	jobs  []*jobRun // those under way
	start time.Time

	// Memory of the jobs under way, used again for the next ones.
	targets  []Target
	answers  []Answers
	answered []Answered
}

// jobRun is one job under way; the slices run parallel to the job's checks.
type jobRun struct {
	job     Job
	targets []Target
	answers []Answers
}

func newRun(ctx context.Context, env Env, name string, jobs []Job) *run {
	r := &run{env: env, start: env.Now()}
	r.db, r.dbErr = env.Warehouse(name)
	r.needs = make([][]Needs, len(jobs))
	total := 0
	for _, j := range jobs {
		total += len(j.Checks)
	}
	all := make([]Needs, 0, total)
	for i, j := range jobs {
		for _, c := range j.Checks {
			all = append(all, c.Needs(target(j, c)))
		}
		r.needs[i] = all[len(all)-len(j.Checks):]
	}
	r.readCatalogs(ctx, jobs)
	if r.db != nil {
		r.place = r.db.Place()
	}
	return r
}

func target(j Job, c Check) Target {
	return Target{Check: c.Common().ID, Table: j.Table, TimeColumn: j.TimeColumn, Location: location(c, j), Tick: j.Tick}
}

// take makes jobs [from, to) those under way, with all that is known of them.
func (r *run) take(ctx context.Context, jobs []Job, from, to int) {
	jobs, needs := jobs[from:to], r.needs[from:to]
	total := 0
	for _, j := range jobs {
		total += len(j.Checks)
	}
	r.jobs = make([]*jobRun, len(jobs))
	r.targets, r.answers, r.answered = room(r.targets, total), room(r.answers, total), room(r.answered, total)
	runs := make([]jobRun, len(jobs))
	at := 0
	for i, j := range jobs {
		from, to := at, at+len(j.Checks)
		at = to
		jr := &runs[i]
		*jr = jobRun{job: j, targets: r.targets[from:to:to], answers: r.answers[from:to:to]}
		for k, c := range j.Checks {
			jr.targets[k], jr.answers[k] = target(j, c), r.answered[from+k:from+k:from+k+1] // most checks ask once
			r.knowTables(&jr.targets[k], needs[i][k])
		}
		r.jobs[i] = jr
	}
	r.recallBaselines(ctx, needs)
	for i, jr := range r.jobs {
		for k := range jr.targets {
			r.recall(ctx, &jr.targets[k], needs[i][k])
		}
	}
}

// room is a slice of n zero values, in the memory of one that is not needed any
// more where that is enough.
func room[T any](old []T, n int) []T {
	if cap(old) < n {
		return make([]T, n)
	}
	clear(old[:cap(old)])
	return old[:n]
}

// question is an ask with the check that asked it.
type question struct {
	check int
	ask   Ask
}

// asks returns what the checks of a job want to know next. Nothing is asked of
// a table whose catalog could not be read, or that does not exist, except a
// statement of the user's own.
func (j *jobRun) asks() []question {
	var out []question
	for k, c := range j.job.Checks {
		t := j.targets[k]
		for _, a := range c.Ask(t, j.answers[k]) {
			if _, answered := j.answers[k].Get(a.Key); answered || t.Known.Relation == nil && a.Query == nil {
				continue
			}
			if out == nil { // most checks ask one, in the first round alone
				out = make([]question, 0, len(j.job.Checks))
			}
			out = append(out, question{k, a})
		}
	}
	return out
}

// answer keeps an answer to a question, which replaces one that it had.
func (j *jobRun) answer(q question, answer Answer) {
	for i, a := range j.answers[q.check] {
		if a.Key == q.ask.Key {
			j.answers[q.check][i].Answer = answer
			return
		}
	}
	j.answers[q.check] = append(j.answers[q.check], Answered{q.ask.Key, answer})
}

// round asks everything that is open in one pipeline. A merged statement that
// fails is asked again member by member, so that one broken check never takes
// its neighbours down.
func (r *run) round(ctx context.Context) (asked bool) {
	var batch []*planned
	for _, j := range r.jobs {
		if q := j.asks(); len(q) > 0 {
			asked = true
			batch = append(batch, r.statements(j, q)...)
		}
	}
	var again []*planned
	for _, p := range r.send(ctx, batch) {
		if len(p.questions) > 1 {
			for _, q := range p.questions {
				again = append(again, r.statements(p.job, []question{q})...)
			}
		}
	}
	r.send(ctx, again)
	return asked
}

// send runs statements, decodes their answers, and returns the merged ones
// that failed for a reason that may be one member's.
func (r *run) send(ctx context.Context, batch []*planned) (failed []*planned) {
	if len(batch) == 0 {
		return nil
	}
	rows := make([]warehouse.Rows, len(batch))
	errs := make([]error, len(batch))
	byDB := map[*warehouse.DB][]int{}
	for i, p := range batch {
		byDB[p.db] = append(byDB[p.db], i)
	}
	var sides sync.WaitGroup
	for db, members := range byDB {
		statements := make([]warehouse.Statement, len(members))
		for k, i := range members {
			statements[k] = batch[i].Statement
		}
		sides.Go(func() {
			db.Run(ctx, statements, func(k int, answer warehouse.Rows, err error) { rows[members[k]], errs[members[k]] = answer, err })
		})
	}
	sides.Wait()
	for i, p := range batch {
		if errs[i] != nil && len(p.questions) > 1 && mayBeOneMember(errs[i]) {
			failed = append(failed, p)
			continue
		}
		p.decode(rows[i], errs[i])
		if r.db.Config.ChangeCounters && errs[i] == nil {
			for _, q := range p.questions {
				if q.ask.Aggregate != nil && q.ask.Of == nil {
					r.env.Memory.learn(p.job.job.Table, p.job.targets[q.check].Known.Relation, q.ask.Aggregate, p.job.answers[q.check].of(q.ask.Key))
				}
			}
		}
	}
	return failed
}

// mayBeOneMember: a server that is gone or a table that is missing is nobody's
// fault in particular, and asking again would only add to the trouble.
func mayBeOneMember(err error) bool {
	switch warehouse.KindOf(err) {
	case warehouse.BadStatement, warehouse.MissingColumn, warehouse.Forbidden, warehouse.TimedOut:
		return true
	}
	return false
}

// judge turns answers into results.
func (r *run) judge() []Outcome {
	out, all := make([]Outcome, len(r.jobs)), make([]sentinel.Result, len(r.targets))
	took := r.env.Now().Sub(r.start)
	for i, j := range r.jobs {
		n := len(j.job.Checks)
		o := Outcome{Job: j.job, Results: all[:n:n]}
		all = all[n:]
		for k, c := range j.job.Checks {
			j.targets[k].Known.Where = r.where(j.targets[k])
			res := judgeOne(c, j.targets[k], j.answers[k])
			res.Duration = took
			o.Results[k] = res
			if s, ok := c.(*Schema); ok && s.learns(j.targets[k]) {
				if o.Baselines == nil {
					o.Baselines = map[string]*warehouse.Table{}
				}
				o.Baselines[res.Check] = snapshot(&j.targets[k])
			}
		}
		out[i] = o
	}
	return out
}

// judgeOne fills in what every result carries.
func judgeOne(c Check, t Target, a Answers) sentinel.Result {
	res := c.Judge(t, a)
	res.Check, res.Table, res.Tick = t.Check, t.Table, t.Tick
	if t.Known.Catalog != nil && res.Evidence.AsOf.IsZero() {
		res.Evidence.AsOf = t.Known.Catalog.AsOf
	}
	if t.Known.Relation != nil && t.Known.Relation.Filtered && res.Status != sentinel.Error {
		remark(&res, "partial: row security hides rows from the user of the DSN")
	}
	t.Known.Where.tell(&res)
	return res
}
