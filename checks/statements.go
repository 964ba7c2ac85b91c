package checks

import (
	"errors"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// planned is a statement with the questions it answers, and its rows.
type planned struct {
	warehouse.Statement
	db        *warehouse.DB
	questions []question
	columns   []int // column of the answer to each question of a merged statement
	groups    *mergedGroups
	rows      warehouse.Rows
	err       error
}

// locked reports whether the statement reads a table that was locked when the catalog was
// read.
func (p *planned) locked() bool {
	rel := p.questions[0].relation()
	return rel != nil && rel.ReadErr != nil
}

// statements plans the questions of one job: all aggregates in one statement, the
// rest singly. What is cached, and what cannot be compiled, is answered at once.
func (e *executor) statements(questions []question) []planned {
	if e.db == nil {
		for _, q := range questions {
			q.answer(Answer{Err: e.dbErr})
		}
		return nil
	}
	var visible, single, compared []question
	merged := make([]question, 0, len(questions))
	var of map[*checkRun][]question // questions to other tables
	var others []*checkRun          // the keys of of, in order
	for _, q := range questions {
		if why := e.withoutSubstitute(q); why != "" {
			q.from.unasked = why
			q.answer(Answer{Err: errors.New(why)})
			continue
		}
		q.from.readsSubstitute = q.from.readsSubstitute || e.sourceOf(q).sub != nil ||
			q.ask.readsBoth() && q.from.there
		switch {
		case q.ask.Foreign != nil:
			e.foreign = append(e.foreign, answerable(e.db.Dialect, []question{q})...)
		case q.ask.Compare != nil:
			compared = append(compared, q)
		case q.ask.Of != nil:
			if of == nil {
				of = map[*checkRun][]question{}
			}
			if of[q.from] == nil {
				others = append(others, q.from)
			}
			of[q.from] = append(of[q.from], q)
		case q.ask.Aggregate == nil:
			single = append(single, q)
		default:
			if visibleRows(q.from.check) {
				visible = append(visible, q)
			} else {
				merged = append(merged, q)
			}
		}
	}
	var out []planned
	for _, list := range [][]question{e.apart(e.uncached(merged)), e.apart(e.uncached(visible))} {
		if len(list) > 0 {
			out = appendMerged(out, e.db, e.sourceOf(list[0]), list)
		}
	}
	for _, run := range others {
		db, err := e.env.Warehouse(of[run][0].ask.Of.Warehouse)
		if err != nil {
			for _, q := range of[run] {
				q.answer(Answer{Err: err})
			}
			continue
		}
		out = appendMerged(out, db, e.sourceOf(of[run][0]), of[run])
	}
	return e.appendComparisons(e.appendSingle(out, answerable(e.db.Dialect, single)), compared)
}

// appendSingle appends the statements of questions that are no aggregates. Those that divide
// the same rows share one.
func (e *executor) appendSingle(out []planned, single []question) []planned {
	var groups []*mergedGroups
	for _, q := range single {
		if q.ask.Groups != nil {
			groups = mergeGroups(e.db.Dialect, groups, q)
			continue
		}
		st, err := e.compileSingle(q)
		if err != nil {
			q.answer(Answer{Err: err})
			continue
		}
		st.VisibleRows = visibleRows(q.from.check)
		out = append(out, planned{Statement: st, db: e.db, questions: []question{q}})
	}
	for _, g := range groups {
		st, err := compileGroups(e.db.Dialect, e.sourceOf(g.questions[0]), &g.Groups)
		if err != nil {
			for _, q := range g.questions {
				q.answer(Answer{Err: err})
			}
			continue
		}
		st.VisibleRows = visibleRows(g.questions[0].from.check)
		out = append(out, planned{Statement: st, db: e.db, questions: g.questions, groups: g})
	}
	return out
}

// compileSingle writes the statement of a question that shares none.
func (e *executor) compileSingle(q question) (warehouse.Statement, error) {
	switch {
	case q.ask.Keys != nil:
		return compileKeys(e.db.Dialect, e.sourceOf(q), q.ask.Keys)
	case q.ask.Orphans != nil:
		return compileOrphans(e.db.Dialect, e.sourceOf(q), e.otherSource(q), q.ask.Orphans)
	case q.ask.Cells != nil:
		return compileCells(e.db.Dialect, e.sourceOf(q), q.ask.Cells)
	}
	return warehouse.Statement{SQL: strings.TrimRight(strings.TrimSpace(q.ask.Query.SQL), ";"), Custom: true}, nil
}

// appendMerged appends the one statement that answers all questions, which are
// aggregates of one table.
func appendMerged(out []planned, db *warehouse.DB, of source, questions []question) []planned {
	questions = answerable(db.Dialect, questions)
	if len(questions) == 0 {
		return out
	}
	aggregates := make([]*Aggregate, len(questions))
	for i, q := range questions {
		aggregates[i] = q.ask.Aggregate
	}
	c, err := compile(db.Dialect, of, aggregates)
	if first, second := c.halves(questions); len(second) > 0 {
		return appendMerged(appendMerged(out, db, of, first), db, of, second)
	}
	if err != nil {
		for _, q := range questions {
			q.answer(Answer{Err: err})
		}
		return out
	}
	c.statement.VisibleRows = visibleRows(questions[0].from.check)
	return append(out, planned{Statement: c.statement, db: db, questions: questions, columns: c.columns})
}

// halves divides the questions of a statement that is too large for one, by check. A check
// is divided only if no engine answers it at once: a reconcile of hundreds of columns.
func (c compiled) halves(questions []question) (first, second []question) {
	if c.outputs() <= mostOutputs && len(c.statement.Args) <= mostParameters {
		return questions, nil
	}
	lists := byCheck(questions)
	outputs, parameters := mostOutputs, mostParameters
	if len(lists) == 1 {
		outputs, parameters = mostOutputsOfCheck, mostParametersOfCheck
	}
	if c.outputs() <= outputs && len(c.statement.Args) <= parameters {
		return questions, nil
	}
	if len(lists) == 1 {
		return questions[:len(questions)/2], questions[len(questions)/2:]
	}
	half := len(lists) / 2
	return slices.Concat(lists[:half]...), slices.Concat(lists[half:]...)
}

// answerable answers the questions whose SQL or column is refused, and returns the others.
func answerable(d warehouse.Dialect, questions []question) []question {
	return slices.DeleteFunc(questions, func(q question) bool {
		err := q.ask.sqlError(d)
		if err == nil {
			err = q.unknownColumn(d)
		}
		if err != nil {
			q.answer(Answer{Err: err})
		}
		return err != nil
	})
}

// uncached answers the checks whose every question is cached, and returns the questions of
// the others: what is cached is of another moment.
func (e *executor) uncached(questions []question) (rest []question) {
	if !e.caches() {
		return questions
	}
	for _, list := range byCheck(questions) {
		cached := make([]Answer, 0, len(list))
		for _, q := range list {
			if answer, ok := e.cachedAnswer(q); ok {
				cached = append(cached, answer)
			}
		}
		if len(cached) < len(list) {
			rest = append(rest, list...)
			continue
		}
		for i, q := range list {
			q.answer(cached[i])
		}
	}
	return rest
}

// caches reports whether answers are kept until a table changes.
func (e *executor) caches() bool { return e.db.Config.ChangeCounters && e.env.Substitute == nil }

func (e *executor) cachedAnswer(q question) (Answer, bool) {
	t := &q.from.target
	answer, ok := e.env.Cache.load(t.Table, t.Known.Relation, q.ask.Aggregate)
	if ok {
		answer.AsOf = t.Known.Catalog.AsOf
	}
	return answer, ok
}
