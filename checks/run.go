package checks

import (
	"context"
	"errors"
	"slices"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// JobsAtOnce are as many as a look is best at: it bounds what is held of many tables,
// questions, answers, what is remembered.
const JobsAtOnce = 250

// Run does all jobs of one warehouse that are due at one tick: it reads the
// catalog once, asks all tables in one pipeline, and judges. Outcomes come in
// the order of the jobs, one result per check whatever fails.
func Run(ctx context.Context, env Env, name string, jobs []Job) []Outcome {
	out := make([]Outcome, 0, len(jobs))
	l := NewLook(ctx, env, name, len(jobs), slices.Values(jobs))
	for part := range slices.Chunk(jobs, JobsAtOnce) {
		out = append(out, l.At(ctx, part)...)
		l.results = nil // they are the caller's now
	}
	return out
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
	l := NewLook(ctx, env, name, len(jobs), slices.Values(jobs))
	l.take(ctx, jobs)
	var out []PlannedStatement
	for i := range l.jobs {
		j := &l.jobs[i]
		var ids []string
		for _, c := range j.job.Checks {
			ids = append(ids, c.Common().ID)
		}
		before := len(out)
		for _, st := range l.statements(nil, j, l.asks(j)) {
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
