package dialecttest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func (s suite) failsAlone(t *testing.T) {
	b := s.open(t, warehouse.Config{})
	b.exec("CREATE TABLE [ok] ([id] " + s.Types.Integer + ")")
	statements := make([]warehouse.Statement, 100)
	want := make([]warehouse.ErrorKind, len(statements))
	for i := range statements {
		text := "SELECT count(*) FROM [ok]"
		switch i % 10 {
		case 3:
			text, want[i] = "SELECT count(*) FROM [missing_table]", warehouse.MissingTable
		case 5:
			text, want[i] = "SELECT max(nope) FROM [ok]", warehouse.MissingColumn
		case 7:
			text, want[i] = "SELECT count(*) FROM WHERE", warehouse.BadStatement
		}
		statements[i].SQL = s.quoted(t, text)
	}
	answers := make([]int, len(statements))
	errs := make([]error, len(statements))
	b.db.Run(t.Context(), statements, func(i int, _ warehouse.Rows, err error) {
		answers[i]++
		errs[i] = err
	})
	for i, err := range errs {
		if kind := warehouse.KindOf(err); kind != want[i] || answers[i] != 1 {
			t.Errorf("statement %d: %d answers, %q (%v), want %q", i, answers[i], kind, err, want[i])
		}
	}
}

func (s suite) readOnly(t *testing.T) {
	b := s.open(t, warehouse.Config{})
	b.exec("CREATE TABLE [kept] ([id] "+s.Types.Integer+")", "INSERT INTO [kept] VALUES (1)")
	for _, text := range []string{
		"DELETE FROM [kept]", "INSERT INTO [kept] VALUES (2)", "UPDATE [kept] SET [id] = 3", "DROP TABLE [kept]",
		"CREATE TABLE [new_one] ([id] " + s.Types.Integer + ")",
	} {
		var failed error
		st := []warehouse.Statement{{SQL: s.quoted(t, text)}}
		b.db.Run(t.Context(), st, func(_ int, _ warehouse.Rows, err error) { failed = err })
		if failed == nil {
			t.Errorf("%s: the session may write", text)
		}
	}
	b.want("1", "SELECT max([id]) FROM [kept]")
	b.want("1", "SELECT count(*) FROM [kept]")
}

// Timeouts is the part of [Run] on statements that take too long.
func Timeouts(t *testing.T, f Fixture) {
	t.Helper()
	suite{f}.timeouts(t)
}

// timeouts: the statement ends, on the server too, when its time or the caller's
// is over.
func (s suite) timeouts(t *testing.T) {
	b := s.open(t, warehouse.Config{StatementTimeout: time.Second})
	start := time.Now()
	_, err := b.ask(s.Sleep)
	// An engine's own sleep may answer when it is interrupted, instead of failing.
	if err != nil && warehouse.KindOf(err) != warehouse.TimedOut || time.Since(start) > 20*time.Second {
		t.Errorf("statement timeout: %v after %v", err, time.Since(start))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start = time.Now()
	short := s.connect(t, b.DSN(), warehouse.Config{MaxConnections: 1})
	_, err = firstCell(ctx, short, s.Sleep)
	if err != nil && warehouse.KindOf(err) != warehouse.TimedOut || time.Since(start) > 10*time.Second {
		t.Errorf("the caller's deadline: %v after %v", err, time.Since(start))
	}
	for deadline := time.Now().Add(10 * time.Second); s.Running != ""; {
		cell, err := b.ask(s.Running)
		if err != nil {
			t.Fatal(err)
		}
		if cell.Text == "0" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s statements still run on the server", cell.Text)
		}
	}
	if cell, err := firstCell(t.Context(), short, "SELECT 1"); err != nil || cell.Text != "1" {
		t.Errorf("the next statement: %v, %v", cell, err)
	}
}

func (s suite) privileges(t *testing.T) {
	b := s.open(t, warehouse.Config{})
	users, ok := b.Database.(WithUsers)
	if !ok {
		return // nothing to hold: the engine has no users
	}
	b.exec("CREATE TABLE [mine] ([id] "+s.Types.Integer+")", "CREATE TABLE [secret] ([id] "+s.Types.Integer+")")
	dsn := users.Reader(t, "mine")
	db := s.connect(t, dsn, warehouse.Config{})
	if _, err := firstCell(t.Context(), db, s.quoted(t, "SELECT count(*) FROM [mine]")); err != nil {
		t.Errorf("mine: %v", err)
	}
	_, err := firstCell(t.Context(), db, s.quoted(t, "SELECT count(*) FROM [secret]"))
	if warehouse.KindOf(err) != warehouse.Forbidden {
		t.Errorf("secret: %v, want %s", err, warehouse.Forbidden)
	}
	c, err := db.Catalog(t.Context(), warehouse.Scope{Facts: warehouse.AllFacts})
	if err != nil || c.Tables[b.name("mine")] == nil {
		t.Errorf("the reader's catalog: %v", err)
	}
	b.deniedTable(db, "secret")
}

// errors: servers that do not exist and DSNs that are wrong, without passwords in
// texts.
func (s suite) errors(t *testing.T) {
	for _, dsn := range s.Unreachable {
		db := s.connect(t, dsn, warehouse.Config{})
		_, err := db.Catalog(t.Context(), warehouse.Scope{})
		if warehouse.KindOf(err) != warehouse.Unreachable || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%v, want %s and no password", err, warehouse.Unreachable)
		}
	}
	for _, dsn := range s.Malformed {
		db, err := warehouse.Open(warehouse.Config{Name: "w", Dialect: s.Dialect.Name(), DSN: sentinel.NewSecret(dsn)})
		if err == nil || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%v, want an error without the password", err)
		}
		if err == nil {
			t.Error(db.Close())
		}
	}
}

// RestartedServer kills a server and starts it again: the sessions say that it is
// down, and go on when it is back. The fixture's databases must be [Restartable].
func RestartedServer(t *testing.T, f Fixture) {
	t.Helper()
	b := suite{f}.open(t, warehouse.Config{})
	server := b.Database.(Restartable)
	b.want("1", "SELECT 1")
	server.Kill(t)
	for deadline := time.Now().Add(10 * time.Second); ; { // the process of a session may still answer
		_, err := b.ask("SELECT 1")
		if kind := warehouse.KindOf(err); kind == warehouse.Unreachable || kind == warehouse.Transient {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("while the server is down: %v, want %s", err, warehouse.Unreachable)
		}
	}
	server.Start(t)
	b.want("1", "SELECT 1")
}
