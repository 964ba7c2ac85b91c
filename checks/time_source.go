package checks

import (
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TimeSource says how statements read the time of a table's rows: from a column by its
// type, or as the configuration says. The zero value means no time.
type TimeSource struct {
	Column     string // as in the catalog, unquoted
	Expression string // SQL of the user, in place of Column; an instant
	Unit       string // Column holds numbers of these since 1970: s, ms, us or ns
	Format     string // Column holds texts or numbers in this form
	// Wall says that the values have no zone, only what a clock showed.
	Wall bool
	// Mixed says that each value tells whether it has a zone. Both kinds of bounds apply.
	Mixed bool
	// OnlyDates says that of the values of a Mixed source only dates have no zone.
	OnlyDates bool
	// Dates says that the values have no time of day.
	Dates bool
	// Numbers says that the values are numbers that compare as their times do.
	Numbers bool
	// ByValue says that the engine's columns hold values of any type.
	ByValue bool
	// Partial says that dates may lack a day or month. They are compared as if they were days.
	Partial bool
	// NeedsHour says that a date without a time of day is no time here.
	NeedsHour bool
	// Silent says that a value that is no time reads as NULL, without an error. A check
	// must count such values, because they could change its answer.
	Silent bool
}

// set reports whether there is a source.
func (s TimeSource) set() bool { return s.Column != "" || s.Expression != "" }

// raw reports whether the values are compared as they are stored, so that an index and
// partitions are used.
func (s TimeSource) raw() bool {
	return s.Column != "" && (s.Format == "" || s.Numbers) && (s.Unit != "" || !s.ByValue)
}

// name names the source in messages.
func (s TimeSource) name() string {
	if s.Column != "" {
		return "column " + s.Column
	}
	return "the expression"
}

// withoutZone writes the condition that a value is only what a clock showed.
func (s TimeSource) withoutZone(v warehouse.ValueTimes, value string) string {
	if s.OnlyDates {
		return v.WithoutHour(value)
	}
	return v.WithoutZone(value)
}

// timeColumnName returns the column whose type must be known, for a check with these keys.
func (t Target) timeColumnName(column string, own *TimeColumn) string {
	switch {
	case own != nil:
		return own.Column
	case column != "":
		return column
	}
	return t.TimeColumn
}

// timeSource returns how the times of a table are read by a check with these keys, or why
// they cannot be. rel is Known.Relation or Known.Like. With hours, dates do not suffice.
func (t Target) timeSource(rel *warehouse.Table, column string, own *TimeColumn, hours bool) (TimeSource, error) {
	dialect := t.Known.Dialect
	if rel == t.Known.Like && rel != t.Known.Relation {
		dialect = t.Known.LikeDialect
	}
	_, byValue := dialect.(warehouse.ValueTimes)
	_, lenient := dialect.(warehouse.LenientTimes)
	how := own
	if how == nil && t.Time != nil && (column == "" || column == t.Time.Column) {
		how = t.Time
	}
	if how == nil {
		how = &TimeColumn{}
	}
	if how.Expression != "" {
		return TimeSource{Expression: how.Expression, ByValue: byValue, NeedsHour: hours && byValue, Silent: lenient}, nil
	}
	c, err := t.columnOf(rel, t.timeColumnName(column, own))
	if err != nil {
		return TimeSource{}, err
	}
	s := TimeSource{Column: c.Name, Unit: how.Unit, Format: how.Format, ByValue: byValue}
	if dated(c) && !byValue && t.forTheOther(rel, c.Name) {
		s.Unit, s.Format = "", ""
	}
	switch {
	case s.Unit != "":
		err = t.byUnit(&s, c)
	case s.Format != "":
		err = t.byFormat(&s, c, dialect)
	case byValue:
		s.Silent, s.NeedsHour = true, hours
		s.OnlyDates = how.UTC
		s.Mixed = t.zone() != time.UTC && !(s.OnlyDates && hours)
	default:
		err = byType(&s, c)
		_, partial := dialect.(warehouse.PartialDates)
		s.Partial = partial && s.Wall // an instant has a day
	}
	s.Wall = s.Wall && (!how.UTC || s.Dates) // a date has no time of day to convert
	switch {
	case err != nil:
	case s.Wall && t.Location == nil:
		err = noZone(c.Name)
	case s.Dates && hours:
		err = fmt.Errorf("column %s holds dates, which have no hours: use a longer bucket, such as day, "+
			"or a column with a time of day", c.Name)
	}
	return s, err
}

// dated reports whether a column's type is a date or timestamp.
func dated(c *warehouse.Column) bool {
	return c != nil && (c.Type.Family == warehouse.Date || c.Type.Family == warehouse.Timestamp)
}

// forTheOther reports whether two tables are compared and only the other one's column
// needs to be told how to read it.
func (t Target) forTheOther(rel *warehouse.Table, column string) bool {
	other := t.Known.Like
	if rel == other {
		other = t.Known.Relation
	}
	return t.Known.Like != nil && other != nil && other.Column(column) != nil && !dated(other.Column(column))
}

// byUnit completes the source of a column of numbers.
func (t Target) byUnit(s *TimeSource, c *warehouse.Column) error {
	s.Numbers, s.Silent = true, s.ByValue
	switch c.Type.Family {
	case warehouse.Integer, warehouse.Decimal, warehouse.FloatType:
		return nil
	}
	if s.ByValue {
		return nil
	}
	return fmt.Errorf("column %s is %s, and `unit: %s` is for numbers: leave it out, or say `format:` or `expression:`",
		c.Name, c.Type.Native, s.Unit)
}

// byFormat completes the source of a column of texts, or of numbers such as 20261129.
func (t Target) byFormat(s *TimeSource, c *warehouse.Column, d warehouse.Dialect) error {
	f, err := warehouse.ParseTimeFormat(s.Format)
	if err != nil {
		return err // Validate refuses it
	}
	if _, ok := d.(warehouse.FormatReader); !ok {
		return fmt.Errorf("column %s: %s cannot read a format: say `expression:`", c.Name, d.Name())
	}
	s.Wall, s.Dates, s.Silent = true, !f.HasHours(), true
	switch c.Type.Family {
	case warehouse.Integer, warehouse.Decimal:
		if !s.ByValue && f.SortsAsNumber() {
			s.Numbers, s.Silent = true, false
		}
		return nil
	case warehouse.Text, warehouse.FixedText:
		return nil
	}
	if s.ByValue {
		return nil
	}
	return fmt.Errorf("column %s is %s, and `format:` is for texts and whole numbers: leave it out", c.Name, c.Type.Native)
}

// byType completes the source of a column that the configuration says nothing about.
func byType(s *TimeSource, c *warehouse.Column) error {
	switch c.Type.Family {
	case warehouse.Timestamp:
		s.Wall = !c.Type.Zoned
		return nil
	case warehouse.Date:
		s.Wall, s.Dates = true, true
		return nil
	case warehouse.Integer, warehouse.Decimal, warehouse.FloatType:
		return fmt.Errorf("column %[1]s is %[2]s, not a date or timestamp: say how to read it, "+
			"such as `time: {column: %[1]s, unit: ms}` (s, ms, us or ns since 1970), "+
			"`time: {column: %[1]s, format: \"%%Y%%m%%d\"}`, or `time: {expression: ...}`", c.Name, c.Type.Native)
	case warehouse.Text, warehouse.FixedText, warehouse.Enum:
		return fmt.Errorf("column %[1]s is %[2]s, not a date or timestamp: say how to read it, "+
			"such as `time: {column: %[1]s, format: \"%%Y-%%m-%%d %%H:%%M:%%S\"}`, or `time: {expression: ...}`",
			c.Name, c.Type.Native)
	case warehouse.Time:
		return fmt.Errorf("column %s is %s, a time of day without a date: use another column, "+
			"or `time: {expression: ...}` with the date", c.Name, c.Type.Native)
	}
	return fmt.Errorf("column %s is %s, not a date or timestamp: use another column, or `time: {expression: ...}`",
		c.Name, c.Type.Native)
}

// window selects the rows from one instant to before another. A zero bound is open. A date
// is compared as the midnight it begins with, so its bounds are midnights too: an engine
// would cut the time of day off another bound. Where a clock was set back, values that it
// also showed before a bound count as before it.
func (t Target) window(s TimeSource, from, to time.Time) Window {
	wall := func(at time.Time, shown func(time.Time) time.Time) time.Time {
		if at.IsZero() {
			return at
		}
		wall := shown(at.In(t.zone()))
		if midnight := wall.Truncate(24 * time.Hour); s.Dates && wall.After(midnight) {
			return midnight.AddDate(0, 0, 1)
		}
		return wall
	}
	return Window{Time: s, From: from, To: to,
		FromWall: wall(from, schedule.AsWall), ToWall: wall(to, schedule.AfterWalls)}
}
