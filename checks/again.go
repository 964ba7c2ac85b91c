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
// the others are left to askHeavy, and otherwise they are asked one by one.
func (e *executor) askAgain(ctx context.Context, p planned) []planned {
	if warehouse.KindOf(p.err) == warehouse.TimedOut {
		return e.afterTimeout(ctx, p)
	}
	var plain, fallible []question
	for _, q := range p.questions {
		if warehouse.KindOf(p.err) == warehouse.BadStatement && !q.fallible() {
			plain = append(plain, q)
		} else {
			fallible = append(fallible, q)
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

// singly returns a statement for each question.
func (e *executor) singly(questions []question) (out []planned) {
	for _, q := range questions {
		out = append(out, e.statements([]question{q})...)
	}
	return out
}

// afterTimeout returns the statement for the members that are not heavy. Without a heavy one
// it would take as long again, so only those that an index answers are asked.
func (e *executor) afterTimeout(ctx context.Context, p planned) []planned {
	err := fmt.Errorf("one statement for %d questions to the table: %w", len(p.questions), p.err)
	var again, heavy, scanned []question
	for _, q := range p.questions {
		switch {
		case q.fromIndex():
			again = append(again, q)
		case q.heavy(e.db.Dialect):
			heavy = append(heavy, q)
		default:
			scanned = append(scanned, q)
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

// askHeavy asks heavy questions one by one, those of different tables together. The
// statements of a table may take as long as one may in all. The others keep the error of
// the merged statement, or are not asked.
func (e *executor) askHeavy(ctx context.Context) {
	left := map[sentinel.Table]time.Duration{}
	for len(e.heavy) > 0 && ctx.Err() == nil {
		var now, later []question
		taken := map[sentinel.Table]bool{}
		for _, q := range e.heavy {
			table := q.from.target.Table
			if _, known := left[table]; !known {
				left[table] = e.db.Config.StatementTimeout
			}
			switch {
			case left[table] <= 0:
				if _, asked := q.from.answers.Get(q.ask.Key); !asked {
					q.answer(Answer{Err: errNoTimeLeft})
				}
			case taken[table]:
				later = append(later, q)
			default:
				taken[table] = true
				now = append(now, q)
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
	for _, q := range e.heavy { // the run ended
		if _, asked := q.from.answers.Get(q.ask.Key); !asked {
			q.answer(Answer{Err: ctx.Err()})
		}
	}
	e.heavy = nil
}

// errNoTimeLeft is the error of a heavy question that was not asked.
var errNoTimeLeft = errors.New("not asked: the heavy checks of the table have taken as long as a statement may: " +
	"raise statement_timeout, narrow them with `where` or `bucket`, or give them a `schedule` of their own")

// apart takes the heavy questions out of those to a table whose statement has timed out
// within a day. askHeavy asks them.
func (e *executor) apart(questions []question) (rest []question) {
	if len(questions) < 2 || !e.env.Cache.isSplit(questions[0].from.target.Table, e.env.Clock.Now()) {
		return questions
	}
	for _, q := range questions {
		if q.heavy(e.db.Dialect) && !q.fromIndex() {
			e.heavy = append(e.heavy, q)
		} else {
			rest = append(rest, q)
		}
	}
	return rest
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
