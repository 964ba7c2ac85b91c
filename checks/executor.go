package checks

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/rowdiff"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// maxRounds is the largest number of times that a check may ask. A comparison of rows asks
// most often.
const maxRounds = rowdiff.MostLevels

// PartSize is the number of jobs that are asked and judged together. It bounds the
// memory that a tick of very many tables takes.
const PartSize = 250

// Parts runs all jobs of one warehouse that are due at one tick. It reads the
// catalog once; then it asks and judges PartSize jobs at a time. It yields the
// outcomes of each part, in the order of the jobs, with the index of the part's
// first job. There is one result per check, whatever fails. The caller owns what is
// yielded.
func Parts(ctx context.Context, env Env, warehouse string, jobs []Job) iter.Seq2[int, []Outcome] {
	return func(yield func(int, []Outcome) bool) {
		start := env.Clock.Now()
		e := newExecutor(ctx, env, warehouse, jobs)
		for first := 0; first < len(jobs); first += PartSize {
			part := jobs[first:min(first+PartSize, len(jobs))]
			if !yield(first, e.run(ctx, part, start)) {
				return
			}
			start = env.Clock.Now()
		}
	}
}

// executor runs the checks of one warehouse at one tick. One goroutine uses it.
type executor struct {
	env      Env
	db       *warehouse.DB
	dbErr    error
	catalogs map[string]*catalogView // catalogs by name of the warehouse
	place    string                  // server from which the catalog was read
	heavy    []question              // questions that are asked after the others; see askHeavy
	foreign  []question              // questions for keys of other warehouses; see askForeign

	spent map[sentinel.Table][]Spent // what statements took whose warehouse has a budget
}

// newExecutor opens the warehouse and reads the catalogs that the jobs need.
func newExecutor(ctx context.Context, env Env, name string, jobs []Job) *executor {
	e := &executor{env: env}
	e.db, e.dbErr = env.Warehouse(name)
	e.readCatalogs(ctx, jobs)
	if e.db != nil {
		e.place = e.db.Server()
	}
	return e
}

// jobRun is one running job.
type jobRun struct {
	job    Job
	checks []checkRun
}

// checkRun is one running check.
type checkRun struct {
	check   Check
	target  Target
	needs   Needs
	answers Answers

	bug     error     // a panic of the check; the check is not called again
	done    bool      // it has no more questions
	slow    error     // of a merged statement that timed out; the table is not scanned again
	began   time.Time // when the rows of its tables began to be compared
	unasked string    // why a question could not be asked of substituted rows; "" if all could

	readsRows       bool // the check asked for rows of its tables, beside statements of the user
	readsQuery      bool // the check asked statements of the user
	here            bool // the dataset's rows are substituted
	there           bool // the rows of Needs.Like are substituted
	readsSubstitute bool // the check asked for substituted rows
}

// question is an ask with the check that asked it.
type question struct {
	from *checkRun
	ask  Ask
}

// answer keeps the answer to the question; it replaces an earlier one.
func (q question) answer(answer Answer) {
	answers := q.from.answers
	for i := range answers {
		if answers[i].Key == q.ask.Key {
			answers[i].Answer = answer
			return
		}
	}
	q.from.answers = append(answers, Answered{q.ask.Key, answer})
}

// run asks and judges one part of the jobs.
func (e *executor) run(ctx context.Context, jobs []Job, start time.Time) []Outcome {
	return e.judge(e.askAll(ctx, jobs), start)
}

// askAll asks the questions of jobs until their checks have no more.
func (e *executor) askAll(ctx context.Context, jobs []Job) []jobRun {
	part := e.prepare(ctx, jobs)
	for range maxRounds {
		if !e.askRound(ctx, part) {
			break
		}
	}
	return part
}

// prepare gathers what the checks of the jobs must know before they ask.
func (e *executor) prepare(ctx context.Context, jobs []Job) []jobRun {
	part := make([]jobRun, len(jobs))
	for i, j := range jobs {
		part[i] = jobRun{job: j, checks: make([]checkRun, len(j.Checks))}
		for k, c := range j.Checks {
			run := &part[i].checks[k]
			run.check, run.target = c, newTarget(j, c)
			run.needs, run.bug = needsOf(c, run.target)
		}
	}
	e.readMissingColumns(ctx, part)
	for run := range allChecks(part) {
		e.lookUpTables(run)
		e.substitute(run)
	}
	e.readBaselines(ctx, part)
	e.confirmRemovals(ctx, part)
	e.readSegments(ctx, part)
	for run := range allChecks(part) {
		e.readHistory(ctx, run)
	}
	return part
}

