package checks

import (
	"fmt"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

const (
	askUnreadable = " unreadable" // number of values that are neither a time nor NULL
	askPresentAll = " present"    // number of values
)

// unreadableAsks asks how many values of a source are no time, in the statement that
// reads the times. prefix tells apart the answers of several sources.
func unreadableAsks(prefix string, s TimeSource, where string, of *sentinel.Table) []Ask {
	if !s.Silent {
		return nil
	}
	count := func(key string, which Values) Ask {
		return Ask{Key: prefix + key, Of: of, Aggregate: &Aggregate{Func: "count", Time: s, Values: which, Where: where}}
	}
	return []Ask{count(askUnreadable, UnreadableValues), count(askPresentAll, PresentValues)}
}

// explain adds to the error of a statement what an expression must be.
func (s TimeSource) explain(err error) error {
	if s.Expression == "" || warehouse.KindOf(err) != warehouse.BadStatement {
		return err
	}
	return fmt.Errorf("the expression must give a date or timestamp: %w", err)
}

// unreadableError returns an error if values of a source are no time. Each of them could
// change the answer, so none is skipped.
func unreadableError(prefix string, s TimeSource, a Answers) error {
	if !s.Silent {
		return nil
	}
	bad, all := a.of(prefix+askUnreadable), a.of(prefix+askPresentAll)
	for _, got := range []Answer{bad, all} {
		if got.Err != nil {
			return s.explain(got.Err)
		}
	}
	n, _ := bad.Number.Int64()
	total, _ := all.Number.Int64()
	if n == 0 {
		return nil
	}
	as := "a time"
	switch {
	case s.Format != "":
		as = "a time in the format " + s.Format
	case s.Unit != "":
		as = "a number of " + s.Unit
	case s.NeedsHour:
		as = "a time of day with its date"
	}
	remedy := "say how to read them by `time:`, such as `time: {column: " + s.Column + ", unit: ms}`"
	if s.Column == "" {
		remedy = "let it give a timestamp"
	}
	counted := fmt.Sprintf("%s values, %s not readable as %s", groupDigits(all.Number), groupDigits(bad.Number), as)
	switch {
	case n == total && n == 1:
		counted = "1 value, not readable as " + as
	case n == total:
		counted = fmt.Sprintf("%s values, none readable as %s", groupDigits(all.Number), as)
	}
	return fmt.Errorf("%s has %s: %s, or leave them out by `where:`", s.name(), counted, remedy)
}

// askPartial is the number of dates without a day or month. For the newest row it is 1 if
// that has such a date.
const askPartial = " partial"

// partialAsks asks how many dates of a window lack a day or month.
func partialAsks(prefix string, w Window, where string, of *sentinel.Table) []Ask {
	if !w.Time.Partial {
		return nil
	}
	a := &Aggregate{Func: "count", Time: w.Time, Values: PartialValues, Where: where, Window: w}
	return []Ask{{Key: prefix + askPartial, Of: of, Aggregate: a}}
}

// partialError returns an error if such dates could change the answer.
func partialError(prefix string, s TimeSource, a Answers) error {
	got := a.of(prefix + askPartial)
	if got.Err != nil {
		return got.Err
	}
	if n, _ := got.Number.Int64(); n > 0 {
		return fmt.Errorf("%s has dates without a day or month, such as 2026-11-00, which are no times: "+
			"leave them out by `where:`", s.name())
	}
	return nil
}
