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

func init() { Register("duplicate", func() Check { return &Duplicate{} }) }

// Duplicate counts the rows that repeat the values of columns. A key that the engine enforces
// proves that there are none.
type Duplicate struct {
	Options     `yaml:",inline"`
	Column      string   `yaml:"column" doc:"Column whose values must differ."`
	Columns     []string `yaml:"columns" doc:"Columns whose values together must differ, in place of column."`
	Count       string   `yaml:"count" default:"rows" enum:"rows,keys" doc:"Rows beyond the first, or keys that repeat."`
	IncludeNull bool     `yaml:"include_null" doc:"NULL is a value that equals itself. Default: a row with a NULL is skipped."`
	Compare     string   `yaml:"compare" default:"engine" enum:"engine,exact" doc:"Which texts are equal."`
	Verify      bool     `yaml:"verify" doc:"Read the rows also where a key proves that they differ."`
	BadRows     `yaml:",inline"`
}

// Validate implements Check.
func (c *Duplicate) Validate() error {
	if err := complete(c); err != nil {
		return err
	}
	switch {
	case c.Column == "" && len(c.Columns) == 0:
		return settings.Wrong("column", "want the column, or `columns`, whose values must differ")
	case c.Column != "" && len(c.Columns) > 0:
		return settings.Wrong("columns", "it replaces column: keep one of them")
	case len(c.By) > 0:
		return settings.Wrong("by", "add these columns to `columns`: rows of different segments then differ")
	}
	for i, name := range c.Columns {
		if name == "" || containsText(c.Columns[:i], name) {
			return settings.Wrong(settings.Index("columns", i), "%q is empty or listed twice", name)
		}
	}
	c.Aspect = c.aspect(&c.Options, strings.Join(c.key(), ","))
	return errors.Join(c.BadRows.complete(&c.Options), c.watch(c.measure()))
}

func containsText(list []string, text string) bool {
	for _, s := range list {
		if s == text {
			return true
		}
	}
	return false
}

// key returns the names of the columns.
func (c *Duplicate) key() []string {
	if c.Column != "" {
		return []string{c.Column}
	}
	return c.Columns
}

// Times implements [TimedCheck].
func (c *Duplicate) Times(column string, zone *time.Location) (string, *time.Location) {
	return c.times(&c.Options, column, zone)
}

// Needs implements Check.
func (c *Duplicate) Needs(t Target) Needs {
	n := c.needs(t, c.key()...)
	n.Facts = warehouse.Keys
	return n
}

// columns returns the columns as the catalog shows them.
func (c *Duplicate) columns(t Target) (out []warehouse.Column, err error) {
	for _, name := range c.key() {
		column, err := t.Column(name)
		if err != nil {
			return nil, err
		}
		out = append(out, *column)
	}
	return out, nil
}

// proof returns the key that proves the rule; "" if the rows must be read.
func (c *Duplicate) proof(t Target) string {
	if !c.mayBeProven(&c.Options, c.Verify) {
		return ""
	}
	return t.provesUnique(c.key(), c.IncludeNull)
}

const askDistinct = "distinct"

// Ask implements Check. Where the engine counts distinct values in the scan of the other
// checks, it does. Elsewhere a GROUP BY is cheaper.
func (c *Duplicate) Ask(t Target, _ Answers) []Ask {
	if t.Known.Relation == nil || c.timeError(t) != nil || c.proof(t) != "" {
		return nil
	}
	columns, err := c.columns(t)
	if err != nil {
		return nil // Judge says it
	}
	window := c.closes().window(t, t.Known.Relation)
	var asks []Ask
	if c.inScan(t) {
		values := warehouse.All{}
		for _, column := range columns {
			values = append(values, warehouse.Not{Of: warehouse.Null{Column: column}})
		}
		asks = append(asks,
			Ask{Key: askValues, Aggregate: &Aggregate{Func: "count", Bad: values, Where: c.Where, Window: window}},
			Ask{Key: askDistinct, Aggregate: &Aggregate{Func: "count", Distinct: &DistinctColumns{columns, c.Compare == "exact"},
				Where: c.Where, Window: window}})
	} else {
		asks = append(asks, Ask{Key: askBad, Keys: c.repeated(t, columns)})
	}
	asks = append(asks, gapAsks(askRows, window, c.Where, nil)...)
	asks = append(asks, partialAsks(askRows, window, c.Where, nil)...)
	return append(asks, unreadableAsks(askRows, window.Time, c.Where, nil)...)
}

// repeated asks how often the keys are there.
func (c *Duplicate) repeated(t Target, columns []warehouse.Column) *Keys {
	return &Keys{Columns: columns, ByText: c.Compare == "exact", IncludeNull: c.IncludeNull, Where: c.Where,
		Window: c.closes().window(t, t.Known.Relation)}
}

// inScan reports whether distinct values are counted in the scan of the other checks.
func (c *Duplicate) inScan(t Target) bool {
	_, can := t.Known.Dialect.(warehouse.DistinctCounter)
	return can && c.Count == "rows" && !c.IncludeNull
}

// Judge implements Check.
func (c *Duplicate) Judge(t Target, a Answers) sentinel.Result {
	const kind = "duplicate"
	if r, unread := unreadTable(kind, t, c.OnMissing); unread {
		return r
	}
	_, err := c.columns(t)
	if err = cmp.Or(err, c.timeError(t)); err != nil {
		return errorResult(kind, err)
	}
	key := strings.Join(c.key(), ", ")
	if by := c.proof(t); by != "" {
		return proven(kind, fmt.Sprintf("%s proves that no row repeats %s", by, key))
	}
	rule := &rowRule{what: "rows repeat " + key}
	if c.Count == "keys" {
		rule.what = "keys occur more than once (" + key + ")"
	}
	wanted := []string{askBad}
	if c.inScan(t) {
		wanted = []string{askValues, askDistinct}
	}
	if err := c.answerError(t, a, wanted); err != nil {
		return errorResult(kind, err)
	}
	return c.judgeWhole(t, c, rule, a, c.tally(t, a))
}

// tally reads the numbers of rows.
func (c *Duplicate) tally(t Target, a Answers) tally {
	if c.inScan(t) {
		rows, _ := a.of(askValues).Number.Int64() // a count is an integer
		distinct, _ := a.of(askDistinct).Number.Int64()
		return tally{rows: rows, of: rows, bad: rows - distinct}
	}
	values := a.of(askBad).Values
	rows, _ := values[0].Int64()
	extra, _ := values[1].Int64()
	keys, _ := values[2].Int64()
	if c.Count == "keys" {
		return tally{rows: rows, of: rows - extra, bad: keys}
	}
	return tally{rows: rows, of: rows, bad: extra}
}