// allChecks iterates over the checks of a part.
func allChecks(part []jobRun) iter.Seq[*checkRun] {
	return func(yield func(*checkRun) bool) {
		for i := range part {
			for k := range part[i].checks {
				if !yield(&part[i].checks[k]) {
					return
				}
			}
		}
	}
}

// questions returns the next questions of the job's checks. A table that does not exist,
// or whose catalog could not be read, gets only statements of the user. A check without
// questions gets no answers, and so it has none later.
func (e *executor) questions(j *jobRun) (out []question) {
	for k := range j.checks {
		run := &j.checks[k]
		if run.done {
			continue
		}
		run.done = true
		for _, a := range run.nextAsks() {
			if run.answers.asked(a.Key) || run.target.Known.Relation == nil && a.Query == nil {
				continue
			}
			run.done = false
			q := question{run, a}
			if run.slow != nil && a.Query == nil && !q.fromIndex() {
				q.answer(Answer{Err: run.slow})
				continue
			}
			if err := cmp.Or(q.hiddenRows(), e.comparesTooLong(q)); err != nil {
				q.answer(Answer{Err: err})
				continue
			}
			run.readsRows, run.readsQuery = run.readsRows || a.Query == nil, run.readsQuery || a.Query != nil
			if out == nil {
				out = make([]question, 0, len(j.checks)-k)
			}
			out = append(out, q)
		}
	}
	return out
}

// askRound asks all open questions at once, and those of failed statements again;
// see askAgain. It reports whether there were questions.
func (e *executor) askRound(ctx context.Context, part []jobRun) (asked bool) {
	var batch []planned
	for i := range part {
		if questions := e.questions(&part[i]); len(questions) > 0 {
			asked = true
			if batch == nil {
				batch = make([]planned, 0, len(part)-i)
			}
			batch = append(batch, e.statements(questions)...)
		}
	}
	var again, singly []planned
	for _, p := range e.send(ctx, batch) {
		again = append(again, e.askAgain(ctx, p)...)
	}
	for _, p := range e.send(ctx, again) {
		if warehouse.KindOf(p.err) == warehouse.TimedOut {
			p.decode()
			continue
		}
		singly = append(singly, e.singly(p.questions)...)
	}
	for _, p := range e.send(ctx, singly) {
		p.decode()
	}
	e.askHeavy(ctx)
	e.askForeign(ctx)
	return asked
}

// send runs statements, decodes their answers, and returns the merged ones that
// failed for a reason that may be one member's.
func (e *executor) send(ctx context.Context, batch []planned) (failed []planned) {
	byDB := map[*warehouse.DB][]*planned{}
	for i := range batch {
		byDB[batch[i].db] = append(byDB[batch[i].db], &batch[i])
	}
	var running sync.WaitGroup
	for db, group := range byDB {
		running.Go(func() { runStatements(ctx, db, group) })
	}
	running.Wait()
	for _, p := range batch {
		e.noteSent(p.db, p.SQL, p.questions)
		p.holdOneRow()
		if p.err != nil && !ofOneCheck(p.questions) && mayBeOneMember(p.err) {
			failed = append(failed, p)
			continue
		}
		if len(p.questions) > 1 && warehouse.KindOf(p.err) == warehouse.TimedOut {
			p.questions[0].from.slow = p.err
		}
		p.decode()
		if e.db.Config.ChangeCounters && p.err == nil && e.env.Substitute == nil {
			e.cacheAnswers(p)
		}
	}
	return failed
}

// runStatements runs statements on one warehouse. A panic is the error of those that
// are not answered by then.
func runStatements(ctx context.Context, db *warehouse.DB, group []*planned) {
	statements := make([]warehouse.Statement, len(group))
	for i, p := range group {
		statements[i] = p.Statement
		statements[i].Locked = p.locked()
		p.err = errNotAnswered
	}
	bug := panics.Catch(func() error {
		db.Run(ctx, statements, func(i int, rows warehouse.Rows, err error) {
			group[i].rows = rows
			group[i].err = err
		})
		return nil
	})
	if bug == nil {
		return
	}
	for _, p := range group {
		if errors.Is(p.err, errNotAnswered) {
			p.err = bug
		}
	}
}

