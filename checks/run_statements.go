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

// statements appends the statements of a job's questions: all aggregates in one,
// the rest singly. What cannot be compiled is answered with its error. The memory of
// the questions is used.
func (l *Look) statements(to []planned, j *jobRun, questions []question) []planned {
	if l.db == nil {
		for _, q := range questions {
			j.answer(q, Answer{Err: l.dbErr})
		}
		return to
	}
	first := len(to)
	to = l.elsewhere(to, j, questions)
	merged, aggregates := questions[:0], l.compiler.asks[:0] // most often they are all
	for _, q := range questions {
		rel := j.targets[q.check].Known.Relation
		switch {
		case q.ask.Of != nil:
		case q.ask.Aggregate != nil:
			if answer, ok := l.recallAnswer(j, rel, q); ok {
				j.answer(q, answer)
				continue
			}
			merged, aggregates = append(merged, q), append(aggregates, q.ask.Aggregate)
		case q.ask.Groups != nil:
			st, err := compileGroups(l.db.Dialect, rel, q.ask.Groups)
			if err != nil {
				j.answer(q, Answer{Err: err})
				continue
			}
			to = append(to, planned{Statement: st, db: l.db, job: j, questions: []question{q}})
		case q.ask.Query != nil:
			st := warehouse.Statement{SQL: strings.TrimRight(strings.TrimSpace(q.ask.Query.SQL), ";")}
			to = append(to, planned{Statement: st, db: l.db, job: j, questions: []question{q}})
		}
	}
	if l.compiler.asks = aggregates; len(merged) == 0 {
		return to
	}
	c, err := l.compiler.compile(l.db.Dialect, j.targets[0].Known.Relation, aggregates)
	if err != nil {
		for _, q := range merged {
			j.answer(q, Answer{Err: err})
		}
		return to
	}
	return slices.Insert(to, first, planned{Statement: c.statement, db: l.db, job: j, questions: merged, columns: c.columns})
}

// elsewhere appends the statements of the questions to other tables, one a check.
func (l *Look) elsewhere(to []planned, j *jobRun, questions []question) []planned {
	for len(questions) > 0 {
		q := questions[0]
		if q.ask.Of == nil {
			questions = questions[1:]
			continue
		}
		p := planned{job: j}
		var aggregates []*Aggregate
		for len(questions) > 0 && questions[0].check == q.check { // those of a check stand together
			if q := questions[0]; q.ask.Of != nil {
				p.questions, aggregates = append(p.questions, q), append(aggregates, q.ask.Aggregate)
			}
			questions = questions[1:]
		}
		db, err := l.env.Warehouse(q.ask.Of.Warehouse)
		var c compiled
		if err == nil {
			c, err = l.compiler.compile(db.Dialect, j.targets[q.check].Known.Like, aggregates)
		}
		if err != nil {
			for _, q := range p.questions {
				j.answer(q, Answer{Err: err})
			}
			continue
		}
		p.db, p.Statement, p.columns = db, c.statement, c.columns
		to = append(to, p)
	}
	return to
}

func (l *Look) recallAnswer(j *jobRun, rel *warehouse.Table, q question) (Answer, bool) {
	if !l.db.Config.ChangeCounters {
		return Answer{}, false
	}
	answer, ok := l.env.Memory.recall(j.job.Table, rel, q.ask.Aggregate)
	if ok {
		answer.AsOf = j.targets[q.check].Known.Catalog.AsOf
	}
	return answer, ok
}
