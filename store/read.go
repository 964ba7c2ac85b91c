package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	sentinel "github.com/sentinel-dq/sentinel"
)

// LastTicks returns the newest recorded tick of every schedule and dataset.
func (s *Store) LastTicks(ctx context.Context) (map[TickKey]time.Time, error) {
	last := map[TickKey]time.Time{}
	err := s.each(ctx, `SELECT schedule, dataset, max(tick) FROM tick GROUP BY schedule, dataset`, nil, func(scan func(...any) error) error {
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

// each calls do for every row of a query.
func (s *Store) each(ctx context.Context, query string, args []any, do func(scan func(...any) error) error) error {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("reading: %w", describe(s.path, err))
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows.Scan); err != nil {
			return fmt.Errorf("reading: %w", describe(s.path, err))
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading: %w", describe(s.path, err))
	}
	return nil
}

// Points returns the newest limit points of a series since a time, oldest
// first; points labelled as bad carry Bad. Absent values are left out.
func (s *Store) Points(ctx context.Context, check, metric, segment string, since time.Time, limit int) ([]sentinel.Point, error) {
	if since.IsZero() {
		since = time.Unix(0, 0)
	}
	var points []sentinel.Point
	err := s.each(ctx, `SELECT o.at, o.value, EXISTS (SELECT 1 FROM label l WHERE l.check_id = s.check_id AND l.segment = s.segment AND l.exclude = 1 AND o.at BETWEEN l.from_at AND l.to_at)
FROM series s JOIN observation o ON o.series = s.id WHERE s.check_id = ? AND s.metric = ? AND s.segment = ? AND o.at >= ? AND o.value IS NOT NULL ORDER BY o.at DESC LIMIT ?`,
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
	for i, j := 0, len(points)-1; i < j; i, j = i+1, j-1 {
		points[i], points[j] = points[j], points[i]
	}
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

// LastResults returns the last result of every check in the filter, by dataset
// and check.
func (s *Store) LastResults(ctx context.Context, f Filter) ([]sentinel.Result, error) {
	dataset := ""
	if f.Table != (sentinel.Table{}) {
		dataset = f.Table.String()
	}
	var out []sentinel.Result
	err := s.each(ctx, `SELECT body FROM last_result WHERE (?1 = '' OR dataset = ?1) AND (?2 = '' OR check_id = ?2) ORDER BY dataset, check_id`,
		[]any{dataset, f.Check}, func(scan func(...any) error) error {
			var r sentinel.Result
			if err := scanJSON(scan, &r); err != nil {
				return err
			}
			out = append(out, r)
			return nil
		})
	return out, err
}

func scanJSON(scan func(...any) error, v any) error {
	var body []byte
	if err := scan(&body); err != nil {
		return err
	}
	return json.Unmarshal(body, v)
}

// Run is one past run of a check.
type Run struct {
	Check    string
	Tick     time.Time
	Status   sentinel.Status
	Duration time.Duration
	Message  string
}

// Runs returns the newest limit runs of a check, newest first.
func (s *Store) Runs(ctx context.Context, check string, since time.Time, limit int) ([]Run, error) {
	var out []Run
	err := s.each(ctx, `SELECT check_id, tick, status, duration, message FROM result WHERE check_id = ? AND tick >= ? ORDER BY tick DESC LIMIT ?`,
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

// Baseline returns the accepted schema of a check; ok is false when there is none.
func (s *Store) Baseline(ctx context.Context, check string) (snapshot Snapshot, ok bool, err error) {
	var taken int64
	row := s.db.QueryRowContext(ctx, `SELECT taken_at, accepted_by, why, data FROM baseline WHERE check_id = ? ORDER BY id DESC LIMIT 1`, check)
	err = row.Scan(&taken, &snapshot.AcceptedBy, &snapshot.Why, &snapshot.Data)
	if errors.Is(err, sql.ErrNoRows) {
		return Snapshot{}, false, nil
	}
	if err != nil {
		return Snapshot{}, false, fmt.Errorf("reading the baseline of %s: %w", check, describe(s.path, err))
	}
	snapshot.TakenAt = fromMicros(taken)
	return snapshot, true, nil
}

// AcceptBaseline makes snapshot the reference of a check; earlier ones are kept.
func (s *Store) AcceptBaseline(ctx context.Context, check string, v Snapshot) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO baseline (check_id, taken_at, accepted_by, why, data) VALUES (?, ?, ?, ?, ?)`,
		check, micros(v.TakenAt), v.AcceptedBy, v.Why, v.Data)
	if err != nil {
		return fmt.Errorf("accepting the baseline of %s: %w", check, describe(s.path, err))
	}
	return nil
}

// IncidentFilter narrows incidents.
type IncidentFilter struct {
	Check    string
	Resolved bool // also the resolved ones
	Limit    int  // newest at most; 0: 1000
}

// Incidents returns incidents, newest first.
func (s *Store) Incidents(ctx context.Context, f IncidentFilter) ([]sentinel.Incident, error) {
	if f.Limit <= 0 {
		f.Limit = 1000
	}
	return s.incidents(ctx, `SELECT body FROM incident WHERE (?1 = '' OR check_id = ?1) AND (?2 OR resolved IS NULL) ORDER BY opened DESC, id LIMIT ?3`, f.Check, f.Resolved, f.Limit)
}

// OpenIncidents returns all unresolved incidents, oldest first.
func (s *Store) OpenIncidents(ctx context.Context) ([]sentinel.Incident, error) {
	return s.incidents(ctx, `SELECT body FROM incident WHERE resolved IS NULL ORDER BY opened, id`)
}

func (s *Store) incidents(ctx context.Context, query string, args ...any) ([]sentinel.Incident, error) {
	var out []sentinel.Incident
	err := s.each(ctx, query, args, func(scan func(...any) error) error {
		var i sentinel.Incident
		if err := scanJSON(scan, &i); err != nil {
			return err
		}
		out = append(out, i)
		return nil
	})
	return out, err
}

// States returns all states of a kind.
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

// Label is what people say about a stretch of a series.
type Label struct {
	Check, Segment string
	From, To       time.Time // both inclusive
	Exclude        bool      // the points are no part of what is normal
	Why, Who       string
}

// Label keeps a label.
func (s *Store) Label(ctx context.Context, l Label) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO label (check_id, segment, from_at, to_at, exclude, why, who) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		l.Check, l.Segment, micros(l.From), micros(l.To), l.Exclude, l.Why, l.Who)
	if err != nil {
		return fmt.Errorf("labelling %s: %w", l.Check, describe(s.path, err))
	}
	return nil
}

// Prune forgets ticks, runs, observations and resolved incidents older than the
// retention, and returns how many rows that were. The last result of a check,
// the last tick of a schedule, baselines and labels stay.
func (s *Store) Prune(ctx context.Context, now time.Time, retention time.Duration) (removed int64, err error) {
	before := micros(now.Add(-retention))
	err = s.write(ctx, func(tx *sql.Tx) error {
		for _, q := range []string{
			`DELETE FROM tick AS t WHERE tick < ? AND tick < (SELECT max(tick) FROM tick m WHERE m.schedule = t.schedule AND m.dataset = t.dataset)`,
			`DELETE FROM result WHERE tick < ?`,
			`DELETE FROM observation WHERE at < ?`,
			`DELETE FROM incident WHERE resolved < ?`,
		} {
			res, err := tx.ExecContext(ctx, q, before)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			removed += n
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("pruning: %w", describe(s.path, err))
	}
	return removed, nil
}