// errNotAnswered is the error of a statement that the warehouse has not answered.
var errNotAnswered = errors.New("the warehouse did not answer the statement")

func (e *executor) cacheAnswers(p planned) {
	for _, q := range p.questions {
		if q.ask.Aggregate != nil && q.ask.Of == nil {
			t := &q.from.target
			e.env.Cache.store(t.Table, t.Known.Relation, q.ask.Aggregate, q.from.answers.of(q.ask.Key))
		}
	}
}

// judge turns answers into results.
func (e *executor) judge(part []jobRun, start time.Time) []Outcome {
	outcomes := make([]Outcome, len(part))
	took := e.env.Clock.Now().Sub(start)
	for i := range part {
		j := &part[i]
		o := Outcome{Job: j.job, Results: make([]sentinel.Result, len(j.checks)), Spent: e.spent[j.job.Table]}
		for k := range j.checks {
			run := &j.checks[k]
			run.target.Known.Server = e.server(run.target)
			o.Results[k] = run.result()
			o.Results[k].Duration = took
			if e.env.Substitute != nil {
				o.leaveOut(run)
				continue // nothing of what may be is remembered
			}
			o.remember(run, o.Results[k])
			o.keep(run)
			if e.env.Present {
				o.present(run)
			}
		}
		outcomes[i] = o
	}
	return outcomes
}

// keep adds the snapshot that the check stores.
func (o *Outcome) keep(run *checkRun) {
	b, ok := run.check.(BaselineCheck)
	switch {
	case !ok || run.bug != nil:
	case b.TakesBaseline(run.target):
		if o.Baselines == nil {
			o.Baselines = map[string]*warehouse.Table{}
		}
		o.Baselines[run.target.Check] = snapshot(&run.target)
	case b.RenewsBaseline(run.target):
		if o.Renewals == nil {
			o.Renewals = map[string]Renewal{}
		}
		o.Renewals[run.target.Check] = Renewal{
			Data:     EncodeSnapshot(snapshot(&run.target)),
			Of:       run.target.Known.BaselineDigest,
			Upgraded: upgraded(run.target.Known.Baseline, run.target.Known.Relation),
		}
	}
}

// present adds the present schema of a check with a baseline.
func (o *Outcome) present(run *checkRun) {
	b, ok := run.check.(BaselineCheck)
	if !ok || !b.ComparesWithBaseline() || run.target.Known.Relation == nil || run.target.Known.Catalog == nil {
		return
	}
	if o.Present == nil {
		o.Present = map[string]*warehouse.Table{}
	}
	o.Present[run.target.Check] = snapshot(&run.target)
}

// remember adds what the check remembers of its segments after a result.
func (o *Outcome) remember(run *checkRun, r sentinel.Result) {
	s, is := run.check.(segmented)
	known := run.target.Known
	if !is || s.segmentRows() == "" || known.NoState || known.SegmentsErr != nil || !r.JudgesSegments() {
		return
	}
	if o.Segments == nil {
		o.Segments = map[string]*SegmentMemory{}
	}
	now, settled := lookedUp(known, run.answers)
	next := known.Segments.after(s, r, settled)
	next.spell(now)
	o.Segments[run.target.Check] = next
}

// result calls Judge, and sets the fields that every result has.
func (run *checkRun) result() sentinel.Result {
	t := run.target
	var res sentinel.Result
	if run.bug == nil {
		run.bug = guard(run.check, "Judge", func() { res = run.check.Judge(t, run.answers) })
	}
	if run.bug != nil {
		res = errorResult(KindOf(run.check), run.bug)
	}
	res.Check, res.Table, res.Tick = t.Check, t.Table, t.Tick
	if t.Known.Catalog != nil && res.Evidence.AsOf.IsZero() {
		res.Evidence.AsOf = t.Known.Catalog.AsOf
	}
	run.noteHiddenRows(&res)
	t.Known.Server.annotate(&res)
	clipTexts(&res)
	return res
}
