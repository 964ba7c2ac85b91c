package checks

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/settings"
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

// columnName is the configured column, else the dataset's time column.
func (t Target) columnName(configured string) string { return cmp.Or(configured, t.TimeColumn) }

// zone is the dataset's time zone; UTC if none is configured.
func (t Target) zone() *time.Location {
	if t.Location == nil {
		return time.UTC
	}
	return t.Location
}

// bound writes an instant as the column's own kind of time.
func (t Target) bound(c *warehouse.Column, at time.Time) time.Time {
	if naive(c) && t.Location != nil {
		return asWall(at, t.Location)
	}
	return at
}

// zoneError says that a column's times cannot be placed in time.
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

// Bucketed is embedded by the kinds that can look at one closed period only.
type Bucketed struct {
	Bucket Period   `yaml:"bucket" doc:"Only the last closed period of the time column."`
	Column string   `yaml:"column" doc:"Time column of the bucket. Default: time_column."`
	Delay  Duration `yaml:"delay" doc:"A bucket closes this long after its end."`
}

func (b *Bucketed) validateBucket() error {
	if b.Delay != 0 && b.Bucket == "" {
		return settings.Wrong("delay", "needs bucket")
	}
	return nil
}

// closed returns the newest bucket that is closed at the tick.
func (b *Bucketed) closed(t Target) (from, to time.Time) {
	return b.Bucket.closed(t.Tick, time.Duration(b.Delay), t.zone())
}

// timeColumn returns the time column of a table, or why it cannot be used.
func (b *Bucketed) timeColumn(t Target, rel *warehouse.Table) (*warehouse.Column, error) {
	c, err := t.columnOf(rel, b.Column)
	if err != nil {
		return nil, err
	}
	return c, t.zoneError(c)
}

// window is the closed bucket of a table, as bounds that prune partitions. It is
// empty if no bucket is configured.
func (b *Bucketed) window(t Target, rel *warehouse.Table) Window {
	if b.Bucket == "" {
		return Window{}
	}
	from, to := b.closed(t)
	return b.between(t, rel, from, to)
}

// between is a window of the time column.
func (b *Bucketed) between(t Target, rel *warehouse.Table, from, to time.Time) Window {
	name := t.columnName(b.Column)
	c := rel.Column(name)
	return Window{Column: name, From: t.bound(c, from), To: t.bound(c, to)}
}
