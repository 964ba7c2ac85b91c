package store

import (
	"context"
	"slices"
	"time"

	sentinel "github.com/sentinel-dq/sentinel"
)

// LastTicks returns the newest recorded tick of every schedule and dataset,
// run or skipped.
func (s *Store) LastTicks(ctx context.Context) (map[TickKey]time.Time, error) {
	last := map[TickKey]time.Time{}
	err := s.each(ctx, `SELECT schedule, dataset, tick FROM last_tick`, nil, func(scan func(...any) error) error {
		var key TickKey
		var dataset string
		var tick int64
		if err := scan(&key.Schedule, &dataset, &tick); err != nil {
			return err
		}
		var err error
		if key.Table, err = sentinel.ParseTable(dataset); err != nil {
			return err
		}
		last[key] = fromMicros(tick)
		return nil
	})
	return last, err
}

// Ticks returns the newest limit ticks of a dataset, of all its schedules,
// newest first, those that were skipped with the reason. It walks back over the
// ticks of all datasets.
func (s *Store) Ticks(ctx context.Context, table sentinel.Table, limit int) ([]TickRecord, error) {
	var out []TickRecord
	err := s.each(ctx, `SELECT schedule, tick, skipped FROM tick WHERE dataset = ? ORDER BY tick DESC, schedule LIMIT ?`, []any{table.String(), limit}, func(scan func(...any) error) error {
		t := TickRecord{Table: table}
		var tick int64
		if err := scan(&t.Schedule, &tick, &t.Skipped); err != nil {
			return err
		}
		t.Tick = fromMicros(tick)
		out = append(out, t)
		return nil
	})
	return out, err
}

// Points returns the newest limit points of a series since a time, oldest
// first. Bad is what the latest label over a point says. Absent values are left
// out. Integers beyond 2^53 are rounded to the nearest float here alone.
func (s *Store) Points(ctx context.Context, check, metric, segment string, since time.Time, limit int) ([]sentinel.Point, error) {
	var points []sentinel.Point
	err := s.each(ctx, `SELECT at, value, coalesce((SELECT l.exclude FROM label l WHERE l.check_id = ?1 AND l.segment = ?3 AND point.at BETWEEN l.from_at AND l.to_at ORDER BY l.id DESC LIMIT 1), false)
FROM point WHERE series = (SELECT id FROM series WHERE check_id = ?1 AND metric = ?2 AND segment = ?3) AND at >= ?4 AND value IS NOT NULL ORDER BY at DESC LIMIT ?5`,
		[]any{check, metric, segment, micros(since), limit}, func(scan func(...any) error) error {
			var at int64
			var p sentinel.Point
			if err := scan(&at, &p.Value, &p.Bad); err != nil {
				return err
			}
			p.Time = fromMicros(at)
			points = append(points, p)
			return nil
		})
	slices.Reverse(points)
	return points, err
}

// Series is one remembered series of a check.
type Series struct{ Check, Metric, Segment string }

// SeriesOf returns the series of a check, or of all checks when check is "".
func (s *Store) SeriesOf(ctx context.Context, check string) ([]Series, error) {
	var out []Series
	err := s.each(ctx, `SELECT check_id, metric, segment FROM series WHERE ?1 = '' OR check_id = ?1 ORDER BY 1, 2, 3`, []any{check}, func(scan func(...any) error) error {
		var v Series
		err := scan(&v.Check, &v.Metric, &v.Segment)
		out = append(out, v)
		return err
	})
	return out, err
}

// Filter narrows results; a zero field does not.
type Filter struct {
	Table sentinel.Table
	Check string
}

// LastResults returns the last result of every check in the filter, whole, by
// dataset and check. It outlives the retention, and the check's removal from
// the configuration.
func (s *Store) LastResults(ctx context.Context, f Filter) ([]sentinel.Result, error) {
	dataset := ""
	if f.Table != (sentinel.Table{}) {
		dataset = f.Table.String()
	}
	var out []sentinel.Result
	err := s.each(ctx, `SELECT body FROM last_result WHERE (?1 = '' OR dataset = ?1) AND (?2 = '' OR check_id = ?2) ORDER BY check_id`,
		[]any{dataset, f.Check}, func(scan func(...any) error) error {
			var r sentinel.Result
			if err := scanJSON(scan, &r); err != nil {
				return err
			}
			out = append(out, r)
			return nil
		})
	slices.SortStableFunc(out, func(a, b sentinel.Result) int { return a.Table.Compare(b.Table) })
	return out, err
}

// Run is one past run of a check.
type Run struct {
	Check    string
	Tick     time.Time
	Status   sentinel.Status
	Duration time.Duration
	Message  string
}

// Runs returns the newest limit runs of a check since a tick, newest first. It
// walks back over the runs of all checks: a check that runs rarely takes longer.
func (s *Store) Runs(ctx context.Context, check string, since time.Time, limit int) ([]Run, error) {
	var out []Run
	// Runs are in the order of time: the walk back begins at the check's last one.
	err := s.each(ctx, `SELECT check_id, tick, status, duration, message FROM result WHERE check_id = ?1 AND tick BETWEEN ?2 AND (SELECT tick FROM last_result WHERE check_id = ?1) ORDER BY tick DESC LIMIT ?3`,
		[]any{check, micros(since), limit}, func(scan func(...any) error) error {
			var r Run
			var tick, micros int64
			if err := scan(&r.Check, &tick, &r.Status, &micros, &r.Message); err != nil {
				return err
			}
			r.Tick, r.Duration = fromMicros(tick), time.Duration(micros)*time.Microsecond
			out = append(out, r)
			return nil
		})
	return out, err
}

// State returns one state; ok is false when there is none.
func (s *Store) State(ctx context.Context, kind, key string) (data []byte, ok bool, err error) {
	err = s.each(ctx, `SELECT data FROM state WHERE kind = ? AND key = ?`, []any{kind, key}, func(scan func(...any) error) error {
		ok = true
		return scan(&data)
	})
	return data, ok, err
}

// States returns all states of a kind, by key.
func (s *Store) States(ctx context.Context, kind string) ([]State, error) {
	var out []State
	err := s.each(ctx, `SELECT key, data FROM state WHERE kind = ? ORDER BY key`, []any{kind}, func(scan func(...any) error) error {
		st := State{Kind: kind}
		err := scan(&st.Key, &st.Data)
		out = append(out, st)
		return err
	})
	return out, err
}
