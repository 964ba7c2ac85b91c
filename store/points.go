package store

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store/internal/engine"
	"github.com/sentinel-dq/sentinel/store/internal/format"
)

const (
	selectRecent = `
SELECT s.id, r.points FROM series s LEFT JOIN recent r ON r.low <= s.id AND r.high >= s.id
WHERE s.check_id = ? AND s.metric = ? AND s.segment = ?
ORDER BY r.id`
	selectBlocks = `
SELECT first, points FROM block
WHERE series = ? AND first < ? AND last >= ?
ORDER BY first DESC LIMIT ?`
)

// Points returns the newest limit points of a series since a time, oldest first. A
// point's Bad is what the latest label over it says. Points without a value are left
// out. Integers beyond 2^53 are rounded to the nearest float.
func (s *Store) Points(ctx context.Context, of Series, since time.Time, limit int) ([]sentinel.Point, error) {
	return s.pointsBefore(ctx, of, micros(since), math.MaxInt64, limit)
}

// PointsUntil returns the newest limit points of a series since a time and up to another, as
// [Store.Points] does.
func (s *Store) PointsUntil(
	ctx context.Context, of Series, since, until time.Time, limit int,
) (points []sentinel.Point, err error) {
	return s.pointsBefore(ctx, of, micros(since), micros(until)+1, limit)
}

// pointsBefore returns the newest limit points since an instant and before another.
func (s *Store) pointsBefore(
	ctx context.Context, of Series, since, before int64, limit int,
) (points []sentinel.Point, err error) {
	// Read the recent values first: a fold meanwhile moves them to blocks.
	id, recent, err := s.recentOf(ctx, of)
	if err != nil || id == 0 {
		return nil, err
	}
	n := newest{since: since, limit: limit, recent: recent, before: before}
	for !n.done {
		blocks, err := s.blocksBefore(ctx, id, before, since, limit)
		if err != nil {
			return nil, err
		}
		for _, b := range blocks {
			n.addBlock(b.samples)
			before = b.first
		}
		if len(blocks) == 0 {
			n.addRecent(n.since)
			break
		}
	}
	slices.Reverse(n.points)
	return n.points, s.label(ctx, of.Check, of.Segment, n.points)
}

// recentOf reads the id of a series (0 if there is none) and its values in the table
// recent, by time.
func (s *Store) recentOf(ctx context.Context, of Series) (id int64, recent []format.Sample, err error) {
	args := []any{of.Check, of.Metric, of.Segment}
	err = s.eachPrepared(ctx, s.selectRecent, args, func(scan func(...any) error) error {
		var points []byte
		if err := scan(&id, &points); err != nil || points == nil {
			return err
		}
		return format.EachInBundle(points, func(o format.Observed) {
			if o.Series == id {
				recent = append(recent, o.Sample)
			}
		})
	})
	return id, lastOfInstant(recent), err
}

// blocksBefore reads blocks that begin before an instant and end since another, newest
// first. It reads about as many as hold limit samples.
func (s *Store) blocksBefore(ctx context.Context, id, before, since int64, limit int) (blocks []block, err error) {
	n := min(limit/engine.BlockSamples+2, 1000)
	err = s.eachPrepared(ctx, s.selectBlocks, []any{id, before, since, n}, func(scan func(...any) error) error {
		var b block
		var points []byte
		if err := scan(&b.first, &points); err != nil {
			return err
		}
		var err error
		b.samples, err = format.DecodeBlock(points)
		blocks = append(blocks, b)
		return err
	})
	return blocks, err
}

// newest collects the newest points of a series, newest first, from its blocks and its
// recent values. Of two samples of one instant the recent one counts.
type newest struct {
	since  int64
	limit  int
	recent []format.Sample // by time; shrinks at its end
	before int64           // what was gathered last: later samples are there already
	points []sentinel.Point
	done   bool
}

func (n *newest) addBlock(samples []format.Sample) {
	for _, s := range slices.Backward(samples) {
		n.addRecent(s.At)
		n.add(s)
		n.done = n.done || s.At < n.since
	}
}

// addRecent adds the recent samples that are not older than an instant.
func (n *newest) addRecent(at int64) {
	for len(n.recent) > 0 && n.recent[len(n.recent)-1].At >= at {
		n.add(n.recent[len(n.recent)-1])
		n.recent = n.recent[:len(n.recent)-1]
	}
}

func (n *newest) add(s format.Sample) {
	if s.At >= n.before || s.At < n.since || n.done {
		return
	}
	n.before = s.At
	if !s.Value.Absent() {
		n.points = append(n.points, sentinel.Point{Time: fromMicros(s.At), Value: s.Value.Float64()})
	}
	n.done = len(n.points) >= n.limit
}

// label marks the points that the latest label over them excludes.
func (s *Store) label(ctx context.Context, check, segment string, points []sentinel.Point) error {
	if len(points) == 0 {
		return nil
	}
	const query = `
SELECT from_at, to_at, exclude FROM label
WHERE check_id = ? AND segment = ? ORDER BY id DESC`
	labelled := make([]bool, len(points)) // by a later label
	return s.each(ctx, query, []any{check, segment}, func(scan func(...any) error) error {
		var from, to int64
		var exclude bool
		if err := scan(&from, &to, &exclude); err != nil {
			return err
		}
		for i := range points {
			if at := micros(points[i].Time); !labelled[i] && from <= at && at <= to {
				points[i].Bad = exclude
				labelled[i] = true
			}
		}
		return nil
	})
}
