package checks

import (
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

// TimeBucket is embedded by the kinds that can check a single closed period, and have a key
// `column` for the column that they check.
type TimeBucket struct {
	Bucket     Period      `yaml:"bucket" doc:"Only the last closed period of the time column."`
	TimeColumn string      `yaml:"time_column" doc:"Time column of the bucket. Default: the dataset's."`
	Delay      Duration    `yaml:"delay" doc:"A bucket closes this long after its end."`
	Time       *TimeColumn `yaml:"time" doc:"Time column of the bucket, and how to read it. Default: the dataset's time."`
}

func (b *TimeBucket) validate() error {
	if b.TimeColumn != "" && b.Bucket == "" {
		return settings.Wrong("time_column", "needs bucket")
	}
	return b.closes().validateBucket()
}

// bucketColumn returns the time column whose type must be known; "" if none must.
func (b *TimeBucket) bucketColumn(t Target) string {
	if b.Bucket == "" {
		return ""
	}
	return b.closes().timeColumnName(t)
}

// closes returns the bucket as the kinds with a key `column` have it.
func (b *TimeBucket) closes() *Bucketed {
	return &Bucketed{Bucket: b.Bucket, Column: b.TimeColumn, Delay: b.Delay, Time: b.Time}
}

// times returns the time column and the zone of a check.
func (b *TimeBucket) times(o *Options, column string, zone *time.Location) (string, *time.Location) {
	return b.closes().times(o, column, zone)
}

// TimeReading implements [TimedCheck].
func (b *TimeBucket) TimeReading(of *TimeColumn) *TimeColumn { return b.closes().TimeReading(of) }

// userSQL returns the expression of the time.
func (b *TimeBucket) userSQL() []userSQL { return b.Time.userSQL() }

// timeError returns why the time column cannot be used, if one is needed.
func (b *TimeBucket) timeError(t Target) error {
	if b.Bucket == "" {
		return nil
	}
	_, err := b.closes().source(t, t.Known.Relation, b.Bucket)
	return err
}

// ofBucket adds to a result what is known of the rows of the bucket.
func (b *TimeBucket) ofBucket(t Target, kind string, r sentinel.Result, a Answers) sentinel.Result {
	if b.Bucket != "" {
		from, to := b.closes().closed(t)
		if !t.Known.Server.covers(from, to, t.Known.Catalog.AsOf) {
			r = incomplete(r, b.closes().label(t, from), "")
		}
	}
	note, err := t.inGaps(askRows, b.closes().window(t, t.Known.Relation), a)
	if err != nil {
		return errorResult(kind, err)
	}
	return noted(r, note)
}
