package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Points returns the newest limit points of a series since a time, oldest
// first. Bad is what the latest label over a point says. Absent values are left
// out. Integers beyond 2^53 are rounded to the nearest float here alone.
func (s *Store) Points(ctx context.Context, check, metric, segment string, since time.Time, limit int) (points []sentinel.Point, err error) {
	read := s.pointsOfFile
	if s.onPostgres() {
		read = s.pointsOfPostgres
	}
	if points, err = read(ctx, Series{check, metric, segment}, micros(since), limit); err != nil {
		return nil, err
	}
	slices.Reverse(points)
	return points, s.label(ctx, check, segment, points)
}

// pointsOfPostgres reads the newest points, newest first.
func (s *Store) pointsOfPostgres(ctx context.Context, of Series, since int64, limit int) (points []sentinel.Point, err error) {
	err = s.each(ctx, `SELECT at, value FROM observation WHERE series = (SELECT id FROM series WHERE check_id = ?1 AND metric = ?2 AND segment = ?3) AND at >= ?4 AND value IS NOT NULL ORDER BY at DESC LIMIT ?5`,
		[]any{of.Check, of.Metric, of.Segment, since, limit}, func(scan func(...any) error) error {
			var at int64
			var p sentinel.Point
			err := scan(&at, &p.Value)
			p.Time = fromMicros(at)
			points = append(points, p)
			return err
		})
	return points, err
}

var errEnough = errors.New("enough was read")

// pointsOfFile reads the newest points, newest first: what is recent before what
// is in blocks, since a fold meanwhile takes it from one to the other.
func (s *Store) pointsOfFile(ctx context.Context, of Series, since int64, limit int) (points []sentinel.Point, err error) {
	var id int64
	var recent []sample
	err = s.often(ctx, `SELECT s.id, coalesce(r.at, 0), coalesce(r.points, '[]') FROM series s LEFT JOIN recent r ON r.low <= s.id AND r.high >= s.id WHERE s.check_id = ? AND s.metric = ? AND s.segment = ? ORDER BY r.id`,
		[]any{of.Check, of.Metric, of.Segment}, func(scan func(...any) error) error {
			var at int64
			var text string
			if err := scan(&id, &at, &text); err != nil {
				return err
			}
			var err error
			recent, err = recentOf(recent, text, at, id)
			return err
		})
	if err != nil || id == 0 {
		return nil, err
	}
	recent = inOrder(recent)
	// add adds a sample unless there are enough, and first the recent ones that are
	// not older: of two of one instant the recent one stays.
	add := func(v sample) {
		if v.at >= since && !v.value.Absent() && len(points) < limit {
			points = append(points, sentinel.Point{Time: fromMicros(v.at), Value: v.value.Float64()})
		}
	}
	upTo := func(at int64) (same bool) {
		for len(recent) > 0 && recent[len(recent)-1].at >= at {
			v := recent[len(recent)-1]
			recent = recent[:len(recent)-1]
			add(v)
			same = same || v.at == at
		}
		return same
	}
	err = s.often(ctx, `SELECT first, points FROM block WHERE series = ? AND last >= ? ORDER BY first DESC`, []any{id, since}, func(scan func(...any) error) error {
		var first int64
		var text string
		if err := scan(&first, &text); err != nil {
			return err
		}
		block, err := samplesOf(text, first)
		if err != nil {
			return fmt.Errorf("a block of series %d: %w", id, err)
		}
		for _, v := range slices.Backward(block) {
			if !upTo(v.at) {
				add(v)
			}
			if len(points) == limit || v.at < since {
				return errEnough
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	upTo(since)
	return points, nil
}

// label marks the points that the latest label over them excludes.
func (s *Store) label(ctx context.Context, check, segment string, points []sentinel.Point) error {
	if len(points) == 0 {
		return nil
	}
	open := make([]bool, len(points)) // no later label is over it
	for i := range open {
		open[i] = true
	}
	return s.each(ctx, `SELECT from_at, to_at, exclude FROM label WHERE check_id = ? AND segment = ? ORDER BY id DESC`, []any{check, segment}, func(scan func(...any) error) error {
		var from, to int64
		var exclude bool
		if err := scan(&from, &to, &exclude); err != nil {
			return err
		}
		for i := range points {
			if at := micros(points[i].Time); open[i] && from <= at && at <= to {
				points[i].Bad, open[i] = exclude, false
			}
		}
		return nil
	})
}
