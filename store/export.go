package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel"
)

// observation is the table of values in PostgreSQL: SQLite has block and recent.
const observation = "observation"

// copied are the tables of a state with their columns, in an order in which what
// is referred to comes first. Both engines have the same but for observations.
var copied = []struct {
	table, columns string
	identity       string // the column that numbers itself, if one does
}{
	{table: "tick", columns: "tick, schedule, dataset, skipped, checks, runs"},
	{table: "last_tick", columns: "schedule, dataset, tick, ran, results"},
	{table: "series", columns: "id, check_id, metric, segment", identity: "id"},
	{table: observation, columns: "series, at, value"},
	{table: "baseline", columns: "id, check_id, taken_at, accepted_by, why, data, digest", identity: "id"},
	{table: "incident", columns: "id, check_id, finding, opened, resolved, body"},
	{table: "label", columns: "id, check_id, segment, from_at, to_at, exclude, why, who", identity: "id"},
	{table: "state", columns: "kind, key, data"},
	{table: "repair", columns: "id, key, check_id, state, final, version, fence, holder, lease, created, body"},
	{table: "audit", columns: "seq, at, actor, what, subject, detail, hash"},
	{table: "breaker", columns: "name, version, body"},
	{table: "outbox", columns: "seq, key, channel, incident, upstream, kind, grp, state, bundle, thread, ref, next_at, attempts, created, finished, last_error, body", identity: "seq"},
}

// export writes a consistent copy of a state in PostgreSQL to a SQLite file: one
// snapshot, also while an agent writes.
func (s *Store) export(ctx context.Context, path string) (err error) {
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("backing up state %s: %s is there already", s.path, path)
	}
	file, err := Open(ctx, "sqlite:"+path)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, file.Close(), os.Remove(path+".lock")); err != nil {
			err = errors.Join(fmt.Errorf("backing up state %s to %s: %w", s.path, path, err), os.Remove(path))
		}
	}()
	from, err := s.reads.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Rollback()) }()
	return file.write(ctx, func(to *sql.Tx) error { return file.copyAll(ctx, from, to, observationsOfPostgres) })
}

// Import fills a state that nothing was recorded in yet from a back-up, a SQLite
// file: after a loss, or to move from one engine to the other.
func (s *Store) Import(ctx context.Context, path string) (err error) {
	backup, err := OpenReader(ctx, "sqlite:"+path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, backup.Close()) }()
	from, err := backup.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Rollback()) }()
	err = s.write(ctx, func(to *sql.Tx) error {
		used := false
		if err := to.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM tick) OR EXISTS (SELECT 1 FROM last_tick) OR EXISTS (SELECT 1 FROM audit)").Scan(&used); err != nil {
			return err
		}
		if used {
			return errors.New("it holds a state already: name an empty database")
		}
		if err := s.copyAll(ctx, from, to, observationsOfFile); err != nil || !s.onPostgres() {
			return err
		}
		for _, t := range copied {
			if t.identity == "" {
				continue
			}
			if _, err := to.ExecContext(ctx, fmt.Sprintf("SELECT setval(pg_get_serial_sequence('%s', '%s'), (SELECT coalesce(max(%s), 0) + 1 FROM %s), false)", t.table, t.identity, t.identity, t.table)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("restoring %s into state %s: %w", path, s.path, err)
	}
	return nil
}

// observations reads the values of a state, some of one series at a time. Later
// ones replace those of the same instant.
type observations func(ctx context.Context, from *sql.Tx, do func(series int64, some []sample) error) error

// copyAll fills s, to which the transaction belongs, from another state.
func (s *Store) copyAll(ctx context.Context, from, to *sql.Tx, values observations) (err error) {
	for _, t := range copied {
		if t.table == observation {
			err = s.copyObservations(ctx, from, to, values)
		} else {
			err = copyTable(ctx, from, to, t.table, strings.Split(t.columns, ", "))
		}
		if err != nil {
			return fmt.Errorf("copying %s: %w", t.table, err)
		}
	}
	return nil
}

