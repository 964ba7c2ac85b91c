package checks

import (
	"time"

	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Period is the length of a bucket: hour, day, week (from Monday) or month.
type Period = schedule.Unit

// Bucketed is embedded by the kinds that can check a single closed period.
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

// periods divides time in the dataset's zone. If a time column that takes part holds no
// zone, an hour that the clock shows twice is one period, because the column does not
// distinguish its two passes.
func (b *Bucketed) periods(t Target, unit Period) schedule.Periods {
	p := schedule.Periods{Unit: unit, Zone: t.zone()}
	for _, rel := range []*warehouse.Table{t.Known.Relation, t.Known.Like} {
		if rel != nil && naive(rel.Column(t.columnName(b.Column))) {
			p.WallClock = true
		}
	}
	return p
}

// closed returns the newest bucket that is closed at the tick.
func (b *Bucketed) closed(t Target) (from, to time.Time) {
	return b.periods(t, b.Bucket).Closed(t.Tick.Add(-time.Duration(b.Delay)))
}

// label names the bucket that holds an instant.
func (b *Bucketed) label(t Target, at time.Time) string { return b.periods(t, b.Bucket).Label(at) }

// timeColumn returns the time column of a table, or why it cannot be used.
func (b *Bucketed) timeColumn(t Target, rel *warehouse.Table) (*warehouse.Column, error) {
	c, err := t.columnOf(rel, b.Column)
	if err != nil {
		return nil, err
	}
	return c, t.zoneError(c)
}

// window returns the closed bucket of a table. It is empty if no bucket is configured.
func (b *Bucketed) window(t Target, rel *warehouse.Table) Window {
	if b.Bucket == "" {
		return Window{}
	}
	from, to := b.closed(t)
	return b.between(t, rel, b.periods(t, b.Bucket), from, to)
}

// between selects the rows of the periods from the one that begins at from to the
// one that ends at to.
func (b *Bucketed) between(t Target, rel *warehouse.Table, p schedule.Periods, from, to time.Time) Window {
	name := t.columnName(b.Column)
	if !naive(rel.Column(name)) {
		return Window{Column: name, From: from, To: to}
	}
	first, _ := p.Walls(from)
	end, _ := p.Walls(to)
	return Window{Column: name, From: first, To: end}
}
