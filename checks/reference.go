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

func init() { Register("reference", func() Check { return &Reference{} }) }

// Reference counts the rows whose key is in no row of another table. A foreign key proves
// nothing: loads switch the engine's own check off.
type Reference struct {
	Options `yaml:",inline"`
	Column  string          `yaml:"column" doc:"Column whose values must be in the other table."`
	Columns []string        `yaml:"columns" doc:"Columns whose values together must be there, in place of column."`
	To      *sentinel.Table `yaml:"to" required:"true" doc:"The other table: warehouse.schema.table. It may be in another warehouse."`
	Field   []string        `yaml:"field" doc:"Columns of the other table. Default: of the same names."`
	ToWhere string          `yaml:"to_where" doc:"SQL condition on the rows of the other table."`
	Compare string          `yaml:"compare" enum:"engine,exact" doc:"Which texts are equal. Default: engine, and exact between warehouses."`
	MaxKeys int64           `yaml:"max_keys" default:"5000000" doc:"Between warehouses: different keys of a table that are read."`
	BadRows `yaml:",inline"`
}

// Validate implements Check.
func (c *Reference) Validate() error {
	if err := complete(c); err != nil {
		return err
	}
	switch {
	case c.To == nil:
		return settings.Wrong("to", "want the table that has the keys, such as shop.public.customers")
	case c.Column == "" && len(c.Columns) == 0:
		return settings.Wrong("column", "want the column, or `columns`, whose values must be in the other table")
	case c.Column != "" && len(c.Columns) > 0:
		return settings.Wrong("columns", "it replaces column: keep one of them")
	case len(c.Field) > 0 && len(c.Field) != len(c.key()):
		return settings.Wrong("field", "%d columns for %d: want one for each", len(c.Field), len(c.key()))
	case c.MaxKeys < 1 || c.MaxKeys > mostForeignKeys:
		return settings.Wrong("max_keys", "want 1 to %s keys", groupDigits(sentinel.Int(mostForeignKeys)))
	case len(c.By) > 0:
		return settings.Wrong("by", "is not for references: write a check with `where` for each segment")
	}
	c.Aspect = c.aspect(&c.Options, strings.Join(c.key(), ","), c.To.String())
	return errors.Join(c.BadRows.complete(&c.Options), c.watch(c.measure()))
}

// mostForeignKeys is how many keys of a table in another warehouse may be read.
const mostForeignKeys = 100_000_000

// key returns the names of the columns.
func (c *Reference) key() []string {
	if c.Column != "" {
		return []string{c.Column}
	}
	return c.Columns
}

// field returns the names of the columns of the other table.
func (c *Reference) field() []string {
	if len(c.Field) > 0 {
		return c.Field
	}
	return c.key()
}

// userSQL implements sqlUser.
func (c *Reference) userSQL() []userSQL {
	return append(c.TimeBucket.userSQL(), userSQL{field: "to_where", text: c.ToWhere})
}

// Times implements [TimedCheck].
func (c *Reference) Times(column string, zone *time.Location) (string, *time.Location) {
	return c.times(&c.Options, column, zone)
}

// Needs implements Check.
func (c *Reference) Needs(t Target) Needs {
	n := c.needs(t, &c.Options, c.key()...)
	n.Facts, n.Like, n.LikeFacts = warehouse.Columns, c.To, warehouse.Columns
	return n
}

// orphans returns the question, or why it cannot be asked.
func (c *Reference) orphans(t Target) (*Orphans, error) {
	if c.elsewhere(t) {
		return nil, fmt.Errorf("%s is in another warehouse", c.To)
	}
	columns, of, err := c.columns(t)
	if err != nil {
		return nil, err
	}
	return &Orphans{Columns: columns, Of: of, ByText: c.Compare == "exact", Where: c.Where, ToWhere: c.ToWhere,
		Window: c.closes().window(t.alone(), t.Known.Relation)}, nil
}

// elsewhere reports whether the other table is in another warehouse.
func (c *Reference) elsewhere(t Target) bool { return c.To.Warehouse != t.Table.Warehouse }

// columns returns the columns of both tables, or why nothing can be asked.
func (c *Reference) columns(t Target) (columns, of []warehouse.Column, err error) {
	switch {
	case t.Known.LikeErr != nil:
		return nil, nil, t.Known.LikeErr
	case t.Known.Like == nil:
		return nil, nil, fmt.Errorf("to: the table %s does not exist", c.To)
	}
	for i, name := range c.key() {
		column, err := t.Column(name)
		if err != nil {
			return nil, nil, err
		}
		other, err := t.columnOf(t.Known.Like, c.field()[i])
		if err != nil {
			return nil, nil, fmt.Errorf("to: %s: %w", c.To, err)
		}
		if !mayEqual(column.Type, other.Type) {
			return nil, nil, fmt.Errorf("column %s is %s, and %s of %s is %s: no value of one is one of the other",
				column.Name, column.Type.Native, other.Name, c.To, other.Type.Native)
		}
		columns, of = append(columns, *column), append(of, *other)
	}
	return columns, of, c.timeError(t.alone())
}

// mayEqual reports whether values of two types can be equal. An engine may take '01' and 1
// for equal, which says nothing of the texts.
func mayEqual(a, b warehouse.Type) bool {
	switch {
	case a.IsNumber() || b.IsNumber():
		return a.IsNumber() && b.IsNumber()
	case a.IsText() || b.IsText():
		return a.IsText() && b.IsText()
	}
	return a.Family == b.Family
}

// alone returns the target without the other table, whose time column is another.
func (t Target) alone() Target {
	t.Known.Like, t.Known.LikeDialect = nil, nil
	return t
}

const askOrphans = "orphans"

// Ask implements Check.
func (c *Reference) Ask(t Target, _ Answers) []Ask {
	if t.Known.Relation == nil {
		return nil
	}
	if c.elsewhere(t) {
		return c.askForeign(t)
	}
	o, err := c.orphans(t)
	if err != nil {
		return nil // Judge says it
	}
	values := warehouse.All{}
	for _, column := range o.Columns {
		values = append(values, warehouse.Not{Of: warehouse.Null{Column: column}})
	}
	asks := []Ask{
		{Key: askValues, Aggregate: &Aggregate{Func: "count", Bad: values, Where: c.Where, Window: o.Window}},
		{Key: askOrphans, Orphans: o},
	}
	asks = append(asks, gapAsks(askRows, o.Window, c.Where, nil)...)
	asks = append(asks, partialAsks(askRows, o.Window, c.Where, nil)...)
	return append(asks, unreadableAsks(askRows, o.Window.Time, c.Where, nil)...)
}

// Judge implements Check.
func (c *Reference) Judge(t Target, a Answers) sentinel.Result {
	const kind = "reference"
	if r, unread := unreadTable(kind, t, c.OnMissing); unread {
		return r
	}
	if c.elsewhere(t) {
		return c.judgeForeign(t, a)
	}
	_, err := c.orphans(t)
	if err = cmp.Or(err, c.answerError(t.alone(), a, []string{askValues, askOrphans})); err != nil {
		return errorResult(kind, err)
	}
	n := tally{}
	n.of, _ = a.of(askValues).Number.Int64() // a count is an integer
	n.bad, _ = a.of(askOrphans).Number.Int64()
	n.of = max(n.of, n.bad) // rows may come between the two statements
	n.rows = n.of
	return c.judgeWhole(t.alone(), c, c.rowRule(), a, n)
}

func (c *Reference) rowRule() *rowRule {
	return &rowRule{what: fmt.Sprintf("rows have a %s that is not in %s", strings.Join(c.key(), ", "), c.To)}
}
