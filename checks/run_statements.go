package checks

import (
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// planned is a statement with the questions it answers.
type planned struct {
	warehouse.Statement
	db        *warehouse.DB
	job       *jobRun
	questions []question
	columns   []int // of merged aggregates
}

// statements compiles questions: all aggregates into one, the rest singly.
// What cannot be compiled is answered with its error.
func (r *run) statements(j *jobRun, questions []question) []*planned {
	if r.db == nil {
		for _, q := range questions {
			j.answer(q, Answer{Err: r.dbErr})
		}
		return nil
	}
	out := r.elsewhere(j, questions)
	var merged []question
	var aggregates []*Aggregate
	for _, q := range questions {
		rel := j.targets[q.check].Known.Relation
		switch {
		case q.ask.Of != nil:
		case q.ask.Aggregate != nil:
			if answer, ok := r.recallAnswer(j, rel, q); ok {
				j.answer(q, answer)
				continue
			}
			if merged == nil { // most often they are all
				merged, aggregates = make([]question, 0, len(questions)), make([]*Aggregate, 0, len(questions))
			}
			merged = append(merged, q)
			aggregates = append(aggregates, q.ask.Aggregate)
		case q.ask.Groups != nil:
			st, err := compileGroups(r.db.Dialect, rel, q.ask.Groups)
			if err != nil {
				j.answer(q, Answer{Err: err})
				continue
			}
			out = append(out, &planned{Statement: st, db: r.db, job: j, questions: []question{q}})
		case q.ask.Query != nil:
			st := warehouse.Statement{SQL: strings.TrimRight(strings.TrimSpace(q.ask.Query.SQL), ";")}
			out = append(out, &planned{Statement: st, db: r.db, job: j, questions: []question{q}})
		}
	}
	if len(aggregates) == 0 {
		return out
	}
	c, err := compile(r.db.Dialect, j.targets[0].Known.Relation, aggregates)
	if err != nil {
		for _, q := range merged {
			j.answer(q, Answer{Err: err})
		}
		return out
	}
	return append([]*planned{{Statement: c.statement, db: r.db, job: j, questions: merged, columns: c.columns}}, out...)
}

// elsewhere compiles the questions to other tables, one statement a check.
func (r *run) elsewhere(j *jobRun, questions []question) (out []*planned) {
	byCheck := map[int]*planned{}
	aggregates := map[int][]*Aggregate{}
	for _, q := range questions {
		if q.ask.Of == nil {
			continue
		}
		if byCheck[q.check] == nil {
			byCheck[q.check] = &planned{job: j}
			out = append(out, byCheck[q.check])
		}
		p := byCheck[q.check]
		p.questions = append(p.questions, q)
		aggregates[q.check] = append(aggregates[q.check], q.ask.Aggregate)
	}
	return slices.DeleteFunc(out, func(p *planned) bool {
		check := p.questions[0].check
		db, err := r.env.Warehouse(p.questions[0].ask.Of.Warehouse)
		var c compiled
		if err == nil {
			c, err = compile(db.Dialect, j.targets[check].Known.Like, aggregates[check])
		}
		p.db, p.Statement, p.columns = db, c.statement, c.columns
		for _, q := range p.questions {
			if err != nil {
				j.answer(q, Answer{Err: err})
			}
		}
		return err != nil
	})
}

func (r *run) recallAnswer(j *jobRun, rel *warehouse.Table, q question) (Answer, bool) {
	if !r.db.Config.ChangeCounters {
		return Answer{}, false
	}
	answer, ok := r.env.Memory.recall(j.job.Table, rel, q.ask.Aggregate)
	if ok {
		answer.AsOf = j.targets[q.check].Known.Catalog.AsOf
	}
	return answer, ok
}
