package checks

import (
	"errors"
	"fmt"

	"github.com/sentinel-dq/sentinel/rowdiff"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// RowComparison is one step of a comparison of the dataset's rows with those of Needs.Like. It
// is asked of both tables, by a statement of its own each.
type RowComparison struct {
	Comparison *rowdiff.Comparison
	Step       rowdiff.Step
	Side       rowdiff.Side
	Where      string
	Window     Window
}

// columns returns the columns that are read.
func (r *RowComparison) columns() []warehouse.Column { return r.Comparison.Columns[r.Side] }

// comparedSource is a table of a comparison, as package rowdiff reads it.
type comparedSource struct {
	source
	where  string
	window Window
}

// From implements rowdiff.Source.
func (s comparedSource) From(d warehouse.Dialect, args *[]any) (string, error) {
	return s.from(d, args)
}

// Where implements rowdiff.Source.
func (s comparedSource) Where(d warehouse.Dialect, args *[]any) ([]string, error) {
	conditions, err := s.window.conditions(d, args)
	if s.where != "" {
		conditions = append(conditions, filterText(s.where))
	}
	return conditions, err
}

// appendComparisons appends the statements of questions that compare rows.
func (e *executor) appendComparisons(out []planned, questions []question) []planned {
	for _, q := range questions {
		db, err := e.db, error(nil)
		if q.ask.Of != nil {
			db, err = e.env.Warehouse(q.ask.Of.Warehouse)
		}
		if err == nil && len(answerable(db.Dialect, []question{q})) == 0 {
			continue
		}
		var st warehouse.Statement
		if err == nil {
			c := q.ask.Compare
			st, err = c.Comparison.Statement(c.Side, c.Step, comparedSource{e.sourceOf(q), c.Where, c.Window})
		}
		if err != nil {
			q.answer(Answer{Err: err})
			continue
		}
		st.VisibleRows = visibleRows(q.from.check)
		out = append(out, planned{Statement: st, db: db, questions: []question{q}})
	}
	return out
}

// comparesTooLong returns an error if a check has compared rows for as long as two statements
// may take: the first scans the tables, and the others together may take as long again.
func (e *executor) comparesTooLong(q question) error {
	if q.ask.Compare == nil || e.db == nil {
		return nil
	}
	now, run := e.env.Clock.Now(), q.from
	if run.began.IsZero() {
		run.began = now
	}
	if limit := 2 * e.db.Config.StatementTimeout; now.Sub(run.began) > limit {
		return fmt.Errorf("comparing the rows took longer than %s, twice statement_timeout: %w", limit, errNarrowRows)
	}
	return nil
}

var errNarrowRows = errors.New("compare fewer rows by `where` or `bucket`, or raise statement_timeout")
