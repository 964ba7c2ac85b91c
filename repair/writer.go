package repair

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Writer holds the sessions of one warehouse's repair_dsn. It keeps two small tables in
// the target: a fence, which refuses an agent with an older lease, and a ledger of the
// steps that were applied. Both change in the transaction that changes the data. So two
// agents, or a second attempt after a lost reply, never apply a step twice. A Writer is
// safe for concurrent use.
type Writer struct {
	DB      *sql.DB
	Dialect warehouse.WriteDialect

	reading     warehouse.Config // of Reader
	classify    func(error) error
	lockTimeout time.Duration
	limit       time.Duration // of one statement; 0: that of the sessions

	mu       sync.Mutex
	prepared map[string]chan bool // by schema; see turnOf
}

// OpenWriter prepares the sessions of cfg.RepairDSN. The server need not be up.
func OpenWriter(cfg warehouse.Config) (*Writer, error) {
	db, dialect, class, err := warehouse.OpenForWriting(cfg)
	if err != nil {
		return nil, fmt.Errorf("warehouse %s: %w", cfg.Name, err)
	}
	lock := cfg.LockTimeout
	if lock <= 0 {
		lock = time.Second
	}
	reading := cfg
	reading.Dialect, reading.DSN, reading.RepairDSN = dialect.Name(), cfg.RepairDSN, sentinel.Secret{}
	reading.StandbyDSN, reading.ChangeCounters, reading.Observer = nil, false, nil
	return &Writer{DB: db, Dialect: dialect, reading: reading, classify: class, lockTimeout: lock,
		limit: cfg.RepairTimeout, prepared: map[string]chan bool{}}, nil
}

// Reader opens read-only sessions of the repair_dsn, which can read what was staged. The
// caller closes them.
func (w *Writer) Reader() (*warehouse.DB, error) { return warehouse.Open(w.reading) }

// Close closes the sessions.
func (w *Writer) Close() error { return w.DB.Close() }

// Param spells the n-th bound parameter.
func (w *Writer) Param(n int) string { return w.Dialect.Param(n) }

// Name quotes a table's name.
func (w *Writer) Name(t warehouse.TableName) (string, error) {
	return warehouse.QuoteTable(w.Dialect, t)
}

// ownTable is the quoted name of a table of Sentinel's.
func (w *Writer) ownTable(schema, name string) string {
	t := w.Dialect.InternalTable(schema, name)
	quoted, err := w.Name(t)
	if err != nil { // the schema is the target's, which was quoted before
		return t.Name
	}
	return quoted
}

// stagePrefix begins the names of staging tables, before the repair's id.
const stagePrefix = "stage_"

// Staging names a table that belongs to one repair.
func (w *Writer) Staging(r sentinel.Repair, suffix string) warehouse.TableName {
	return w.Dialect.InternalTable(r.Table.Schema, stagePrefix+r.ID+"_"+suffix)
}

// Prepare creates the fence and the ledger of a schema if they are missing. One caller
// at a time does so for a schema. The others wait until ctx ends.
func (w *Writer) Prepare(ctx context.Context, schema string) error {
	turn := w.turnOf(schema)
	select {
	case <-ctx.Done():
		return w.WrapError("waiting for fence and ledger", ctx.Err())
	case ready := <-turn:
		var err error
		if !ready {
			err = w.createTables(ctx, schema)
		}
		turn <- ready || err == nil
		return err
	}
}

// turnOf returns a channel that holds one value between calls of Prepare for a schema:
// whether its fence and ledger exist.
func (w *Writer) turnOf(schema string) chan bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	turn, known := w.prepared[schema]
	if !known {
		turn = make(chan bool, 1)
		turn <- false
		w.prepared[schema] = turn
	}
	return turn
}

func (w *Writer) createTables(ctx context.Context, schema string) error {
	statements := w.Dialect.CreateInternalTables(w.ownTable(schema, "fence"), w.ownTable(schema, "ledger"))
	for _, s := range statements {
		if exist, err := w.ownTablesExist(ctx, schema); exist || err != nil {
			return w.WrapError("reading fence and ledger", err)
		}
		if _, err := w.DB.ExecContext(ctx, s); err != nil {
			return w.WrapError("creating fence and ledger", err)
		}
	}
	return nil
}

