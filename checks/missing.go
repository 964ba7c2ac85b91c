package checks

import (
	"errors"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() { Register("missing", func() Check { return &Missing{} }) }

// Missing counts the rows that have no value in a column: NULL, and what stands for it.
type Missing struct {
	Options  `yaml:",inline"`
	Column   string    `yaml:"column" required:"true" doc:"Column that must have values."`
	Empty    bool      `yaml:"empty" doc:"An empty text is missing, too."`
	Blank    bool      `yaml:"blank" doc:"A text that is empty or has only blanks is missing, too."`
	Values   ValueList `yaml:"values" doc:"These values are missing, too: [N/A, \"-\"]."`
	NaN      bool      `yaml:"nan" doc:"A number that is NaN is missing, too."`
	ZeroDate bool      `yaml:"zero_date" doc:"The date 0000-00-00 of MySQL is missing, too."`

	Verify     bool `yaml:"verify" doc:"Read the rows also where NOT NULL proves that they have values."`
	AtLeastOne bool `yaml:"at_least_one" doc:"Fails only when no row has a value, in place of warn and fail."`
	BadRows    `yaml:",inline"`
}

// Validate implements Check.
func (c *Missing) Validate() error {
	if err := complete(c); err != nil {
		return err
	}
	if c.Column == "" {
		return settings.Wrong("column", "want the column that must have values")
	}
	if c.AtLeastOne {
		if c.Warn.Set() || c.Fail.Set() {
			return settings.Wrong("at_least_one", "it replaces warn and fail: keep one of them")
		}
		c.Fail = Bound{Op: ">=", Low: sentinel.Int(100), Percent: true}
		if c.MinRows == nil {
			c.MinRows = new(int) // one row with a value is enough, and none is a failure
		}
	}
	stands := ""
	if c.Empty || c.Blank || len(c.Values) > 0 || c.NaN || c.ZeroDate {
		stands = "values"
	}
	one := ""
	if c.AtLeastOne {
		one = "at_least_one"
	}
	c.Aspect = c.aspect(&c.Options, c.Column, stands, one)
	return errors.Join(c.BadRows.complete(&c.Options), c.Values.validate("values"), c.watch(c.measure()))
}

// Times implements [TimedCheck].
func (c *Missing) Times(column string, zone *time.Location) (string, *time.Location) {
	return c.times(&c.Options, column, zone)
}

// Needs implements Check.
func (c *Missing) Needs(t Target) Needs { return c.needs(t, &c.Options, c.Column) }

// rule says which rows are bad.
func (c *Missing) rule(t Target) (*rowRule, error) {
	column, err := t.Column(c.Column)
	if err != nil {
		return nil, err
	}
	bad := warehouse.Any{warehouse.Null{Column: *column}}
	if c.Empty {
		bad = append(bad, warehouse.Empty{Column: *column})
	}
	if c.Blank {
		bad = append(bad, warehouse.Blank{Column: *column})
	}
	if len(c.Values) > 0 {
		in, err := t.oneOf(column, c.Values, warehouse.Exact)
		if err != nil {
			return nil, err
		}
		bad = append(bad, in)
	}
	if c.NaN {
		bad = append(bad, warehouse.NaN{Column: *column})
	}
	if c.ZeroDate {
		bad = append(bad, warehouse.ZeroDate{Column: *column})
	}
	r := &rowRule{bad: bad, what: "rows have no " + column.Name}
	return r, r.check(t.Known.Dialect)
}

// proven reports whether NOT NULL proves that every row has a value.
func (c *Missing) proven(t Target) bool {
	nullOnly := !c.Empty && !c.Blank && len(c.Values) == 0 && !c.NaN && !c.ZeroDate
	column, err := t.Column(c.Column)
	return nullOnly && err == nil && !column.Nullable && t.provesRows() && c.mayBeProven(&c.Options, c.Verify)
}

// Ask implements Check.
func (c *Missing) Ask(t Target, _ Answers) []Ask {
	if t.Known.Relation == nil || c.proven(t) {
		return nil
	}
	return c.askRows(t, c)
}

// Judge implements Check.
func (c *Missing) Judge(t Target, a Answers) sentinel.Result {
	if t.Known.Relation != nil && t.Known.Err == nil && c.proven(t) {
		return proven("missing", "NOT NULL proves that no row lacks "+c.Column)
	}
	return c.judgeRows(t, c, a)
}
