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

	Time *TimeColumn `yaml:"time" doc:"Time column of the bucket, and how to read it. Default: the dataset's time."`
}

func (b *Bucketed) validateBucket() error {
	if b.Delay != 0 && b.Bucket == "" {
		return settings.Wrong("delay", "needs bucket")
	}
	return b.Time.validate(b.Column)
}

// times returns the time column and zone of a check of the dataset with these.
func (b *Bucketed) times(o *Options, column string, zone *time.Location) (string, *time.Location) {
	t := Target{TimeColumn: column}
	if loc, err := schedule.Zone(o.Timezone); o.Timezone != "" && err == nil { // Validate refuses unknown zones
		zone = loc
	}
	return b.timeColumnName(t), zone
}

// TimeReading returns how the times of the bucket's column are read, or nil if its type says
// it. of is how those of the dataset are read.
func (b *Bucketed) TimeReading(of *TimeColumn) *TimeColumn {
	switch {
	case b.Time != nil:
		return b.Time
	case of != nil && (b.Column == "" || b.Column == of.Column):
		return of
	}
	return nil
}

// timeColumnName returns the column whose type must be known.
func (b *Bucketed) timeColumnName(t Target) string { return t.timeColumnName(b.Column, b.Time) }

// userSQL implements sqlUser.
func (b *Bucketed) userSQL() []userSQL { return b.Time.userSQL() }

// source returns how the times of a table are read for periods of a unit, or why they
// cannot be.
func (b *Bucketed) source(t Target, rel *warehouse.Table, unit Period) (TimeSource, error) {
	return t.timeSource(rel, b.Column, b.Time, unit == schedule.Hour)
}

// periods divides time in the dataset's zone. If a time column that takes part holds no
// zone, an hour that the clock shows twice is one period, because the column does not
// distinguish its two passes.
func (b *Bucketed) periods(t Target, unit Period) schedule.Periods {
	p := schedule.Periods{Unit: unit, Zone: t.zone()}
	for _, rel := range []*warehouse.Table{t.Known.Relation, t.Known.Like} {
		if rel == nil {
			continue
		}
		if s, err := b.source(t, rel, unit); err == nil && (s.Wall || s.Mixed) {
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

// window returns the closed bucket of a table. It is empty if no bucket is configured.
func (b *Bucketed) window(t Target, rel *warehouse.Table) Window {
	if b.Bucket == "" {
		return Window{}
	}
	from, to := b.closed(t)
	return b.between(t, rel, b.periods(t, b.Bucket), from, to)
}

// between selects the rows of the periods from the one that begins at from to the
// one that ends at to. The source of the table's times must be usable.
func (b *Bucketed) between(t Target, rel *warehouse.Table, p schedule.Periods, from, to time.Time) Window {
	source, err := b.source(t, rel, p.Unit)
	if err != nil {
		return Window{} // the kinds do not ask then
	}
	first, _ := p.Walls(from)
	end, _ := p.Walls(to)
	return Window{Time: source, From: from, To: to, FromWall: first, ToWall: end, Gaps: source.gaps(p, first, end)}
}
