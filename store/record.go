package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	sentinel "github.com/sentinel-dq/sentinel"
)

// TickKey names the ticks of one schedule on one dataset.
type TickKey struct {
	Schedule string
	Table    sentinel.Table
}

// TickRecord says that a tick was run.
type TickRecord struct {
	Schedule string
	Table    sentinel.Table
	Tick     time.Time
}

// Snapshot is an accepted schema, as the checks package encodes it.
type Snapshot struct {
	Data       []byte
	TakenAt    time.Time
	AcceptedBy string
	Why        string
}

// State is what a model or a rule keeps between ticks.
type State struct {
	Kind, Key string
	Data      []byte
}

// Batch is everything one or more ticks bring.
type Batch struct {
	Ticks     []TickRecord
	Results   []sentinel.Result
	Baselines map[string]Snapshot // first snapshots, by check id
	Incidents []sentinel.Incident // as they are now
	States    []State
}

// Record stores a batch in one transaction. What belongs to a dataset whose
// ticks are all recorded already is left out and counted, so that a batch may
// be recorded again after an error whose outcome is not known.
func (s *Store) Record(ctx context.Context, b Batch) (dropped int, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		w := &writer{ctx: ctx, tx: tx, statements: map[string]*sql.Stmt{}}
		known := w.ticks(b.Ticks)
		for _, r := range b.Results {
			if known[r.Table] {
				dropped++
				continue
			}
			w.result(r)
		}
		for id, snapshot := range b.Baselines {
			w.exec(`INSERT INTO baseline (check_id, taken_at, accepted_by, why, data) SELECT ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM baseline WHERE check_id = ?)`,
				id, micros(snapshot.TakenAt), snapshot.AcceptedBy, snapshot.Why, snapshot.Data, id)
		}
		for _, i := range b.Incidents {
			if !known[i.Table] {
				w.incident(i)
			}
		}
		for _, st := range b.States {
			w.exec(`INSERT INTO state (kind, key, data) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET data = excluded.data`, st.Kind, st.Key, st.Data)
		}
		return w.err
	})
	if err != nil {
		return 0, fmt.Errorf("recording: %w", describe(s.path, err))
	}
	return dropped, nil
}

// writer keeps the prepared statements and the first error of a transaction.
type writer struct {
	ctx        context.Context // of the transaction, whose life the writer shares
	tx         *sql.Tx
	statements map[string]*sql.Stmt
	err        error
}

func (w *writer) stmt(query string) *sql.Stmt {
	if st := w.statements[query]; st != nil {
		return st
	}
	st, err := w.tx.PrepareContext(w.ctx, query)
	if err != nil {
		w.err = err
		return nil
	}
	w.statements[query] = st
	return st
}

func (w *writer) exec(query string, args ...any) (affected int64) {
	if w.err != nil {
		return 0
	}
	st := w.stmt(query)
	if w.err != nil {
		return 0
	}
	res, err := st.ExecContext(w.ctx, args...)
	if err != nil {
		w.err = err
		return 0
	}
	affected, w.err = res.RowsAffected()
	return affected
}

// ticks inserts the records and returns the tables that brought nothing new.
func (w *writer) ticks(records []TickRecord) map[sentinel.Table]bool {
	known := map[sentinel.Table]bool{}
	for _, t := range records {
		added := w.exec(`INSERT INTO tick (schedule, dataset, tick) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, t.Schedule, t.Table.String(), micros(t.Tick))
		if old, seen := known[t.Table]; !seen || old {
			known[t.Table] = added == 0
		}
	}
	return known
}

func (w *writer) result(r sentinel.Result) {
	body, err := encodeResult(r)
	if err != nil {
		w.err = err
		return
	}
	w.exec(`INSERT INTO result (check_id, tick, status, duration, message) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET status = excluded.status, duration = excluded.duration, message = excluded.message`,
		r.Check, micros(r.Tick), int(r.Status), r.Duration.Microseconds(), r.Message)
	w.exec(`INSERT INTO last_result (check_id, dataset, tick, body) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET dataset = excluded.dataset, tick = excluded.tick, body = excluded.body WHERE excluded.tick >= tick`,
		r.Check, r.Table.String(), micros(r.Tick), body)
	for _, o := range r.Observations {
		at := o.Bucket
		if at.IsZero() {
			at = r.Tick
		}
		w.exec(`INSERT INTO series (check_id, metric, segment) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, r.Check, o.Metric, o.Segment)
		w.exec(`INSERT INTO observation (series, at, value) SELECT id, ?, ? FROM series WHERE check_id = ? AND metric = ? AND segment = ? ON CONFLICT DO UPDATE SET value = excluded.value`,
			micros(at), sqlValue(o.Value), r.Check, o.Metric, o.Segment)
	}
}

func sqlValue(n sentinel.Number) any {
	if v, ok := n.Int64(); ok {
		return v
	}
	if n.Finite() {
		return n.Float64()
	}
	return nil
}

func (w *writer) incident(i sentinel.Incident) {
	body, err := json.Marshal(i)
	if err != nil {
		w.err = err
		return
	}
	var resolved any
	if i.State == sentinel.Resolved {
		resolved = micros(i.Resolved)
	}
	w.exec(`INSERT INTO incident (id, check_id, finding, opened, resolved, body) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET resolved = excluded.resolved, body = excluded.body`,
		i.ID, i.Check, i.Key, micros(i.Opened), resolved, body)
}

// encodeResult writes the result as JSON. The scores of series that are still
// learning have no expected range, which JSON cannot hold: they are left out.
func encodeResult(r sentinel.Result) ([]byte, error) {
	r.Scores = slices.DeleteFunc(slices.Clone(r.Scores), func(s sentinel.Score) bool { return math.IsNaN(s.Low) || math.IsNaN(s.High) })
	return json.Marshal(r)
}
