package checks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// mayBeOneMember reports whether one member of a merged statement may have caused its
// error. A lost server or a missing table affects all members, so a retry is useless.
func mayBeOneMember(err error) bool {
	switch warehouse.KindOf(err) {
	case warehouse.BadStatement, warehouse.MissingColumn, warehouse.Forbidden,
		warehouse.HiddenRows, warehouse.TimedOut:
		return true
	}
	return false
}

// askAgain returns the statements that replace a failed merged one, so that a broken check
// does not affect the others. Each of its members alone would scan the table once for each.
// So those that can neither fail by a value nor take long are asked as one. After a timeout
// the others are left to askHeavy, and otherwise they are asked check by check.
func (e *executor) askAgain(ctx context.Context, p planned) []planned {
	if warehouse.KindOf(p.err) == warehouse.TimedOut {
		return e.afterTimeout(ctx, p)
	}
	var plain, fallible []question
	for _, list := range byCheck(p.questions) {
		if warehouse.KindOf(p.err) == warehouse.BadStatement && !slices.ContainsFunc(list, question.fallible) {
			plain = append(plain, list...)
		} else {
			fallible = append(fallible, list...)
		}
	}
	if len(fallible) == 0 { // what failed is not known
		plain, fallible = nil, plain
	}
	var out []planned
	if len(plain) > 0 {
		out = e.statements(plain)
	}
	return append(out, e.singly(fallible)...)
}

// byCheck divides questions by the check that asked them. Whatever divides questions among
// statements divides them so: a sum and its count must be of the same moment.
func byCheck(questions []question) (lists [][]question) {
	place := map[*checkRun]int{}
	for _, q := range questions {
		at, known := place[q.from]
		if !known {
			at = len(lists)
			place[q.from], lists = at, append(lists, nil)
		}
		lists[at] = append(lists[at], q)
	}
	return lists
}

// ofOneCheck reports whether one check asked all of the questions.
func ofOneCheck(questions []question) bool {
	return !slices.ContainsFunc(questions, func(q question) bool { return q.from != questions[0].from })
}

// singly returns the statements of each check alone.
func (e *executor) singly(questions []question) (out []planned) {
	for _, list := range byCheck(questions) {
		out = append(out, e.statements(list)...)
	}
	return out
}

// afterTimeout returns the statement for the members that are not heavy. Without a heavy one
// it would take as long again, so only those that an index answers are asked.
func (e *executor) afterTimeout(ctx context.Context, p planned) []planned {
	err := fmt.Errorf("one statement for %d questions to the table: %w", len(p.questions), p.err)
	var again, heavy, scanned []question
	for _, list := range byCheck(p.questions) {
		switch {
		case allFromIndex(list):
			again = append(again, list...)
		case anyHeavy(e.db.Dialect, list):
			heavy = append(heavy, list...)
		default:
			scanned = append(scanned, list...)
		}
	}
	over := ctx.Err() != nil
	if len(heavy) > 0 && !over {
		again, scanned = append(again, scanned...), nil
	}
	if over || len(again) == len(p.questions) {
		again, heavy, scanned = nil, nil, p.questions
	}
	for _, q := range append(scanned, heavy...) {
		q.answer(Answer{Err: err})
		q.from.slow = err
	}
	if len(heavy) > 0 {
		e.env.Cache.splitTable(heavy[0].from.target.Table, e.env.Clock.Now())
		e.heavy = append(e.heavy, heavy...)
	}
	if len(again) == 0 {
		return nil
	}
	return e.statements(again)
}