func (s *Store) copyObservations(ctx context.Context, from, to *sql.Tx, values observations) error {
	w := s.writer(to)
	return values(ctx, from, func(series int64, some []sample) error {
		if !s.onPostgres() {
			w.blocks(ctx, map[int64][]sample{series: some})
			return w.err
		}
		args := make([]any, 0, len(some)*insertObservation.width)
		for _, v := range some {
			args = append(args, series, v.at, sqlValue(v.value))
		}
		w.many(ctx, insertObservation, args, nil)
		return w.err
	})
}

var insertObservation = shape{`INSERT INTO observation (series, at, value) VALUES `, `(?, ?, ?)`, ` ON CONFLICT (series, at) DO UPDATE SET value = excluded.value`, 3, 2}

func observationsOfPostgres(ctx context.Context, from *sql.Tx, do func(int64, []sample) error) error {
	var of int64
	var some []sample
	end := func() (err error) {
		if len(some) > 0 {
			err = do(of, some)
			some = some[:0]
		}
		return err
	}
	err := eachRow(ctx, from, `SELECT series, at, value FROM observation ORDER BY series, at`, func(scan func(...any) error) error {
		var series int64
		var value sql.NullString
		var v sample
		err := scan(&series, &v.at, &value)
		if err == nil {
			v.value, err = numeric(value.String)
		}
		if err == nil && (series != of || len(some) == blockSamples) {
			err = end()
		}
		of, some = series, append(some, v)
		return err
	})
	if err != nil {
		return err
	}
	return end()
}

// numeric reads what PostgreSQL writes of a NUMERIC: of a large float all digits,
// as if it were an integer.
func numeric(text string) (sentinel.Number, error) {
	n, err := sentinel.ParseNumber(text)
	if err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	return sentinel.Float(f), err
}

func observationsOfFile(ctx context.Context, from *sql.Tx, do func(int64, []sample) error) error {
	err := eachRow(ctx, from, `SELECT series, first, points FROM block`, func(scan func(...any) error) error {
		var series, first int64
		var text string
		if err := scan(&series, &first, &text); err != nil {
			return err
		}
		some, err := samplesOf(text, first)
		if err != nil {
			return err
		}
		return do(series, some)
	})
	if err != nil {
		return err
	}
	return eachRow(ctx, from, `SELECT at, points FROM recent ORDER BY id`, func(scan func(...any) error) error {
		var at int64
		var text string
		if err := scan(&at, &text); err != nil {
			return err
		}
		var failed error
		err := eachRecent(text, at, func(series int64, v sample) {
			if failed == nil {
				failed = do(series, []sample{v})
			}
		})
		return errors.Join(err, failed)
	})
}

func eachRow(ctx context.Context, tx *sql.Tx, query string, do func(scan func(...any) error) error) error {
	st, err := tx.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	return errors.Join(eachOf(ctx, st, nil, do), st.Close())
}

func copyTable(ctx context.Context, from, to *sql.Tx, table string, columns []string) (err error) {
	rows, err := from.QueryContext(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+table)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	insert, err := to.PrepareContext(ctx, "INSERT INTO "+table+" ("+strings.Join(columns, ", ")+") VALUES ("+marks(len(columns))+")")
	if err != nil {
		return err
	}
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i, c := range columns {
		switch {
		case c == "exclude" || c == "final":
			into[i] = new(bool)
		default:
			into[i] = &values[i]
		}
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		args := make([]any, len(columns))
		for i := range columns {
			switch v := into[i].(type) {
			case *bool:
				args[i] = *v
			default:
				args[i] = values[i]
			}
		}
		if _, err := insert.ExecContext(ctx, args...); err != nil {
			return err
		}
	}
	return rows.Err()
}

// readAll reads every row of a state in PostgreSQL, whose pages have checksums of
// their own, and decodes what is encoded.
func (s *Store) readAll(ctx context.Context) error {
	for _, t := range copied {
		n := 0
		if err := s.reads.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT "+t.columns+" FROM "+t.table+" OFFSET 0) rows").Scan(&n); err != nil {
			return fmt.Errorf("reading %s: %w", t.table, describe(s.path, err))
		}
	}
	if _, err := s.LastResults(ctx, Filter{}); err != nil {
		return err
	}
	if _, err := s.Incidents(ctx, IncidentFilter{Resolved: true, Limit: 1 << 30}); err != nil {
		return err
	}
	_, err := s.Repairs(ctx, RepairFilter{Limit: 1 << 30})
	return err
}
