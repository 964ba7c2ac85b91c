package repair

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// Lock is a session that excludes every other agent from the same repair, on an engine
// whose DDL cannot share a transaction with the fence.
func (w *Writer) Lock(ctx context.Context, r *Run) (conn *sql.Conn, unlock func(), err error) {
	committer, ok := w.Dialect.(warehouse.AutoCommitter)
	if !ok {
		return nil, nil, errors.New("this engine has no named locks")
	}
	take, release := committer.NamedLock()
	if conn, err = w.DB.Conn(ctx); err != nil {
		return nil, nil, w.WrapError("connecting", err)
	}
	lock := "sentinel/" + fenceKey(r.Repair)
	var got sql.NullInt64
	err = conn.QueryRowContext(ctx, take, lock).Scan(&got)
	if err == nil && got.Int64 != 1 {
		err = &TransientError{Err: errors.New("another repair of this table holds the lock")}
	}
	if err != nil {
		return nil, nil, errors.Join(w.WrapError("locking", err), conn.Close())
	}
	return conn, func() {
		soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		// The lock also ends with the session, whatever becomes of this.
		_, _ = conn.ExecContext(soon, release, lock)
		_ = conn.Close()
	}, nil
}

// Sweep drops the staging tables in one schema for whose repairs keep returns false.
// schema is "" on an engine where Sentinel has a schema of its own.
func (w *Writer) Sweep(
	ctx context.Context, schema string, keep func(repairID string) bool,
) (dropped []string, err error) {
	first := w.Dialect.InternalTable(schema, stagePrefix)
	names, err := w.listTables(ctx, schema)
	if err != nil {
		return nil, w.WrapError("listing staging tables", err)
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		rest, ours := strings.CutPrefix(name, first.Name)
		id, _, ok := strings.Cut(rest, "_")
		return !ours || !ok || keep(id)
	})
	for _, name := range names {
		quoted, err := w.Name(warehouse.TableName{Schema: first.Schema, Name: name})
		if err != nil {
			return dropped, err
		}
		if _, err := w.DB.ExecContext(ctx, "DROP TABLE "+quoted); err != nil {
			return dropped, w.WrapError("dropping "+name, err)
		}
		dropped = append(dropped, name)
	}
	return dropped, nil
}

// AutoCommits reports whether the engine's DDL commits by itself.
func (w *Writer) AutoCommits() bool {
	_, ok := w.Dialect.(warehouse.AutoCommitter)
	return ok
}
