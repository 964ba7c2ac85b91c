package checks

import (
	"context"
	"fmt"

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

// askAgain returns the statements that replace a failed merged one. Its members are asked
// one by one, so that a broken check does not affect the others. After a timeout this would
// scan the table once for each member. So only the members that an index answers are asked
// again, in one statement, and the others have the error.
func (e *executor) askAgain(ctx context.Context, p planned) []planned {
	if warehouse.KindOf(p.err) != warehouse.TimedOut {
		var out []planned
		for _, q := range p.questions {
			out = append(out, e.statements([]question{q})...)
		}
		return out
	}
	var indexed, scanned []question
	for _, q := range p.questions {
		if q.fromIndex() {
			indexed = append(indexed, q)
		} else {
			scanned = append(scanned, q)
		}
	}
	if len(scanned) == 0 || ctx.Err() != nil {
		indexed, scanned = nil, p.questions
	}
	err := fmt.Errorf("one statement for %d questions to the table: %w", len(p.questions), p.err)
	for _, q := range scanned {
		q.answer(Answer{Err: err})
	}
	for _, q := range p.questions {
		q.from.slow = err
	}
	if len(indexed) == 0 {
		return nil
	}
	return e.statements(indexed)
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
