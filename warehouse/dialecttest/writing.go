package dialecttest

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// RunWriting runs the part of the suite that is about a [warehouse.WriteDialect]
// and its optional interfaces: sessions, fence and ledger, updates, checksums, types,
// limits of transactions, and the exchange of a partition. [Run] calls it; a dialect
// that only reads passes without a test.
func RunWriting(t *testing.T, f Fixture) {
	t.Helper()
	if _, ok := f.Dialect.(warehouse.WriteDialect); !ok {
		return
	}
	s := suite{f}
	for _, c := range []struct {
		name string
		test func(t *testing.T, w *writer)
	}{
		{"sessions", s.writingSessions}, {"fence and ledger", s.fenceAndLedger}, {"locks", s.fenceLocks},
		{"update", s.updatesRows}, {"numbers", s.insertsNumbers}, {"move", s.movesRows}, {"checksum", s.checksums},
		{"values", s.carriedValues}, {"types", s.addedTypes}, {"limits", s.transactionLimits}, {"exchange", s.exchange},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, s.newWriter(t))
		})
	}
}

// writer is a database that repairs have sessions on.
type writer struct {
	*fixtureDB
	dialect  warehouse.WriteDialect
	sessions *sql.DB
	classify func(error) error
}

func (s suite) newWriter(t *testing.T) *writer {
	t.Helper()
	b := s.open(t, warehouse.Config{})
	sessions, dialect, classify, err := warehouse.OpenForWriting(warehouse.Config{
		Name: "w", Dialect: s.Dialect.Name(), RepairDSN: sentinel.NewSecret(b.DSN()),
		LockTimeout: 100 * time.Millisecond, MaxConnections: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sessions.Close(); err != nil {
			t.Error(err)
		}
	})
	if dialect.Name() != s.Dialect.Name() {
		t.Errorf("the repair DSN's dialect is %q, want %q", dialect.Name(), s.Dialect.Name())
	}
	return &writer{b, dialect, sessions, classify}
}

// write runs statements with identifiers in brackets on a session of repairs.
func (w *writer) write(statements ...string) {
	w.t.Helper()
	for _, st := range statements {
		if _, err := w.sessions.ExecContext(w.t.Context(), w.suite.quoted(w.t, st)); err != nil {
			w.t.Fatalf("%s\n%v", st, err)
		}
	}
}

// internal creates fence and ledger, and returns their quoted names.
func (w *writer) internal() (fence, ledger string) {
	w.t.Helper()
	fence = w.quoteTable(w.dialect.InternalTable(w.Schema(), "fence"))
	ledger = w.quoteTable(w.dialect.InternalTable(w.Schema(), "ledger"))
	w.write(w.dialect.CreateInternalTables(fence, ledger)...)
	return fence, ledger
}

func (w *writer) quoteTable(name warehouse.TableName) string {
	w.t.Helper()
	quoted, err := warehouse.QuoteTable(w.dialect, name)
	if err != nil {
		w.t.Fatal(err)
	}
	return quoted
}

// wantWritten holds a query on a session of repairs to the text of its one cell.
func (w *writer) wantWritten(want, query string, args ...any) {
	w.t.Helper()
	var got string
	err := w.sessions.QueryRowContext(w.t.Context(), w.suite.quoted(w.t, query), args...).Scan(&got)
	if err != nil || got != want {
		w.t.Errorf("%s: %q, %v, want %q", query, got, err, want)
	}
}

// Sessions for repairs bind 64 bits and instants, and classify errors.
func (s suite) writingSessions(t *testing.T, w *writer) {
	kind := s.Types.Plain
	if kind == "" {
		kind = s.Types.Zoned
	}
	w.exec("CREATE TABLE [w] ([n] " + s.Types.BigInt + ", [at] " + kind + ")")
	at := time.Date(2026, 11, 1, 12, 30, 0, 0, time.FixedZone("east", 3600))
	tx, err := w.sessions.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	insert := s.quoted(t, fmt.Sprintf("INSERT INTO [w] VALUES (%s, %s)", w.dialect.Param(1), w.dialect.Param(2)))
	if _, err := tx.Exec(insert, w.dialect.Bind([]any{int64(9007199254740993), at.UTC()})...); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	w.want("9007199254740993", "SELECT max([n]) FROM [w]")
	w.wantTime(at, "SELECT "+w.dialect.Epoch("max([at])")+" FROM [w]")
	_, err = w.sessions.ExecContext(t.Context(), s.quoted(t, "DELETE FROM [missing_table]"))
	if kind := warehouse.KindOf(w.classify(err)); kind != warehouse.MissingTable {
		t.Errorf("a missing table: %q of %v", kind, err)
	}
	var identity string
	if err := w.sessions.QueryRowContext(t.Context(), w.dialect.ServerIdentity()).Scan(&identity); err != nil {
		t.Error(err)
	}
	if cell, err := w.ask(w.dialect.ServerIdentity()); err != nil || cell.Text != identity {
		t.Errorf("the same server is %q for checks (%v) and %q for repairs", cell.Text, err, identity)
	}
}