// ownTablesExist reports whether both tables exist, so that a user without CREATE can
// use those that an administrator made.
func (w *Writer) ownTablesExist(ctx context.Context, schema string) (bool, error) {
	names, err := w.listTables(ctx, schema)
	if err != nil {
		return false, err
	}
	fence, ledger := w.Dialect.InternalTable(schema, "fence"), w.Dialect.InternalTable(schema, "ledger")
	return slices.Contains(names, fence.Name) && slices.Contains(names, ledger.Name), nil
}

// listTables are the names of the tables beside Sentinel's own.
func (w *Writer) listTables(ctx context.Context, schema string) (names []string, err error) {
	st := w.Dialect.ListTables(w.Dialect.InternalTable(schema, "").Schema)
	rows, err := w.DB.QueryContext(ctx, st.SQL, st.Args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// WrapError wraps an error of the engine. An error that may pass becomes a
// TransientError.
func (w *Writer) WrapError(doing string, err error) error {
	if err == nil {
		return nil
	}
	for _, known := range []any{new(*RefusedError), new(*ChangedError), new(*FencedError), new(*TransientError),
		new(*UnknownError)} {
		if errors.As(err, known) {
			return err
		}
	}
	if errors.Is(err, errNotAlive) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %w", errNotAlive, err)
	}
	err = w.classify(err)
	var engine *warehouse.Error
	if errors.As(err, &engine) && engine.Kind == warehouse.HiddenRows {
		return hiddenRows(engine)
	}
	wrapped := fmt.Errorf("%s: %w", doing, err)
	if errors.As(err, &engine) && engine.Temporary() || errors.Is(err, sql.ErrConnDone) {
		return &TransientError{Err: wrapped}
	}
	return wrapped
}

// begin opens a transaction with limits, so that a waiting repair does not block
// others.
func (w *Writer) begin(ctx context.Context, r *Run) (*sql.Tx, error) {
	var options sql.TxOptions
	if chooser, ok := w.Dialect.(warehouse.IsolationChooser); ok {
		options.Isolation = chooser.RepairIsolation()
	}
	tx, err := w.DB.BeginTx(ctx, &options)
	if err != nil {
		return nil, err
	}
	limiter, ok := w.Dialect.(warehouse.TransactionLimiter)
	if !ok {
		return tx, nil
	}
	st := limiter.LimitTransaction(warehouse.TransactionLimits{
		Lock:        w.lockTimeout,
		Statement:   w.limit,
		Application: fmt.Sprintf("sentinel/%s/%d", r.Repair.ID, r.Repair.Fence),
	})
	_, err = tx.ExecContext(ctx, st.SQL, st.Args...)
	if err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return tx, nil
}

// fenceKey names what is fenced: a repair's idempotency key, of any length.
func fenceKey(r sentinel.Repair) string {
	sum := sha256.Sum256([]byte(r.Key))
	return hex.EncodeToString(sum[:16])
}

// checkFence accepts the newest fence and refuses older ones. The row stays locked
// until the end of the transaction, so that repairs of one thing wait for each other.
func (w *Writer) checkFence(ctx context.Context, tx *sql.Tx, r *Run) error {
	table, key := w.ownTable(r.Repair.Table.Schema, "fence"), fenceKey(r.Repair)
	insert := w.Dialect.InsertMissing(table, "fence_key, token", w.Param(1)+", 0")
	if _, err := tx.ExecContext(ctx, insert, key); err != nil {
		return err
	}
	read := "SELECT token FROM " + table + " WHERE fence_key = " + w.Param(1)
	if locker, ok := w.Dialect.(warehouse.RowLocker); ok {
		read = locker.LockRows(read)
	}
	var token int64
	if err := tx.QueryRowContext(ctx, read, key).Scan(&token); err != nil {
		return err
	}
	if token > r.Repair.Fence {
		return &FencedError{Fence: r.Repair.Fence}
	}
	_, err := tx.ExecContext(ctx, "UPDATE "+table+" SET token = "+w.Param(1)+" WHERE fence_key = "+w.Param(2),
		r.Repair.Fence, key)
	return err
}

// ApplyOnce runs do in one transaction with the fence and the ledger. If the ledger has
// the step, already is true and nothing is done. If the reply to the commit is lost,
// the ledger is read. If that fails too, the error is an [UnknownError].
func (w *Writer) ApplyOnce(
	ctx context.Context, r *Run, step string, do func(ctx context.Context, tx *sql.Tx) (rows int64, err error),
) (already bool, err error) {
	if err := r.Alive(); err != nil {
		return false, err
	}
	if err := w.Prepare(ctx, r.Repair.Table.Schema); err != nil {
		return false, err
	}
	tx, err := w.begin(ctx, r)
	if err != nil {
		return false, w.WrapError("beginning", err)
	}
	defer rollBackPanic(tx)
	already, err = w.applyInTransaction(ctx, tx, r, step, do)
	if err != nil || already {
		// An error of the way back is of no more interest than the one that led here.
		if undo := tx.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) && err != nil {
			err = errors.Join(err, undo)
		}
		return already, w.WrapError("step "+step, err)
	}
	r.Failpoint("in_" + step + "_txn")
	if err := tx.Commit(); err != nil {
		return w.resolveLostCommit(ctx, r, step, err)
	}
	r.Failpoint("after_" + step + "_commit")
	return false, nil
}

