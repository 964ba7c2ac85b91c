package checks

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Column returns a column of the dataset; the empty name is the dataset's time
// column. The error names the columns that there are. Known.Relation must be set.
func (t Target) Column(name string) (*warehouse.Column, error) {
	return t.columnOf(t.Known.Relation, name)
}

func (t Target) columnOf(rel *warehouse.Table, name string) (*warehouse.Column, error) {
	name = t.columnName(name)
	if name == "" {
		return nil, errors.New("no column: set `column:` on the check or `time_column:` on the dataset")
	}
	if c := rel.Column(name); c != nil {
		return c, nil
	}
	var names []string
	for _, c := range rel.Columns {
		names = append(names, c.Name)
	}
	return nil, fmt.Errorf("column %s does not exist; the table has %s", name, strings.Join(names, ", "))
}

// columnName returns the configured column, else the dataset's time column.
func (t Target) columnName(configured string) string { return cmp.Or(configured, t.TimeColumn) }

// zone returns the dataset's time zone; UTC if none is configured.
func (t Target) zone() *time.Location {
	if t.Location == nil {
		return time.UTC
	}
	return t.Location
}

// bound returns an instant in the column's form of time.
func (t Target) bound(c *warehouse.Column, at time.Time) time.Time {
	if naive(c) && t.Location != nil {
		return schedule.AsWall(at.In(t.Location))
	}
	return at
}

// zoneError returns an error if the column's times need a zone and none is configured.
func (t Target) zoneError(c *warehouse.Column) error {
	if c.Type.Family == warehouse.Timestamp && !c.Type.Zoned && t.Location == nil {
		return noZone(c.Name)
	}
	return nil
}

func noZone(column string) error {
	const advice = "set `timezone:` on the check, the dataset or in defaults"
	return fmt.Errorf("column %s has no time zone of its own: %s", column, advice)
}
