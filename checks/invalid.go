package checks

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() { Register("invalid", func() Check { return &Invalid{} }) }

// Invalid counts the values of a column that break a rule: a list, a range, a length, a
// pattern or a format. A value that breaks several is one.
type Invalid struct {
	Options       `yaml:",inline"`
	Column        string    `yaml:"column" required:"true" doc:"Column whose values are judged. NULL is not."`
	ValidValues   ValueList `yaml:"valid_values" doc:"A value must be one of these: [new, paid]."`
	InvalidValues ValueList `yaml:"invalid_values" doc:"A value must be none of these."`

	Min       string `yaml:"min" doc:"Smallest value: a number, a date, now, now-7d, or another column."`
	Max       string `yaml:"max" doc:"Largest value, as min."`
	Exclusive bool   `yaml:"exclusive" doc:"min and max are no values themselves."`
	Length    *int   `yaml:"length" doc:"Number of characters of a text."`
	MinLength *int   `yaml:"min_length" doc:"Smallest number of characters."`
	MaxLength *int   `yaml:"max_length" doc:"Largest number of characters."`

	Pattern    string `yaml:"pattern" doc:"RE2 pattern that is found in a text: \"^R-[0-9]+$\"."`
	NotPattern string `yaml:"not_pattern" doc:"RE2 pattern that is not found in a text."`
	Like       string `yaml:"like" doc:"Pattern of SQL's LIKE. The case matters."`
	Format     string `yaml:"format" words:"formats" doc:"Form of a text, such as email or uuid."`

	Compare warehouse.Comparison `yaml:"compare" default:"exact" enum:"exact,engine,ignore_case" doc:"Which texts are equal."`
	Of      string               `yaml:"of" default:"values" enum:"values,rows" doc:"What a share is of."`
	BadRows `yaml:",inline"`
}

// Validate implements Check.
func (c *Invalid) Validate() error {
	if err := complete(c); err != nil {
		return err
	}
	rules := c.rules()
	switch {
	case c.Column == "":
		return settings.Wrong("column", "want the column whose values are judged")
	case len(rules) == 0:
		return settings.Wrong("valid_values", "no rule for the values: want one of valid_values, invalid_values, min, max, length, "+
			"min_length, max_length, pattern, not_pattern, like and format")
	case c.Length != nil && (c.MinLength != nil || c.MaxLength != nil):
		return settings.Wrong("length", "it replaces min_length and max_length: keep one of them")
	case c.Exclusive && c.Min+c.Max == "":
		return settings.Wrong("exclusive", "needs min or max")
	}
	for key, n := range map[string]*int{"length": c.Length, "min_length": c.MinLength, "max_length": c.MaxLength} {
		if n != nil && *n < 0 {
			return settings.Wrong(key, "want 0 or more characters")
		}
	}
	if c.MinLength != nil && c.MaxLength != nil && *c.MinLength > *c.MaxLength {
		return settings.Wrong("min_length", "%d is larger than max_length (%d)", *c.MinLength, *c.MaxLength)
	}
	if _, known := formats[c.Format]; c.Format != "" && !known {
		return settings.Wrong("format", "%s", settings.UnknownWord("format", c.Format, Formats()))
	}
	for key, pattern := range map[string]string{"pattern": c.Pattern, "not_pattern": c.NotPattern} {
		if _, err := warehouse.ParsePattern(pattern); err != nil {
			return settings.Wrong(key, "%v", err)
		}
	}
	c.Aspect = c.aspect(&c.Options, append([]string{c.Column}, rules...)...)
	return errors.Join(
		c.BadRows.complete(&c.Options),
		c.ValidValues.validate("valid_values"), c.InvalidValues.validate("invalid_values"),
		validateEnd("min", c.Min), validateEnd("max", c.Max), c.validateRange(),
		c.watch(c.measure()),
	)
}

// validateRange refuses a range of times that no value is in. Whether one of numbers has
// values depends on the column's type: a text may lie between 10 and 5.
func (c *Invalid) validateRange() error {
	order, known := compareTimes(c.Min, c.Max)
	switch {
	case known && order > 0:
		return settings.Wrong("min", "%s is larger than max (%s): no value is in the range", c.Min, c.Max)
	case known && order == 0 && c.Exclusive:
		return settings.Wrong("exclusive", "no value lies between %s and %s", c.Min, c.Max)
	}
	return nil
}

