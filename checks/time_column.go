package checks

import (
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TimeColumn says how the time of a row is read where the type of a column does not say
// it. It is the value of the key `time`.
type TimeColumn struct {
	Column     string `yaml:"column" doc:"Column that tells when a row was written."`
	Unit       string `yaml:"unit" enum:"s,ms,us,ns" doc:"The column holds numbers of these since 1970."`
	Format     string `yaml:"format" doc:"The column holds texts or numbers in this form, such as \"%Y-%m-%d %H:%M:%S\"."`
	Expression string `yaml:"expression" doc:"SQL expression in place of column. Without a zone: UTC."`
	UTC        bool   `yaml:"utc" doc:"Times of day without a zone are in UTC. Default: in the timezone of the check."`
}

// Validate completes the value. Its error holds [settings.FieldError] values.
func (c *TimeColumn) Validate() error {
	if err := settings.Complete(c); err != nil {
		return err
	}
	switch {
	case c.Column == "" && c.Expression == "":
		return settings.Wrong("column", "want the column that tells when a row was written, or an expression")
	case c.Expression != "" && c.Column+c.Unit+c.Format != "":
		return settings.Wrong("expression", "replaces column, unit and format: keep one of them")
	case c.Expression != "" && c.UTC:
		return settings.Wrong("utc", "has no effect on an expression, whose times without a zone are in UTC")
	case c.Unit != "" && c.Format != "":
		return settings.Wrong("format", "unit and format exclude each other: keep one")
	case c.Unit != "" && c.UTC:
		return settings.Wrong("utc", "has no effect on unit: such a number is an instant")
	case c.Format == "":
		return nil
	}
	f, err := warehouse.ParseTimeFormat(c.Format)
	if err != nil {
		return settings.In("format", err)
	}
	if f.EndsInUTC() && !f.HasHours() {
		return settings.Wrong("format", "it ends in a word for UTC, but a date without hours has no zone: use `expression:`")
	}
	if f.EndsInUTC() && !c.UTC {
		return settings.Wrong("format", "it ends in a word for UTC: add `utc: true`")
	}
	return nil
}

// validate checks `time:` beside the older key for a column. Both may be unset.
func (c *TimeColumn) validate(column string) error {
	if c == nil {
		return nil
	}
	if column != "" {
		return settings.Wrong("time", "column and time exclude each other: keep one")
	}
	return settings.In("time", c.Validate())
}

// name returns the column, or "" if there is none.
func (c *TimeColumn) name() string {
	if c == nil {
		return ""
	}
	return c.Column
}
