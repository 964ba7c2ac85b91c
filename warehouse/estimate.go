package warehouse

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
)

// Estimate is what the engine's planner expects of a statement. It reads no rows.
type Estimate struct {
	Cost    float64  // in the engine's own unit; 0: it tells none
	Rows    float64  // rows that are read; 0: it tells none
	Whole   []string // tables and partitions that are read from end to end
	ByIndex []string // those of which an index finds the rows
}

// Estimator is a dialect whose planner tells what a statement will cost.
type Estimator interface {
	// ExplainCost returns the statement that answers with the planner's estimates for sql.
	ExplainCost(sql string) string
	// ReadEstimate reads that answer.
	ReadEstimate(plan string) (Estimate, error)
}

// Estimate asks the engine what a statement will cost, without running it. ok is false if
// the dialect cannot tell.
func (db *DB) Estimate(ctx context.Context, st Statement) (e Estimate, ok bool, err error) {
	d, ok := db.Dialect.(Estimator)
	if !ok {
		return Estimate{}, false, nil
	}
	st.SQL = d.ExplainCost(st.SQL)
	plan, err := db.answerText(ctx, st)
	if err != nil {
		return Estimate{}, true, err
	}
	e, err = d.ReadEstimate(plan)
	return e, true, err
}

// Add counts a read of a table.
func (e *Estimate) Add(table string, whole bool) {
	list := &e.ByIndex
	if whole {
		list = &e.Whole
	}
	if !slices.Contains(*list, table) {
		*list = append(*list, table)
	}
}

// String returns the estimate in words, such as "cost 367, reads all of orders".
func (e Estimate) String() string {
	var parts []string
	if e.Cost > 0 {
		parts = append(parts, "cost "+round(e.Cost))
	}
	if e.Rows > 0 {
		parts = append(parts, "about "+round(e.Rows)+" rows")
	}
	if len(e.Whole) > 0 {
		parts = append(parts, "reads all of "+shortList(e.Whole))
	}
	if len(e.ByIndex) > 0 {
		parts = append(parts, "finds rows of "+shortList(e.ByIndex)+" by an index")
	}
	if len(parts) == 0 {
		return "reads no table"
	}
	return strings.Join(parts, ", ")
}

func round(f float64) string {
	if f < 10 {
		return fmt.Sprintf("%.2g", f)
	}
	return sentinel.Int(int64(min(math.Round(f), math.MaxInt64/2))).String()
}

// shortList names up to three tables.
func shortList(names []string) string {
	if len(names) <= 3 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
}