// rollBackPanic returns the session to the pool when the code of an action panics.
// Defer it.
func rollBackPanic(tx *sql.Tx) {
	if v := recover(); v != nil {
		_ = tx.Rollback() // the panic is what counts
		panic(v)
	}
}

func (w *Writer) applyInTransaction(
	ctx context.Context, tx *sql.Tx, r *Run, step string, do func(context.Context, *sql.Tx) (int64, error),
) (already bool, err error) {
	if err := w.checkFence(ctx, tx, r); err != nil {
		return false, err
	}
	if already, err = w.ledgerHas(ctx, tx, r.Repair, step); already || err != nil {
		return already, err
	}
	rows, err := do(ctx, tx)
	if err != nil {
		return false, err
	}
	if err := r.Alive(); err != nil {
		return false, err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO "+w.ownTable(r.Repair.Table.Schema,
		"ledger")+" (repair_id, step, token, row_count, applied_at) VALUES ("+strings.Join([]string{w.Param(1),
		w.Param(2), w.Param(3), w.Param(4), w.Param(5)}, ", ")+")",
		r.Repair.ID, step, r.Repair.Fence, rows, r.Now().UTC().Format(time.RFC3339))
	return false, err
}

// resolveLostCommit finds out whether a commit happened.
func (w *Writer) resolveLostCommit(ctx context.Context, r *Run, step string, lost error) (bool, error) {
	probe, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := w.EndOldSessions(probe, r); err != nil {
		return false, &UnknownError{Err: errors.Join(w.classify(lost), err)}
	}
	done, err := w.ledgerHas(probe, w.DB, r.Repair, step)
	switch {
	case err != nil:
		return false, &UnknownError{Err: errors.Join(w.classify(lost), w.classify(err))}
	case done:
		return false, nil
	}
	return false, &TransientError{Err: fmt.Errorf("committing %s: %w", step, w.classify(lost))}
}

// RunFenced runs do in a transaction that refuses an overtaken agent. doing says in an
// error what was attempted.
func (w *Writer) RunFenced(ctx context.Context, r *Run, doing string, do func(tx *sql.Tx) error) error {
	if err := r.Alive(); err != nil {
		return err
	}
	tx, err := w.begin(ctx, r)
	if err != nil {
		return w.WrapError(doing, err)
	}
	defer rollBackPanic(tx)
	err = w.checkFence(ctx, tx, r)
	if err == nil {
		err = do(tx)
	}
	if err == nil {
		err = r.Alive()
	}
	if err != nil {
		return w.WrapError(doing, errors.Join(err, tx.Rollback()))
	}
	return w.WrapError(doing, tx.Commit())
}

// RecordStep writes a ledger row outside of the transaction of its change: the intent
// and the outcome of a change that no transaction can hold, such as MySQL's DDL.
func (w *Writer) RecordStep(ctx context.Context, r *Run, step string) (already bool, err error) {
	return w.ApplyOnce(ctx, r, step, func(context.Context, *sql.Tx) (int64, error) { return 0, nil })
}

// EndOldSessions waits until this repair has no session with an older fence. Where the
// server allows it, it ends those sessions. The ledger is complete only then.
func (w *Writer) EndOldSessions(ctx context.Context, r *Run) error {
	ender, ok := w.Dialect.(warehouse.SessionEnder)
	if !ok {
		return nil // the lock on the fence makes the next transaction wait
	}
	for {
		n := 0
		err := w.DB.QueryRowContext(ctx, ender.EndSessions(),
			"sentinel/"+r.Repair.ID+"/%", fmt.Sprintf("sentinel/%s/%d", r.Repair.ID, r.Repair.Fence)).Scan(&n)
		if err != nil {
			return w.classify(err)
		}
		if n == 0 {
			return nil
		}
		if !wait.For(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
}
