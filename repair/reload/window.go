package reload

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// setWindow finds the window that the failed check found bad. It reads the column's times as
// the check did. It returns the window's instants.
func (a *Partition) setWindow(
	details *planDetails, d warehouse.Dialect, c *warehouse.Column, trigger repair.Trigger,
) (from, to time.Time, err error) {
	if c.Name == trigger.TimeColumn {
		details.Unit, details.Format = trigger.TimeUnit, trigger.TimeFormat
	}
	if err := details.usableTimes(d, c, trigger.Location); err != nil {
		return from, to, err
	}
	instants := details.Unit != "" || c.Type.Family == warehouse.Timestamp && c.Type.Zoned && details.Format == "" ||
		c.Name == trigger.TimeColumn && trigger.TimeUTC
	bad, err := trigger.Window(a.Bucket, !instants)
	if err != nil {
		return from, to, err
	}
	if details.From, details.To = bad.From.UTC(), bad.To.UTC(); !instants {
		details.From, details.To = bad.Walls()
	}
	if a.Bucket == "hour" && !details.hasHours(c) {
		return from, to, &repair.RefusedError{Why: details.Column + " holds dates, which have no hours"}
	}
	return bad.From, bad.To, nil
}

// hasHours reports whether the column's times have a time of day.
func (d planDetails) hasHours(c *warehouse.Column) bool {
	if f, err := warehouse.ParseTimeFormat(d.Format); d.Format != "" && err == nil {
		return f.HasHours()
	}
	return c.Type.Family != warehouse.Date
}

// usableTimes refuses a column whose values are not compared as times. Windows of such
// columns would hold other rows than those that the check counted.
func (d planDetails) usableTimes(dialect warehouse.Dialect, c *warehouse.Column, zone *time.Location) error {
	_, byValue := dialect.(warehouse.ValueTimes)
	_, reads := dialect.(warehouse.FormatReader)
	family := c.Type.Family
	number := family == warehouse.Integer || family == warehouse.Decimal || family == warehouse.FloatType || byValue
	text := family == warehouse.Text || family == warehouse.FixedText
	switch {
	case d.Unit != "" && number, d.Format != "" && reads && (text || number):
		return nil
	case d.Unit+d.Format != "":
		return repair.Refuse("%s is %s, which is not read as `time:` says", c.Name, c.Type.Native)
	case family != warehouse.Date && family != warehouse.Timestamp && !(byValue && (text || c.Type.Native == "")):
		return repair.Refuse("%s is %s, not a date or timestamp: set `partition:` to a column that is one",
			c.Name, c.Type.Native)
	case byValue && zone != nil && zone != time.UTC:
		return repair.Refuse("%s has no zone of its own in a database of %s, and the dataset's zone is %s: "+
			"only windows in UTC can be loaded again", c.Name, dialect.Name(), zone)
	}
	return nil
}

// comparable returns how a statement compares the time column with a bound: the expression
// and the argument. These are those of the checks.
func (window windowQuery) comparable(column string, at time.Time) (expr string, arg any, err error) {
	switch {
	case window.Unit != "":
		arg, err = inUnit(at, window.Unit)
		return column, arg, err
	case window.Format != "":
		f, err := warehouse.ParseTimeFormat(window.Format)
		reader, ok := window.dialect.(warehouse.FormatReader)
		if err == nil && !ok {
			err = fmt.Errorf("%s cannot read a format", window.dialect.Name())
		}
		if err != nil {
			return "", nil, err
		}
		return reader.ReadFormat(column, f), float64(at.UnixMicro()) / 1e6, nil
	}
	expr, arg = warehouse.Comparable(window.dialect, column, at)
	return expr, arg, nil
}

// inUnit converts an instant to a whole number of units since 1970.
func inUnit(at time.Time, unit string) (int64, error) {
	perSecond := map[string]int64{"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}[unit]
	if perSecond == 0 || at.Unix() > math.MaxInt64/perSecond || at.Unix() < math.MinInt64/perSecond {
		return 0, errors.New("a bound lies outside of what the unit can express")
	}
	return at.Unix() * perSecond, nil // windows begin and end at whole seconds
}

// windowQuery builds the condition of the window for one table and one engine. The window is
// the rows of a period, or those of named keys.
type windowQuery struct {
	dialect warehouse.Dialect
	table   warehouse.TableName
	planDetails
	source bool   // the table is a source
	alias  string // of the table, with a point behind, for named keys
}

// where returns the window as a condition, with its bounds from parameter n on.
func (window windowQuery) where(n int) (string, []any, error) {
	if window.named() {
		return window.keyCondition(n)
	}
	column, err := window.dialect.Quote(window.Column)
	if err != nil {
		return "", nil, err
	}
	expr, from, err := window.comparable(column, window.From)
	if err != nil {
		return "", nil, err
	}
	_, to, err := window.comparable(column, window.To)
	if err != nil {
		return "", nil, err
	}
	condition := fmt.Sprintf("%s >= %s AND %s < %s", expr, window.dialect.Param(n), expr, window.dialect.Param(n+1))
	return condition, warehouse.Bind(window.dialect, []any{from, to}), nil
}

func (window windowQuery) columns() (string, error) {
	return quoteList(window.dialect, window.planDetails.Columns)
}

// quoteAll quotes names of columns.
func quoteAll(d warehouse.Dialect, names []string) ([]string, error) {
	quoted := make([]string, len(names))
	for i, name := range names {
		var err error
		if quoted[i], err = d.Quote(name); err != nil {
			return nil, &repair.RefusedError{Why: err.Error()}
		}
	}
	return quoted, nil
}

// quoteList quotes names of columns, and puts commas between.
func quoteList(d warehouse.Dialect, names []string) (string, error) {
	quoted, err := quoteAll(d, names)
	return strings.Join(quoted, ", "), err
}

// count counts the window's rows.
func (window windowQuery) count(ctx context.Context, db *warehouse.DB) (int64, error) {
	return window.countAnd(ctx, db, "")
}

// countAnd counts those of the window's rows that meet a further condition, which begins
// with " AND ".
func (window windowQuery) countAnd(ctx context.Context, db *warehouse.DB, condition string) (int64, error) {
	table, err := warehouse.QuoteTable(window.dialect, window.table)
	if err != nil {
		return 0, &repair.RefusedError{Why: err.Error()}
	}
	where, args, err := window.where(1)
	if err != nil {
		return 0, &repair.RefusedError{Why: err.Error()}
	}
	rows, err := repair.Query(ctx, db, warehouse.Statement{SQL: "SELECT count(*) FROM " + table + " WHERE " +
		where + condition, Args: args})
	if err != nil {
		return 0, repair.Transient(fmt.Errorf("counting %s: %w", table, err))
	}
	n, err := rows[0][0].Number()
	if err != nil {
		return 0, err
	}
	v, _ := n.Int64()
	return v, nil
}
