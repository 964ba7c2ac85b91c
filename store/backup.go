package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/sentinel-dq/sentinel/store/internal/engine"
	"github.com/sentinel-dq/sentinel/store/internal/format"
)

// stateTable is one table of a state. Both engines have the same.
type stateTable struct {
	name     string
	columns  string
	identity string // the column that numbers itself; "" for none
}

// stateTables are all tables, those first that others refer to.
var stateTables = []stateTable{
	{"name", "id, name, used", "id"},
	{"tick", "id, tick, schedule, low, high, n, checks, body", "id"},
	{"last_tick", "schedule, dataset, tick, ran, results", ""},
	{"series", "id, check_id, metric, segment", "id"},
	{"block", "series, first, last, n, points", ""},
	{"recent", "id, low, high, n, points", "id"},
	{"baseline", "id, check_id, taken_at, accepted_by, why, data, digest", "id"},
	{"incident", "id, dataset, opened, resolved, body", ""},
	{"label", "id, check_id, segment, from_at, to_at, exclude, why, who, set_at, incident", "id"},
	{"state", "kind, key, data", ""},
	{"repair", "id, key, check_id, state, final, version, fence, holder, lease, created, body", ""},
	{"audit", "seq, at, actor, what, subject, detail, hash", ""},
	{"audit_anchor", "seq, hash", ""},
	{"breaker", "name, version, body", ""},
	{"outbox", `seq, key, channel, incident, upstream, kind, grp, state, bundle, thread, ref,
next_at, attempts, created, finished, last_error, body`, "seq"},
}

// Backup writes a consistent copy of the state to path, a SQLite file, also while an
// agent writes. The file must not exist, and only its owner can read it. It is a state:
// [Open] it, or move it to the place of a lost one.
func (s *Store) Backup(ctx context.Context, path string) error {
	return s.engine.Backup(ctx, path, s.export)
}

// export copies a state into a new SQLite file as one snapshot, also while an agent
// writes.
func (s *Store) export(ctx context.Context, path string) (err error) {
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("backing up state %s: %s: %w", s.engine.Name(), path, os.ErrExist)
	}
	file, err := Open(ctx, "sqlite:"+path)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, file.Close(), os.Remove(path+".lock")); err != nil {
			err = fmt.Errorf("backing up state %s to %s: %w", s.engine.Name(), path, err)
			err = errors.Join(err, os.Remove(path))
		}
	}()
	return s.snapshot(ctx, func(from *sql.Tx) error {
		return file.writeDurably(ctx, func(ctx context.Context, to *txn) error { return copyAll(ctx, from, to) })
	})
}

// snapshot runs do in a transaction that reads the state as it is at one instant.
func (s *Store) snapshot(ctx context.Context, do func(*sql.Tx) error) (err error) {
	tx, err := s.engine.Snapshot(ctx)
	if err != nil {
		return s.describe(err)
	}
	defer func() {
		if end := tx.Rollback(); !errors.Is(end, sql.ErrTxDone) {
			err = errors.Join(err, end)
		}
	}()
	return do(tx)
}

// Import fills an empty state from a back-up, a SQLite file: after a loss, or to move
// from one engine to the other. Nothing may be recorded in the state yet.
func (s *Store) Import(ctx context.Context, path string) (err error) {
	backup, err := OpenReader(ctx, "sqlite:"+path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, backup.Close()) }()
	err = backup.snapshot(ctx, func(from *sql.Tx) error {
		return s.writeDurably(ctx, func(ctx context.Context, to *txn) error { return s.fill(ctx, from, to) })
	})
	if err != nil {
		return fmt.Errorf("restoring %s into state %s: %w", path, s.engine.Name(), err)
	}
	return nil
}

func (s *Store) fill(ctx context.Context, from *sql.Tx, to *txn) error {
	const query = `
SELECT EXISTS (SELECT 1 FROM tick) OR EXISTS (SELECT 1 FROM last_tick) OR EXISTS (SELECT 1 FROM audit)`
	used := false
	if err := to.QueryRowContext(ctx, query).Scan(&used); err != nil {
		return err
	}
	if used {
		return errors.New("it already has a state: name an empty database")
	}
	if err := copyAll(ctx, from, to); err != nil {
		return err
	}
	*to.memory = *newMemory()
	identities := map[string]string{}
	for _, t := range stateTables {
		if t.identity != "" {
			identities[t.name] = t.identity
		}
	}
	return s.engine.AfterCopy(ctx, to.Tx, identities)
}

