package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// enoughRows is how many rows of what should be one are read: more say no more.
const enoughRows = 2

// fewRows limits the rows of what should be one. A [warehouse.Limiter] needs their order.
func fewRows(d warehouse.Dialect, sql string) string {
	if _, ok := d.(warehouse.Limiter); ok {
		sql += " ORDER BY 1"
	}
	return warehouse.Limit(d, sql, enoughRows)
}

// holdOneRow makes a merged statement that did not answer with one row a failed one. What
// makes it so is an expression of the user that is no aggregate. The error is of the kind
// [warehouse.BadStatement], so that [executor.askAgain] finds the check that it is of.
func (p *planned) holdOneRow() {
	if p.err != nil || len(p.columns) == 0 || len(p.rows) == 1 {
		return
	}
	rows := "no row"
	if len(p.rows) > 1 {
		rows = "more than one row"
	}
	err := fmt.Errorf("the database answered with %s: want one", rows)
	if expr := p.expression(); expr != "" {
		err = fmt.Errorf("expression: %s is no aggregate: it gave %s: write what makes one number of all rows, such as %s",
			oneLine(sentinel.Clip(expr)), rows, aggregateOf(p.db.Dialect, expr))
	}
	p.rows, p.err = nil, &warehouse.Error{Kind: warehouse.BadStatement, Err: err}
}

// expression returns the first expression of a user that should be an aggregate; "" if
// there is none.
func (p *planned) expression() string {
	at := slices.IndexFunc(p.questions, func(q question) bool { return q.ask.Aggregate.Func == "" })
	if at < 0 {
		return ""
	}
	return p.questions[at].ask.Aggregate.Expr
}

// aggregateOf proposes an aggregate for an expression that is none.
func aggregateOf(d warehouse.Dialect, expr string) string {
	if len(warehouse.Calls(d, expr)) > 0 || strings.ContainsAny(expr, "\r\n") {
		return "avg(amount)"
	}
	return "avg(" + sentinel.Clip(strings.TrimSpace(expr)) + ")"
}

// aggregateCalls are functions that are aggregates wherever there are such. SQLite's max and
// min of several values are none.
var aggregateCalls = []string{
	"avg", "count", "max", "min", "sum", "stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp",
	"percentile_cont", "percentile_disc",
}

// callsAggregate reports whether an expression certainly makes one number of all rows: it
// calls an aggregate, and has neither a window nor a subquery. One of which this is not
// certain is asked in a scan of its own.
func callsAggregate(d warehouse.Dialect, expr string) bool {
	words := warehouse.Words(d, expr)
	if slices.ContainsFunc([]string{"over", "select"}, func(word string) bool { return slices.Contains(words, word) }) {
		return false
	}
	return slices.ContainsFunc(warehouse.Calls(d, expr), func(call string) bool {
		several := (call == "max" || call == "min") && strings.Contains(expr, ",")
		return slices.Contains(aggregateCalls, call) && !several
	})
}