// Fence and ledger are created once, listed, and take the columns that repairs use.
func (s suite) fenceAndLedger(t *testing.T, w *writer) {
	fence, ledger := w.internal()
	w.internal() // creating them again changes nothing
	own := w.dialect.InternalTable(w.Schema(), "ledger")
	list := w.dialect.ListTables(own.Schema)
	rows, err := w.sessions.QueryContext(t.Context(), list.SQL, list.Args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := false
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		found = found || name == own.Name
	}
	if err := rows.Err(); err != nil || !found {
		t.Errorf("%s is not among the tables: %v", own.Name, err)
	}
	insert := w.dialect.InsertMissing(fence, "fence_key, token", "'k', 7")
	w.write(insert, w.dialect.InsertMissing(fence, "fence_key, token", "'k', 8"))
	w.wantWritten("7", "SELECT token FROM "+fence)
	w.write("INSERT INTO "+ledger+" (repair_id, step, token, row_count, applied_at) VALUES ('r', 'apply', 7, 3, 'now')",
		"CREATE TABLE [long] ([v] "+w.dialect.LongTextType()+")",
		"INSERT INTO [long] VALUES ('"+strings.Repeat("x", 100_000)+"')")
	w.wantWritten("1", "SELECT count(*) FROM "+ledger+" WHERE repair_id = 'r' AND step = 'apply'")
	w.wantWritten("100000", "SELECT length([v]) FROM [long]")
}

// Two transactions cannot hold the same fence at one time. The one that waits gets
// an error that may pass.
func (s suite) fenceLocks(t *testing.T, w *writer) {
	fence, _ := w.internal()
	w.write(w.dialect.InsertMissing(fence, "fence_key, token", "'k', 1"))
	hold := func() (*sql.Tx, error) {
		tx, err := w.sessions.BeginTx(t.Context(), nil)
		if err != nil {
			return nil, err
		}
		if limiter, ok := w.dialect.(warehouse.TransactionLimiter); ok {
			limits := warehouse.TransactionLimits{
				Lock: 100 * time.Millisecond, Statement: time.Minute, Application: "sentinel/test/1",
			}
			st := limiter.LimitTransaction(limits)
			if _, err := tx.ExecContext(t.Context(), st.SQL, st.Args...); err != nil {
				return tx, err
			}
		}
		read := "SELECT token FROM " + fence + " WHERE fence_key = 'k'"
		if locker, ok := w.dialect.(warehouse.RowLocker); ok {
			read = locker.LockRows(read)
		}
		var token int64
		return tx, tx.QueryRowContext(t.Context(), read).Scan(&token)
	}
	first, err := hold()
	if err != nil {
		t.Fatal(err)
	}
	second, err := hold()
	if second != nil {
		defer second.Rollback()
	}
	if err == nil {
		t.Error("two transactions hold one fence")
	} else if kind := warehouse.KindOf(w.classify(err)); kind != warehouse.Locked && kind != warehouse.Transient {
		t.Errorf("waiting for the fence: %q of %v, want %q or %q", kind, err, warehouse.Locked, warehouse.Transient)
	}
	if err := first.Commit(); err != nil {
		t.Error(err)
	}
}

// The limits of a transaction end a statement that takes too long.
func (s suite) transactionLimits(t *testing.T, w *writer) {
	limiter, ok := w.dialect.(warehouse.TransactionLimiter)
	if !ok {
		return
	}
	tx, err := w.sessions.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	limits := warehouse.TransactionLimits{
		Lock: time.Second, Statement: 100 * time.Millisecond, Application: "sentinel/test/1",
	}
	st := limiter.LimitTransaction(limits)
	if _, err := tx.ExecContext(t.Context(), st.SQL, st.Args...); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), s.Sleep); err == nil {
		t.Error("a statement outlived its limit")
	}
}
