package checks

import (
	"context"
	"errors"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Run runs all jobs of one warehouse that are due at one tick, as [Parts] does, and
// returns all outcomes in the order of the jobs.
func Run(ctx context.Context, env Env, warehouse string, jobs []Job) []Outcome {
	out := make([]Outcome, 0, len(jobs))
	for _, part := range Parts(ctx, env, warehouse, jobs) {
		out = append(out, part...)
	}
	return out
}

// Failed returns the outcomes of jobs that could not be run because of err. Each check
// has a result with that error.
func Failed(jobs []Job, err error) []Outcome {
	out := make([]Outcome, len(jobs))
	for i, j := range jobs {
		out[i] = Outcome{Job: j, Results: make([]sentinel.Result, len(j.Checks))}
		for k, c := range j.Checks {
			r := errorResult(KindOf(c), err)
			r.Check, r.Table, r.Tick = c.Common().ID, j.Table, j.Tick
			out[i].Results[k] = r
		}
	}
	return out
}

// PlannedStatement is a statement that a dataset's checks would send.
type PlannedStatement struct {
	Table     sentinel.Table
	Checks    []string // ids of the checks
	Warehouse string   // where the statement is sent, which may be that of another table
	Statement warehouse.Statement
	Err       error // the catalog could not be read, or the table is missing
}

// Plan returns the statements of the first round in the order of the jobs. It reads the
// catalogs, but does not send the statements.
func Plan(ctx context.Context, env Env, warehouse string, jobs []Job) []PlannedStatement {
	e := newExecutor(ctx, env, warehouse, jobs)
	part := e.prepare(ctx, jobs)
	var out []PlannedStatement
	for i := range part {
		out = append(out, e.plan(&part[i])...)
	}
	return out
}

func (e *executor) plan(j *jobRun) []PlannedStatement {
	p := PlannedStatement{Table: j.job.Table}
	for k := range j.checks {
		p.Checks = append(p.Checks, j.checks[k].target.Check)
	}
	var out []PlannedStatement
	statements := e.statements(e.questions(j))
	statements = append(statements, e.singly(e.heavy)...)
	e.heavy = nil
	for _, q := range e.foreign {
		both, err := e.foreignStatements(q)
		if err == nil {
			statements = append(statements, both[:]...)
		}
	}
	e.foreign = nil
	for _, st := range statements {
		p.Statement, p.Warehouse = st.Statement, st.db.Config.Name
		out = append(out, p)
	}
	p.Statement = warehouse.Statement{}
	switch known := j.checks[0].target.Known; {
	case known.Err != nil:
		p.Err = known.Err
	case known.Relation == nil:
		p.Err = errors.New("the table does not exist")
	case len(out) > 0:
		return out
	}
	return append(out, p)
}