// askHeavy asks heavy checks one by one, those of different tables together. The
// statements of a table may take as long as one may in all. The others keep the error of
// the merged statement, or are not asked.
func (e *executor) askHeavy(ctx context.Context) {
	left := map[sentinel.Table]time.Duration{}
	for len(e.heavy) > 0 && ctx.Err() == nil {
		var now, later []question
		taken := map[sentinel.Table]bool{}
		for _, list := range byCheck(e.heavy) {
			table := list[0].from.target.Table
			if _, known := left[table]; !known {
				left[table] = e.db.Config.StatementTimeout
			}
			switch {
			case left[table] <= 0:
				answerUnasked(list, errNoTimeLeft)
			case taken[table]:
				later = append(later, list...)
			default:
				taken[table] = true
				now = append(now, list...)
			}
		}
		begin := e.env.Clock.Now()
		for _, p := range e.send(ctx, e.singly(now)) {
			p.decode()
		}
		took := max(e.env.Clock.Now().Sub(begin), time.Millisecond)
		for table := range taken {
			left[table] -= took
		}
		e.heavy = later
	}
	answerUnasked(e.heavy, ctx.Err()) // the run ended
	e.heavy = nil
}

// answerUnasked gives an error to the questions that have no answer yet.
func answerUnasked(questions []question, err error) {
	for _, q := range questions {
		if _, asked := q.from.answers.Get(q.ask.Key); !asked {
			q.answer(Answer{Err: err})
		}
	}
}

// errNoTimeLeft is the error of a heavy check that was not asked.
var errNoTimeLeft = errors.New("not asked: the heavy checks of the table have taken as long as a statement may: " +
	"raise statement_timeout, narrow them with `where` or `bucket`, or give them a `schedule` of their own")

// apart takes the heavy checks out of those of a table whose statement has timed out
// within a day. askHeavy asks them.
func (e *executor) apart(questions []question) (rest []question) {
	if len(questions) == 0 || ofOneCheck(questions) ||
		!e.env.Cache.isSplit(questions[0].from.target.Table, e.env.Clock.Now()) {
		return questions
	}
	for _, list := range byCheck(questions) {
		if anyHeavy(e.db.Dialect, list) && !allFromIndex(list) {
			e.heavy = append(e.heavy, list...)
		} else {
			rest = append(rest, list...)
		}
	}
	return rest
}

func anyHeavy(d warehouse.Dialect, questions []question) bool {
	return slices.ContainsFunc(questions, func(q question) bool { return q.heavy(d) })
}

func allFromIndex(questions []question) bool {
	return !slices.ContainsFunc(questions, func(q question) bool { return !q.fromIndex() })
}

// heavy reports whether the processor's time of a question may decide how long a statement
// takes: patterns, and SQL of the user that does more than compare.
func (q question) heavy(d warehouse.Dialect) bool {
	a := q.ask.Aggregate
	if a == nil {
		return false
	}
	if a.Bad != nil && warehouse.HasPattern(a.Bad) {
		return true
	}
	return slices.ContainsFunc(q.ask.userTexts(), func(text string) bool { return text != "" && !onlyCompares(d, text) })
}

// onlyCompares reports whether a condition has comparisons and nothing else that costs.
func onlyCompares(d warehouse.Dialect, text string) bool {
	plain := []string{"and", "or", "not", "is", "null", "in", "between", "true", "false"}
	for _, word := range warehouse.Calls(d, text) {
		if !slices.Contains(plain, word) {
			return false
		}
	}
	return true
}

// fallible reports whether a value of a row may fail the statement: SQL of the user, and
// sums of floats, which overflow on some engines.
func (q question) fallible() bool {
	a := q.ask.Aggregate
	if a == nil || a.Func == "" || a.Func == "sum" || a.Func == "avg" {
		return true
	}
	for _, s := range []TimeSource{a.Time, a.Window.Time} {
		if s.set() && !s.raw() { // a value may be no time
			return true
		}
	}
	return slices.ContainsFunc(q.ask.userTexts(), func(text string) bool { return text != "" })
}

// fromIndex reports whether an index alone answers the question.
func (q question) fromIndex() bool {
	a, rel := q.ask.Aggregate, q.relation()
	if a == nil || rel == nil || !a.usesIndex(rel) {
		return false
	}
	w := a.Window.Time
	return !w.set() || w.raw() && rel.LeadsIndex(w.Column) && (w.Column == a.Column || w.Column == a.Time.Column)
}
