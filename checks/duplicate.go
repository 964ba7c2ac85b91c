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
	Within      string   `yaml:"within" enum:"bucket,table" doc:"With bucket: rows that its rows are compared with. Default: bucket."`
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
	case c.Within != "" && c.Bucket == "":
		return settings.Wrong("within", "needs bucket: without it all rows are compared")
	case c.Within == "table" && (c.Compare == "exact" || c.IncludeNull):
		return settings.Wrong("within", "table looks keys up in an index, which needs compare: engine, and has no NULL")
	case c.Within == "table" && len(c.By) > 0:
		return settings.Wrong("within", "table compares with all rows, and by with those of a segment: remove one")
	}
	for i, name := range c.Columns {
		if name == "" || containsText(c.Columns[:i], name) {
			return settings.Wrong(settings.Index("columns", i), "%q is empty or listed twice", name)
		}
	}
	within := ""
	if c.Within == "table" {
		within = "table"
	}
	c.Aspect = c.aspect(&c.Options, strings.Join(c.key(), ","), within)
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
	n := c.needs(t, &c.Options, c.key()...)
	n.Facts = warehouse.Keys | warehouse.Indexes
	n.Past = n.Past && c.Within != "table"
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
	if c.unindexed(t) != nil {
		return nil
	}
	window := c.closes().window(t, t.Known.Relation)
	var asks []Ask
	if t.Known.New && c.hasPast(&c.Options) {
		asks = pastNumbers{c.closes(), c.groups(columns)}.asks(t)
	}
	switch {
	case len(c.By) > 0:
		g := c.groups(columns)
		g.Window, g.Limit, g.Totals = window, c.Limit, true
		asks = append(asks, Ask{Key: askSegments, Groups: &g})
	case c.inScan(t):
		values := warehouse.All{}
		for _, column := range columns {
			values = append(values, warehouse.Not{Of: warehouse.Null{Column: column}})
		}
		asks = append(asks,
			Ask{Key: askValues, Aggregate: &Aggregate{Func: "count", Bad: values, Where: c.Where, Window: window}},
			Ask{Key: askDistinct, Aggregate: &Aggregate{Func: "count", Distinct: &DistinctColumns{columns, c.Compare == "exact"},
				Where: c.Where, Window: window}})
	default:
		asks = append(asks, Ask{Key: askBad, Keys: c.repeated(t, columns)})
	}
	asks = append(asks, gapAsks(askRows, window, c.Where, nil)...)
	asks = append(asks, partialAsks(askRows, window, c.Where, nil)...)
	return append(asks, unreadableAsks(askRows, window.Time, c.Where, nil)...)
}

// repeated asks how often the keys are there.
func (c *Duplicate) repeated(t Target, columns []warehouse.Column) *Keys {
	return &Keys{Columns: columns, ByText: c.Compare == "exact", IncludeNull: c.IncludeNull, Beyond: c.Within == "table",
		Where: c.Where, Window: c.closes().window(t, t.Known.Relation)}
}

// groups asks how often the keys are there in each segment.
func (c *Duplicate) groups(columns []warehouse.Column) Groups {
	return Groups{By: c.By, Where: c.Where,
		Keys: &Keys{Columns: columns, ByText: c.Compare == "exact", IncludeNull: c.IncludeNull},
		Values: []*Aggregate{
			{Func: "sum", Expr: timesName},
			{Func: "count", Bad: warehouse.Condition{SQL: timesName + " > 1"}},
		}}
}

// unindexed returns an error if the keys would have to be looked up without an index.
func (c *Duplicate) unindexed(t Target) error {
	if c.Within != "table" {
		return nil
	}
	rel, key := t.Known.Relation, c.key()
	if err := rel.Unread(warehouse.Indexes); err != nil {
		return err
	}
	for _, ix := range rel.Indexes {
		leads := len(ix.Columns) >= len(key) && !ix.Invalid && ix.Partial == "" && (ix.Method == "" || ix.Method == "btree")
		for i := 0; leads && i < len(key); i++ {
			leads = containsColumn(rel, key, ix.Columns[i])
		}
		if leads {
			return nil
		}
	}
	return fmt.Errorf("within: table looks each key of the bucket up in the table, and no index begins with %s: "+
		"create one, or compare within the bucket", strings.Join(key, ", "))
}

// inScan reports whether distinct values are counted in the scan of the other checks.
func (c *Duplicate) inScan(t Target) bool {
	_, can := t.Known.Dialect.(warehouse.DistinctCounter)
	return can && c.Count == "rows" && !c.IncludeNull && c.Within != "table"
}

// Judge implements Check.
func (c *Duplicate) Judge(t Target, a Answers) sentinel.Result {
	const kind = "duplicate"
	if r, unread := unreadTable(kind, t, c.OnMissing); unread {
		return r
	}
	columns, err := c.columns(t)
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
	switch {
	case len(c.By) > 0:
		wanted = []string{askSegments}
	case c.inScan(t):
		wanted = []string{askValues, askDistinct}
	}
	if err := cmp.Or(c.unindexed(t), c.answerError(t, a, wanted)); err != nil {
		return errorResult(kind, err)
	}
	r := sentinel.Result{}
	if len(c.By) > 0 {
		j := c.judgeOf(t, &c.Options, rule)
		j.tally = c.tallyOf
		r = c.ofBucket(t, kind, j.segments(kind, a.of(askSegments)), a)
	} else {
		r = c.judgeWhole(t, c, rule, a, c.tally(t, a))
	}
	c.addPast(&r, t, a, pastOf{&c.Options, c.groups(columns), c.tallyOf})
	return r
}

// tallyOf reads the numbers of a segment, whose groups are keys.
func (c *Duplicate) tallyOf(g Group) tally {
	count := func(n sentinel.Number) int64 {
		v, _ := n.Int64() // a count is an integer
		return v
	}
	keys, rows, repeated := count(g.Count), count(g.Values[0]), count(g.Values[1])
	if c.Count == "keys" {
		return tally{segment: g.Segment, rows: rows, of: keys, bad: repeated}
	}
	return tally{segment: g.Segment, rows: rows, of: rows, bad: rows - keys}
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
	repeated, _ := values[2].Int64()
	keys, _ := values[3].Int64()
	if c.Count == "keys" {
		return tally{rows: rows, of: keys, bad: repeated}
	}
	return tally{rows: rows, of: rows, bad: extra}
}
