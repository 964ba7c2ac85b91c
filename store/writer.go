package store

import (
	"context"
	"database/sql"
	"strings"
)

// shape is a statement, mostly an insert, with one or many rows: head, row
// repeated with commas, tail.
type shape struct {
	head, row, tail string
	width           int // parameters a row
	key             int // the first of them that name the row; 0: rows never clash
}

// latest leaves out rows that a later one of the same name replaces: PostgreSQL
// refuses to write a row twice in one statement, where SQLite writes it twice.
func (sh shape) latest(args []any) []any {
	if sh.key == 0 || len(args) <= sh.width {
		return args
	}
	last := map[[4]any]int{}
	name := func(at int) (n [4]any) {
		copy(n[:], args[at:at+sh.key])
		return n
	}
	for at := 0; at < len(args); at += sh.width {
		last[name(at)] = at
	}
	if len(last)*sh.width == len(args) {
		return args
	}
	var kept []any
	for at := 0; at < len(args); at += sh.width {
		if last[name(at)] == at {
			kept = append(kept, args[at:at+sh.width]...)
		}
	}
	return kept
}

var (
	insertTick = shape{`INSERT INTO tick (schedule, dataset, tick, skipped, checks, runs) VALUES `, `(?, ?, ?, ?, ?, ?)`, ` ON CONFLICT DO NOTHING`, 6, 0}

	// The same, which says what was new.
	insertTickAgain = shape{insertTick.head, insertTick.row, insertTick.tail + ` RETURNING dataset, skipped`, 6, 0}

	insertOnce = shape{insertTick.head, insertTick.row, ` ON CONFLICT (tick, schedule, dataset) DO UPDATE SET checks = excluded.checks, runs = excluded.runs`, 6, 3}

	// The newest tick and the results of the newest run, which may be another.
	insertLast = shape{`INSERT INTO last_tick (schedule, dataset, tick, ran, results) VALUES `, `(?, ?, ?, ?, ?)`,
		` ON CONFLICT (schedule, dataset) DO UPDATE SET tick = CASE WHEN excluded.tick > last_tick.tick THEN excluded.tick ELSE last_tick.tick END,
ran = CASE WHEN excluded.ran >= last_tick.ran THEN excluded.ran ELSE last_tick.ran END, results = CASE WHEN excluded.ran >= last_tick.ran THEN excluded.results ELSE last_tick.results END`, 5, 2}

	insertBaseline = shape{`INSERT INTO baseline (check_id, taken_at, accepted_by, why, data, digest) `, `SELECT ?, ?, ?, ?, ?, ?`, ` WHERE NOT EXISTS (SELECT 1 FROM baseline WHERE check_id = ?)`, 7, 0}

	insertIncident = shape{`INSERT INTO incident (id, check_id, finding, opened, resolved, body) VALUES `, `(?, ?, ?, ?, ?, ?)`,
		` ON CONFLICT (id) DO UPDATE SET resolved = excluded.resolved, body = excluded.body`, 6, 0}

	insertState = shape{`INSERT INTO state (kind, key, data) VALUES `, `(?, ?, ?)`, ` ON CONFLICT (kind, key) DO UPDATE SET data = excluded.data`, 3, 0}
)

// statement is a shape for a number of rows: prepared once a transaction.
type statement struct {
	shape shape
	rows  int
}

func (s statement) sql() string {
	return s.shape.head + s.shape.row + strings.Repeat(", "+s.shape.row, s.rows-1) + s.shape.tail
}

// writer writes within one transaction, which closes its statements, and keeps
// its first error, after which it does nothing.
type writer struct {
	store    *Store
	tx       *sql.Tx
	prepared map[statement]*sql.Stmt
	again    bool // some of the ticks are recorded already
	err      error
}

func (s *Store) writer(tx *sql.Tx) *writer {
	return &writer{store: s, tx: tx, prepared: map[statement]*sql.Stmt{}}
}

// sizes are the numbers of rows an insert is prepared for, largest first: to read a
// long statement costs SQLite more than to run a short one often, and PostgreSQL a
// journey for each.
func (w *writer) sizes() []int {
	if w.store.lead != nil {
		return []int{64, 8, 1}
	}
	return []int{16, 1}
}

// many inserts rows of arguments, and returns how many it wrote. Where fewer were
// written than given, missing is called with their arguments, and they are written
// again.
func (w *writer) many(ctx context.Context, sh shape, args []any, missing func(context.Context, []any)) (written int64) {
	if w.store.lead != nil {
		args = sh.latest(args)
	}
	for _, rows := range w.sizes() {
		for width := rows * sh.width; len(args) >= width && w.err == nil; args = args[width:] {
			part := args[:width]
			n := w.exec(ctx, sh, rows, part)
			if missing != nil && n < int64(rows) {
				missing(ctx, part)
				n = w.exec(ctx, sh, rows, part)
			}
			written += n
		}
	}
	return written
}

// returning runs a statement with rows of arguments, and calls do for each row
// that it returns.
func (w *writer) returning(ctx context.Context, sh shape, args []any, do func(scan func(...any) error) error) {
	for _, rows := range w.sizes() {
		for width := rows * sh.width; len(args) >= width && w.err == nil; args = args[width:] {
			st := w.prepare(ctx, statement{sh, rows})
			if w.err != nil {
				return
			}
			w.err = eachOf(ctx, st, args[:width], do)
		}
	}
}

func eachOf(ctx context.Context, st *sql.Stmt, args []any, do func(scan func(...any) error) error) error {
	found, err := st.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		if err := do(found.Scan); err != nil {
			return err
		}
	}
	return found.Err()
}

// exec runs an insert of some rows and returns how many it wrote.
func (w *writer) exec(ctx context.Context, sh shape, rows int, args []any) (written int64) {
	st := w.prepare(ctx, statement{sh, rows})
	if w.err != nil {
		return 0
	}
	result, err := st.ExecContext(ctx, args...)
	if err != nil {
		w.err = err
		return 0
	}
	written, w.err = result.RowsAffected()
	return written
}

func (w *writer) prepare(ctx context.Context, s statement) *sql.Stmt {
	st := w.prepared[s]
	if st == nil && w.err == nil {
		st, w.err = w.tx.PrepareContext(ctx, s.sql())
		w.prepared[s] = st
	}
	return st
}
