package checks

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// maxRounds bounds how often a check may follow a cheap answer with a dearer
// question.
const maxRounds = 3

// A Look is one tick's look at a warehouse. The catalog is read once, for all
// tables; then they are looked at some at a time, so that a tick of many holds what
// a few of them need, in memory that is used again. It is used by one goroutine.
type Look struct {
	env   Env
	db    *warehouse.DB
	dbErr error
	views map[string]*view
	place string    // the server that is in use when the catalog is read
	start time.Time // of the part under way; zero between parts

	// The part under way.
	jobs      []jobRun
	needs     []Needs // of all its checks, as
	targets   []Target
	answers   []Answers
	answered  []Answered
	results   []sentinel.Result
	outcomes  []Outcome
	questions []question
	batch     []planned
	sent      sent
	compiler  compiler
}

// jobRun is one job under way; the slices run parallel to the job's checks.
type jobRun struct {
	job     Job
	targets []Target
	answers []Answers
}

// NewLook reads the catalogs that the jobs need, which are all that the look will be
// at, n at most. A job is not used after the next one has come.
func NewLook(ctx context.Context, env Env, name string, n int, jobs iter.Seq[Job]) *Look {
	l := &Look{env: env, start: env.Now()}
	l.db, l.dbErr = env.Warehouse(name)
	l.readCatalogs(ctx, n, jobs)
	if l.db != nil {
		l.place = l.db.Place()
	}
	return l
}

// At looks at some of the look's jobs. The outcomes are in their order, and valid
// until it is called again.
func (l *Look) At(ctx context.Context, jobs []Job) []Outcome {
	if l.start.IsZero() {
		l.start = l.env.Now()
	}
	l.take(ctx, jobs)
	for range maxRounds {
		if !l.round(ctx) {
			break
		}
	}
	l.judge()
	l.start = time.Time{}
	return l.outcomes
}

func target(j Job, c Check) Target {
	return Target{Check: c.Common().ID, Table: j.Table, TimeColumn: j.TimeColumn, Location: location(c, j), Tick: j.Tick}
}

// take makes jobs those under way, with all that is known of them.
func (l *Look) take(ctx context.Context, jobs []Job) {
	total := 0
	for _, j := range jobs {
		total += len(j.Checks)
	}
	l.jobs, l.needs = room(l.jobs, len(jobs)), room(l.needs, total)
	l.targets, l.answers, l.answered = room(l.targets, total), room(l.answers, total), room(l.answered, total)
	at := 0
	for i, j := range jobs {
		from, to := at, at+len(j.Checks)
		at = to
		l.jobs[i] = jobRun{job: j, targets: l.targets[from:to:to], answers: l.answers[from:to:to]}
		for k, c := range j.Checks {
			l.targets[from+k] = target(j, c)
			l.answers[from+k] = l.answered[from+k : from+k : from+k+1] // most checks ask once
			l.needs[from+k] = c.Needs(l.targets[from+k])
		}
	}
	l.knowColumns(ctx)
	for i, n := range l.needs {
		l.knowTables(&l.targets[i], n)
	}
	l.recallBaselines(ctx)
	for i, n := range l.needs {
		l.recall(ctx, &l.targets[i], n)
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

// asks returns what the checks of a job want to know next, until the next round.
// Nothing is asked of a table whose catalog could not be read, or that does not
// exist, except a statement of the user's own.
func (l *Look) asks(j *jobRun) []question {
	from := len(l.questions)
	for k, c := range j.job.Checks {
		t := &j.targets[k]
		for _, a := range c.Ask(*t, j.answers[k]) {
			if _, answered := j.answers[k].Get(a.Key); answered || t.Known.Relation == nil && a.Query == nil {
				continue
			}
			l.questions = append(l.questions, question{k, a})
		}
	}
	return l.questions[from:len(l.questions):len(l.questions)]
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
func (l *Look) round(ctx context.Context) (asked bool) {
	clear(l.questions)
	clear(l.batch)
	l.questions, l.batch = l.questions[:0], l.batch[:0]
	l.compiler.forget()
	for i := range l.jobs {
		if q := l.asks(&l.jobs[i]); len(q) > 0 {
			asked = true
			l.batch = l.statements(l.batch, &l.jobs[i], q)
		}
	}
	var again []planned
	for _, p := range l.send(ctx, l.batch) {
		for _, q := range p.questions {
			again = l.statements(again, p.job, []question{q})
		}
	}
	l.send(ctx, again)
	return asked
}

// sent is what goes to the warehouses and comes back, by statement.
type sent struct {
	statements []warehouse.Statement
	rows       []warehouse.Rows
	errs       []error
}

// send runs statements, decodes their answers, and returns the merged ones
// that failed for a reason that may be one member's.
func (l *Look) send(ctx context.Context, batch []planned) (failed []planned) {
	if len(batch) == 0 {
		return nil
	}
	// Statements to one warehouse stand together: most often there is no other.
	slices.SortStableFunc(batch, func(a, b planned) int { return strings.Compare(a.db.Config.Name, b.db.Config.Name) })
	s := &l.sent
	s.statements, s.rows, s.errs = room(s.statements, len(batch)), room(s.rows, len(batch)), room(s.errs, len(batch))
	var sides sync.WaitGroup
	for from := 0; from < len(batch); {
		db, to := batch[from].db, from
		for ; to < len(batch) && batch[to].db == db; to++ {
			s.statements[to] = batch[to].Statement
		}
		part, rows, errs := s.statements[from:to], s.rows[from:to], s.errs[from:to]
		sides.Go(func() {
			db.Run(ctx, part, func(k int, answer warehouse.Rows, err error) { rows[k], errs[k] = answer, err })
		})
		from = to
	}
	sides.Wait()
	for i := range batch {
		p := &batch[i]
		if s.errs[i] != nil && len(p.questions) > 1 && mayBeOneMember(s.errs[i]) {
			failed = append(failed, *p)
			continue
		}
		p.decode(s.rows[i], s.errs[i])
		if l.db.Config.ChangeCounters && s.errs[i] == nil {
			for _, q := range p.questions {
				if q.ask.Aggregate != nil && q.ask.Of == nil {
					l.env.Memory.learn(p.job.job.Table, p.job.targets[q.check].Known.Relation, q.ask.Aggregate, p.job.answers[q.check].of(q.ask.Key))
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
func (l *Look) judge() {
	l.outcomes, l.results = room(l.outcomes, len(l.jobs)), room(l.results, len(l.targets))
	all := l.results
	took := l.env.Now().Sub(l.start)
	for i := range l.jobs {
		j := &l.jobs[i]
		n := len(j.job.Checks)
		o := Outcome{Job: j.job, Results: all[:n:n]}
		all = all[n:]
		for k, c := range j.job.Checks {
			t := &j.targets[k]
			t.Known.Where = l.where(*t)
			res := judgeOne(c, *t, j.answers[k])
			res.Duration = took
			o.Results[k] = res
			if s, ok := c.(*Schema); ok && s.learns(*t) {
				if o.Baselines == nil {
					o.Baselines = map[string]*warehouse.Table{}
				}
				o.Baselines[res.Check] = snapshot(t)
			}
		}
		l.outcomes[i] = o
	}
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