// rules names the rules that are set.
func (c *Invalid) rules() (names []string) {
	for _, r := range []struct {
		name string
		set  bool
	}{
		{"valid_values", len(c.ValidValues) > 0}, {"invalid_values", len(c.InvalidValues) > 0},
		{"range", c.Min+c.Max != ""}, {"length", c.Length != nil || c.MinLength != nil || c.MaxLength != nil},
		{"pattern", c.Pattern != ""}, {"not_pattern", c.NotPattern != ""}, {"like", c.Like != ""}, {"format", c.Format != ""},
	} {
		if r.set {
			names = append(names, r.name)
		}
	}
	return names
}

// Times implements [TimedCheck].
func (c *Invalid) Times(column string, zone *time.Location) (string, *time.Location) {
	return c.times(&c.Options, column, zone)
}

// Needs implements Check.
func (c *Invalid) Needs(t Target) Needs {
	columns := []string{c.Column}
	for _, end := range []string{c.Min, c.Max} {
		if name := endColumn(end); name != "" {
			columns = append(columns, name)
		}
	}
	return c.needs(t, &c.Options, columns...)
}

// rule says which rows are bad.
func (c *Invalid) rule(t Target) (*rowRule, error) {
	column, err := t.Column(c.Column)
	if err != nil {
		return nil, err
	}
	parts, err := c.parts(t, column)
	if err != nil {
		return nil, err
	}
	r := &rowRule{what: "values of " + column.Name + " are invalid"}
	if c.Of == "rows" {
		r.what = "rows have an invalid " + column.Name
	} else {
		r.values = column.Name
	}
	bad := warehouse.Any{}
	for _, part := range parts {
		bad = append(bad, part.bad)
	}
	if r.bad = bad; len(parts) > 1 {
		r.parts = parts
	}
	return r, r.check(t.Known.Dialect)
}

// parts returns the conditions of bad values.
func (c *Invalid) parts(t Target, column *warehouse.Column) (parts []rowPart, err error) {
	add := func(name string, bad warehouse.Predicate) { parts = append(parts, rowPart{name, bad}) }
	if len(c.ValidValues) > 0 {
		in, err := t.oneOf(column, c.ValidValues, c.Compare)
		if err != nil {
			return nil, fmt.Errorf("valid_values: %w", err)
		}
		add("not in the list", warehouse.Not{Of: in})
	}
	if len(c.InvalidValues) > 0 {
		in, err := t.oneOf(column, c.InvalidValues, c.Compare)
		if err != nil {
			return nil, fmt.Errorf("invalid_values: %w", err)
		}
		add("in the list of invalid ones", in)
	}
	if c.Min+c.Max != "" {
		within := warehouse.Within{Column: *column, Exclusive: c.Exclusive}
		if within.Low, err = t.end(column, "min", c.Min); err != nil {
			return nil, err
		}
		if within.High, err = t.end(column, "max", c.Max); err != nil {
			return nil, err
		}
		add("out of range", warehouse.Not{Of: within})
	}
	if low, high, set := c.lengths(); set {
		add("of another length", warehouse.Not{Of: warehouse.LengthWithin{Column: *column, Low: low, High: high}})
	}
	for _, p := range []struct {
		name, pattern string
		valid         bool
	}{
		{"unlike the pattern", c.Pattern, true}, {"like the pattern of invalid ones", c.NotPattern, false},
		{"unlike " + c.Like, like(c.Like), true}, {"no " + strings.ReplaceAll(c.Format, "_", " "), formats[c.Format], true},
	} {
		if p.pattern == "" {
			continue
		}
		parsed, err := warehouse.ParsePattern(p.pattern)
		if err != nil {
			return nil, err
		}
		matches := warehouse.Matches{Column: *column, Pattern: parsed}
		if p.valid {
			add(p.name, warehouse.Not{Of: matches})
		} else {
			add(p.name, matches)
		}
	}
	return parts, nil
}

func like(text string) string {
	if text == "" {
		return ""
	}
	return likePattern(text)
}

// lengths returns the numbers of characters that are valid. high < 0 is no limit.
func (c *Invalid) lengths() (low, high int, set bool) {
	high = -1
	if c.Length != nil {
		return *c.Length, *c.Length, true
	}
	if c.MinLength != nil {
		low, set = *c.MinLength, true
	}
	if c.MaxLength != nil {
		high, set = *c.MaxLength, true
	}
	return low, high, set
}

// Ask implements Check.
func (c *Invalid) Ask(t Target, _ Answers) []Ask { return c.askRows(t, c) }

// Judge implements Check.
func (c *Invalid) Judge(t Target, a Answers) sentinel.Result { return c.judgeRows(t, c, a) }