func copyAll(ctx context.Context, from *sql.Tx, to *txn) error {
	for _, t := range stateTables {
		if err := copyTable(ctx, from, to, t); err != nil {
			return fmt.Errorf("copying %s: %w", t.name, err)
		}
	}
	return nil
}

func copyTable(ctx context.Context, from *sql.Tx, to *txn, t stateTable) error {
	columns := strings.Fields(strings.ReplaceAll(t.columns, ",", " "))
	insert := statement{
		head:  "INSERT INTO " + t.name + " (" + t.columns + ") VALUES ",
		row:   "(" + placeholders(len(columns)) + ")",
		width: len(columns),
	}
	return engine.Each(ctx, from, "SELECT "+t.columns+" FROM "+t.name, nil, func(scan func(...any) error) error {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		flags := make([]bool, len(columns))
		for i, c := range columns {
			into[i] = &values[i]
			if c == "exclude" || c == "final" { // integers in SQLite
				into[i] = &flags[i]
			}
		}
		if err := scan(into...); err != nil {
			return err
		}
		for i := range columns {
			if into[i] == &flags[i] {
				values[i] = flags[i]
			}
			if b, ok := values[i].([]byte); ok && b == nil { // empty, and not NULL
				values[i] = []byte{}
			}
		}
		return to.exec(ctx, insert, values)
	})
}

// Verify reads the whole state and reports the first damage it finds
// ([ErrDamaged]).
func (s *Store) Verify(ctx context.Context) error {
	if err := s.engine.Verify(ctx); err != nil {
		return err
	}
	for _, t := range stateTables {
		err := s.each(ctx, "SELECT "+t.columns+" FROM "+t.name, nil, func(func(...any) error) error { return nil })
		if err != nil {
			return fmt.Errorf("reading %s: %w", t.name, err)
		}
	}
	for _, verify := range []func(context.Context) error{s.verifyValues, s.verifyTicks} {
		if err := verify(ctx); err != nil {
			if errors.Is(err, ErrDamaged) {
				err = fmt.Errorf("%w: restore a backup", err)
			}
			return err
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

// verifyValues decodes all observations.
func (s *Store) verifyValues(ctx context.Context) error {
	err := s.each(ctx, `SELECT points FROM block`, nil, func(scan func(...any) error) error {
		var points []byte
		if err := scan(&points); err != nil {
			return err
		}
		_, err := format.DecodeBlock(points)
		return err
	})
	if err != nil {
		return err
	}
	return s.each(ctx, `SELECT points FROM recent`, nil, func(scan func(...any) error) error {
		var points []byte
		if err := scan(&points); err != nil {
			return err
		}
		return format.EachInBundle(points, func(format.Observed) {})
	})
}

// verifyTicks decodes all ticks, and checks that what they refer to has a name. An agent may prune
// both meanwhile, so it reads them as they are at one instant.
func (s *Store) verifyTicks(ctx context.Context) error {
	nameless := map[int64]bool{}
	err := s.snapshot(ctx, func(tx *sql.Tx) error {
		err := engine.Each(ctx, tx, `SELECT schedule, body FROM tick`, nil, func(scan func(...any) error) error {
			var schedule int64
			var body []byte
			if err := scan(&schedule, &body); err != nil {
				return err
			}
			nameless[schedule] = true
			ticks, err := format.DecodeTicks(body)
			for _, t := range ticks {
				nameless[t.Dataset] = true
				for _, r := range t.Runs {
					nameless[r.Check] = true
				}
			}
			return err
		})
		if err != nil {
			return err
		}
		return engine.Each(ctx, tx, `SELECT id FROM name`, nil, func(scan func(...any) error) error {
			var id int64
			err := scan(&id)
			delete(nameless, id)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("reading ticks: %w", s.describe(err))
	}
	if len(nameless) > 0 {
		return fmt.Errorf("%w: %d datasets, checks or schedules of ticks have no name", ErrDamaged, len(nameless))
	}
	return nil
}
