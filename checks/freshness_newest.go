package checks

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

const (
	askNewest  = "newest"      // newest row of all
	askRecent  = "newest_part" // newest row of the newest partitions
	askPresent = "newest_past" // newest row that is not in the future
	askControl = "control"
	askPass    = "newest_pass"    // newest row that may be of the second pass of an hour
	askGap     = "newest_skipped" // newest row whose time the clock skipped
	askWall    = " wall"          // added to a key: newest row whose time has no zone
)

// how returns how the check's own keys say that times are read; nil: they do not.
func (f *Freshness) how() *TimeColumn {
	if f.Expression != "" {
		return &TimeColumn{Expression: f.Expression}
	}
	return f.Time
}

// source returns how the times of the table are read, or why they cannot be.
func (f *Freshness) source(t Target) (TimeSource, error) {
	return t.timeSource(t.Known.Relation, f.Column, f.how(), false)
}

// Ask implements Check. For a partitioned table it first asks for the newest partitions.
// If a row there is fresh enough, the table is.
func (f *Freshness) Ask(t Target, a Answers) []Ask {
	if f.Query != "" {
		return []Ask{{Key: askControl, Query: &Query{SQL: f.Query, Epoch: true}}}
	}
	if f.Catalog != "" || t.Known.Relation == nil {
		return nil
	}
	source, err := f.source(t)
	if err != nil {
		return nil
	}
	if len(f.By) > 0 {
		return f.askSegments(t, source, a)
	}
	asks := append(unreadableAsks("", source, f.Where, nil), f.askChange(t, source)...)
	recent, partial := f.recentWindow(t, source)
	if got, asked := f.newest(t, a, askRecent); partial && (!asked || got.Err == nil && f.freshEnough(t, got)) {
		asks = append(asks, f.askNewest(askRecent, source, recent)...)
	} else if !a.asked(askNewest) {
		asks = append(f.askNewest(askNewest, source, Window{}), asks...)
	}
	if got, key := f.answer(t, a); key != "" && got.Err == nil && f.future(got) > 0 {
		limit := got.AsOf.Add(time.Duration(*f.MaxFuture))
		asks = append(asks, f.askNewest(askPresent, source, t.window(source, time.Time{}, limit))...)
	}
	return asks
}

// askNewest asks for the newest row of a window, and whether its date lacks a day or month.
// Values with and without a zone cannot be compared by the engine.
func (f *Freshness) askNewest(key string, s TimeSource, w Window) []Ask {
	newest := func(key string, which Values) Ask {
		return Ask{Key: key, Aggregate: &Aggregate{Func: "max", Time: s, Values: which, Where: f.Where, Window: w}}
	}
	if s.Mixed {
		return []Ask{newest(key, ZonedValues), newest(key+askWall, WallValues)}
	}
	asks := []Ask{newest(key, AllValues)}
	if s.Partial {
		asks = append(asks, newest(key+askPartial, PartialValues))
	}
	return asks
}

// recentWindow returns the window in which a fresh row is most likely. It spans the
// largest allowed age, and at least a day.
func (f *Freshness) recentWindow(t Target, s TimeSource) (Window, bool) {
	rel := t.Known.Relation
	if rel.PartitionBy != "range" || len(rel.PartitionKey) != 1 || s.Silent {
		return Window{}, false
	}
	key := rel.Column(rel.PartitionKey[0])
	if key == nil || key.Type.Family != warehouse.Timestamp && key.Type.Family != warehouse.Date {
		return Window{}, false
	}
	by := TimeSource{Column: key.Name}
	if err := byType(&by, key); err != nil {
		return Window{}, false
	}
	from := t.Tick.Add(-max(24*time.Hour, time.Duration(f.Warn), time.Duration(f.Fail)))
	return t.window(by, from, time.Time{}), true
}

// answer returns the newest row found so far, and the ask it comes from.
func (f *Freshness) answer(t Target, a Answers) (newestRow, string) {
	for _, key := range []string{askPresent, askNewest, askControl, askRecent} {
		if got, ok := f.newest(t, a, key); ok {
			return f.withChange(t, a, got), key
		}
	}
	return newestRow{}, ""
}

// future returns by how much the newest row lies in the future, beyond what is allowed.
func (f *Freshness) future(row newestRow) time.Duration {
	if math.IsInf(row.Number.Float64(), 1) {
		return math.MaxInt64
	}
	if !row.Number.Finite() {
		return 0
	}
	// Sub limits a difference to 292 years, so further arithmetic would be wrong.
	if ahead := seconds(row.Number).Sub(row.AsOf); ahead > time.Duration(*f.MaxFuture) {
		return ahead - time.Duration(*f.MaxFuture)
	}
	return 0
}

func (f *Freshness) freshEnough(t Target, row newestRow) bool {
	return row.Number.Finite() && f.future(row) == 0 && len(f.late(t, seconds(row.Number), row.AsOf)) == 0
}

// evidence returns the row to judge, with its source.
func (f *Freshness) evidence(t Target, a Answers) (newestRow, error) {
	if f.Catalog != "" {
		if err := t.Known.Relation.Unread(warehouse.Changes); err != nil {
			return newestRow{}, err
		}
		at := t.Known.Relation.Modified
		if at.IsZero() {
			return newestRow{}, errors.New("the engine records no time of the last change for this table: " +
				"use a column instead of `catalog: only`")
		}
		return newestRow{Answer: Answer{Number: unixSeconds(at), AsOf: t.Known.Catalog.AsOf,
			Evidence: sentinel.Evidence{Source: "catalog", Confidence: sentinel.Estimated,
				Note: "time of the last change as the engine keeps it"}}}, nil
	}
	var source TimeSource
	if f.Query == "" {
		var err error
		source, err = f.source(t)
		if err == nil {
			_, key := f.answer(t, a)
			err = cmp.Or(unreadableError("", source, a), partialError(askNewest, source, a), partialError(key, source, a))
		}
		if err != nil {
			return newestRow{}, err
		}
	}
	got, key := f.answer(t, a)
	if key == "" {
		return got, errors.New("no statement was sent to the database")
	}
	if key == askRecent {
		got.Evidence.Confidence, got.Evidence.Note = sentinel.Bounded, "read in the newest partitions"
	}
	return got, source.explain(got.Err)
}

// aheadOf returns the row that first showed a timestamp too far ahead.
func (f *Freshness) aheadOf(t Target, a Answers) (newestRow, time.Duration) {
	for _, key := range []string{askNewest, askRecent, askControl} {
		if got, ok := f.newest(t, a, key); ok && got.Err == nil {
			if ahead := f.future(got); ahead > 0 {
				return got, ahead
			}
		}
	}
	return newestRow{}, 0
}

func (f *Freshness) futureMessage(t Target, row newestRow) string {
	if !row.Number.Finite() {
		if source, err := f.source(t); err == nil && source.Unit != "" {
			return "a row's timestamp is beyond the year 9999: is `unit: " + source.Unit + "` right?"
		}
		return "a row's timestamp is infinity"
	}
	at := seconds(row.Number)
	return fmt.Sprintf("a row's timestamp is %s ahead of the database's clock (%s)", humanDuration(at.Sub(row.AsOf)),
		clockText(at, t.Location))
}
