package checks

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() { Register("failed_rows", func() Check { return &FailedRows{} }) }

// FailedRows counts the rows for which an expression of the user is true, or that a query of
// the user returns.
type FailedRows struct {
	Options    `yaml:",inline"`
	Expression string `yaml:"expression" doc:"SQL condition that is true for a bad row."`
	Query      string `yaml:"query" doc:"SELECT that returns the bad rows, in place of expression."`
	RowsQuery  string `yaml:"rows_query" doc:"SELECT that returns all rows of query, for a share."`
	BadRows    `yaml:",inline"`
}

// Validate implements Check.
func (c *FailedRows) Validate() error {
	if err := complete(c); err != nil {
		return err
	}
	switch {
	case c.Expression == "" && c.Query == "":
		return settings.Wrong("expression", "want a condition that is true for a bad row, or a query that returns the bad rows")
	case c.Expression != "" && c.Query != "":
		return settings.Wrong("query", "it replaces expression: keep one of them")
	case c.Query == "" && c.RowsQuery != "":
		return settings.Wrong("rows_query", "needs query")
	}
	if err := c.BadRows.complete(&c.Options); err != nil {
		return err
	}
	if c.Query != "" {
		if err := c.validateQuery(); err != nil {
			return err
		}
	}
	c.Aspect = c.aspect(&c.Options, cmp.Or(c.Name, c.Expression, c.Query))
	return c.watch(c.measure())
}

// validateQuery refuses what has no effect on a query.
func (c *FailedRows) validateQuery() error {
	const has = "has no effect on query: put it into the query"
	switch {
	case c.Where != "":
		return settings.Wrong("where", has)
	case c.Bucket != "":
		return settings.Wrong("bucket", has)
	case len(c.By) > 0:
		return settings.Wrong("by", has)
	}
	percent := map[string]bool{"warn": c.Warn.Percent, "fail": c.Fail.Percent, "anomaly": c.Anomaly != nil}
	for key, needs := range percent {
		if needs && c.RowsQuery == "" {
			return settings.Wrong(key, "a share needs rows_query, which returns all rows")
		}
	}
	for key, query := range map[string]string{"query": c.Query, "rows_query": c.RowsQuery} {
		first, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(strings.TrimLeft(query, "( \t\r\n"))), " ")
		if query != "" && (strings.HasPrefix(first, "show") || strings.HasPrefix(first, "explain")) {
			return settings.Wrong(key, "want a SELECT that returns rows")
		}
	}
	return nil
}

// userSQL implements sqlUser.
func (c *FailedRows) userSQL() []userSQL {
	return append(c.TimeBucket.userSQL(),
		userSQL{field: "expression", text: c.Expression},
		userSQL{field: "query", text: c.Query, statement: true},
		userSQL{field: "rows_query", text: c.RowsQuery, statement: true})
}

// Times implements [TimedCheck].
func (c *FailedRows) Times(column string, zone *time.Location) (string, *time.Location) {
	return c.times(&c.Options, column, zone)
}

// Needs implements Check.
func (c *FailedRows) Needs(t Target) Needs { return c.needs(t, &c.Options) }

// rule says which rows are bad.
func (c *FailedRows) rule(t Target) (*rowRule, error) {
	what := "rows fail"
	if name := cmp.Or(c.Name, c.Expression); name != "" {
		what += " (" + sentinel.Clip(oneLine(name)) + ")"
	}
	r := &rowRule{bad: warehouse.Condition{SQL: c.Expression}, what: what}
	return r, r.check(t.Known.Dialect)
}

// Ask implements Check.
func (c *FailedRows) Ask(t Target, _ Answers) []Ask {
	if c.Query == "" {
		return c.askRows(t, c)
	}
	asks := []Ask{{Key: askBad, Query: &Query{SQL: countOf(t.Known.Dialect, c.Query)}}}
	if c.RowsQuery != "" {
		asks = append(asks, Ask{Key: askRows, Query: &Query{SQL: countOf(t.Known.Dialect, c.RowsQuery)}})
	}
	return asks
}

// countOf writes the statement that counts the rows of a query. The line break ends a
// comment.
func countOf(d warehouse.Dialect, query string) string {
	return fmt.Sprintf("SELECT count(*) FROM (%s\n) failed_rows", warehouse.WithoutEnd(d, query))
}

// Judge implements Check.
func (c *FailedRows) Judge(t Target, a Answers) sentinel.Result {
	if c.Query == "" {
		return c.judgeRows(t, c, a)
	}
	const kind = "failed_rows"
	bad, asked := a.Get(askBad)
	rows, share := a.Get(askRows)
	switch {
	case !asked && t.Known.Err != nil:
		return errorResult(kind, t.Known.Err)
	case !asked || share != (c.RowsQuery != ""):
		return errorResult(kind, errors.New("no statement was sent to the database"))
	case bad.Err != nil || rows.Err != nil:
		return errorResult(kind, cmp.Or(bad.Err, rows.Err))
	}
	n := tally{}
	n.bad, _ = bad.Number.Int64() // a count is an integer
	n.of, _ = rows.Number.Int64()
	if n.rows = n.of; !share {
		n.rows, n.of = n.bad, n.bad
	}
	j := rowJudge{BadRows: &c.BadRows, options: &c.Options, rule: &rowRule{what: "rows fail"}}
	if n.of < n.bad {
		return errorResult(kind, fmt.Errorf("query returns %d rows, and rows_query %d: rows_query must return all rows",
			n.bad, n.of))
	}
	r := j.query(kind, n, share)
	r.Evidence = bad.Evidence
	return r
}

// query judges the rows of a query.
func (j *rowJudge) query(kind string, n tally, share bool) sentinel.Result {
	if share {
		return j.whole(kind, n)
	}
	j.judge(n)
	j.observations = j.observations[:1] // what they are a share of is not known
	for i := range j.findings {
		j.findings[i].Message = fmt.Sprintf("the query returns %s rows, expected %s", groupDigits(sentinel.Int(n.bad)),
			j.findings[i].Expected)
	}
	r := conclude(kind, j.findings, fmt.Sprintf("the query returns %s rows", groupDigits(sentinel.Int(n.bad))))
	r.Observations = j.observations
	return r
}
