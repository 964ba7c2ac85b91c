package mysql

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
	"github.com/sentinel-dq/sentinel/warehouse/dialecttest"
)

func TestSlowStatementsRunSideBySide(t *testing.T) {
	t.Parallel()
	dialecttest.SideBySide(t, testenv.MySQL(t), func(i int) string {
		const now = "timestampdiff(MICROSECOND, '1970-01-01', sysdate(6)) / 1000000"
		return fmt.Sprintf("SELECT %s, %s + sleep(0.25) + 0.25 /* %d */", now, now, i)
	})
}

func TestQuickStatementsShareConnections(t *testing.T) {
	t.Parallel()
	dialecttest.FewConnections(t, testenv.MySQL(t))
}

// openStanding opens a warehouse whose clock stands, so that no machine is too slow for a
// test of what is sent together.
func openStanding(t *testing.T, config warehouse.Config) *warehouse.DB {
	t.Helper()
	noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	config.Clock = sentinel.ClockFunc(func() time.Time { return noon })
	return dialecttest.OpenConfig(t, config)
}

// answer is what a statement of runAll came to.
type answer struct {
	text string // of the first cell
	err  error
}

// runAll runs statements, each of which must be answered once.
func runAll(t *testing.T, db *warehouse.DB, statements []warehouse.Statement) []answer {
	t.Helper()
	var mu sync.Mutex
	answers := make([]answer, len(statements))
	times := make([]int, len(statements))
	db.Run(t.Context(), statements, func(i int, rows warehouse.Rows, err error) {
		mu.Lock()
		defer mu.Unlock()
		times[i]++
		answers[i].err = err
		if err == nil {
			answers[i].text = rows[0][0].Text
		}
	})
	for i, n := range times {
		if n != 1 {
			t.Errorf("statement %d was answered %d times", i, n)
		}
	}
	return answers
}

// numbered are statements that answer their number, every third by an argument with quotes.
func numbered(n int) (statements []warehouse.Statement, want []string) {
	for i := range n {
		st, text := warehouse.Statement{SQL: fmt.Sprintf("SELECT %d", i)}, fmt.Sprint(i)
		if i%3 == 0 {
			text = fmt.Sprintf(`%d'; SELECT "? \' -- /*`, i)
			st = warehouse.Statement{SQL: "SELECT ?, '\\'?' -- ?", Args: []any{text}}
		}
		statements, want = append(statements, st), append(want, text)
	}
	return statements, want
}

func wantTexts(t *testing.T, got []answer, want []string) {
	t.Helper()
	for i, a := range got {
		if a.err != nil || a.text != want[i] {
			t.Errorf("statement %d: %q, %v, want %q", i, a.text, a.err, want[i])
		}
	}
}

// TestStatementsShareRoundTrips counts what is sent. The lengths of the statements are known
// from the second time on.
func TestStatementsShareRoundTrips(t *testing.T) {
	t.Parallel()
	w := newWire(t, newDatabase(t).(database), false)
	db := openStanding(t, warehouse.Config{DSN: sentinel.NewSecret(w.dsn)})
	statements, want := numbered(250)
	for _, most := range []int{10, 3} {
		wantTexts(t, runAll(t, db, statements), want)
		if sent := w.sent(); sent > most {
			t.Errorf("%d commands for %d statements, want %d at most", sent, len(statements), most)
		}
	}
}

// TestOneStatementAtATime: a server that refuses several statements at once is asked one by
// one, and so is one that reads quotes in another way than is expected.
func TestOneStatementAtATime(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]string{"refused": "", "quotes": "?sql_mode='ANSI_QUOTES'", "escapes": "?sql_mode='NO_BACKSLASH_ESCAPES'"} {
		statements, want := numbered(30)
		w := newWire(t, newDatabase(t).(database), name == "refused")
		db := openStanding(t, warehouse.Config{DSN: sentinel.NewSecret(w.dsn + mode)})
		if name == "escapes" {
			for i := range statements {
				statements[i].SQL = strings.ReplaceAll(statements[i].SQL, `\'?'`, `?\'`)
			}
		}
		for range 2 {
			w.sent()
			wantTexts(t, runAll(t, db, statements), want)
			if sent := w.sent(); sent < len(statements) {
				t.Errorf("%s: %d commands for %d statements", name, sent, len(statements))
			}
		}
	}
}

// TestASlowStatementAmongQuickOnes: a statement that was quick before, and now takes too
// long, fails alone.
func TestASlowStatementAmongQuickOnes(t *testing.T) {
	t.Parallel()
	d := newDatabase(t).(database)
	d.Exec(t, "CREATE TABLE pause (seconds double)", "INSERT INTO pause VALUES (0)")
	db := openStanding(t, warehouse.Config{DSN: sentinel.NewSecret(d.DSN()), StatementTimeout: time.Second, MaxConnections: 1})
	statements, want := numbered(30)
	statements[11].SQL, want[11] = "SELECT sleep(seconds) FROM pause", "0"
	wantTexts(t, runAll(t, db, statements), want)
	d.Exec(t, "UPDATE pause SET seconds = 60")
	got := runAll(t, db, statements)
	if kind := warehouse.KindOf(got[11].err); kind != warehouse.TimedOut {
		t.Errorf("the slow one: %v, want %s", got[11].err, warehouse.TimedOut)
	}
	got[11] = answer{text: want[11]}
	wantTexts(t, got, want)
}

// TestSemicolonsEndNothing sends texts of which each hides a second statement, among others.
func TestSemicolonsEndNothing(t *testing.T) {
	t.Parallel()
	d := newDatabase(t).(database)
	d.Exec(t, "CREATE TABLE kept (id integer)", "INSERT INTO kept VALUES (7)")
	w := newWire(t, d, false)
	db := openStanding(t, warehouse.Config{DSN: sentinel.NewSecret(w.dsn), MaxConnections: 2})
	statements, want := numbered(40)
	const hidden = "SELECT 1; SET SESSION TRANSACTION READ WRITE; DELETE FROM kept"
	for i := 1; i < len(statements); i += 3 {
		statements[i] = warehouse.Statement{SQL: hidden, Custom: i%2 == 0}
	}
	statements[2], want[2] = warehouse.Statement{SQL: "SELECT id FROM kept WHERE 'a;b' = ?", Args: []any{"a;b"}}, "7"
	for range 2 {
		for i, a := range runAll(t, db, statements) {
			switch {
			case statements[i].SQL != hidden:
				wantTexts(t, []answer{a}, want[i:])
			case warehouse.KindOf(a.err) != warehouse.BadStatement:
				t.Errorf("statement %d: %q, %v, want %s", i, a.text, a.err, warehouse.BadStatement)
			}
		}
	}
	if w.mostOpen > 2 {
		t.Errorf("%d connections at once, want 2 at most", w.mostOpen)
	}
}

// TestRefusedConnectionsFailNothing: a server that takes one connection answers all that
// four were wanted for.
func TestRefusedConnectionsFailNothing(t *testing.T) {
	t.Parallel()
	d := newDatabase(t).(database)
	d.Exec(t, "CREATE TABLE t (id integer)")
	reader := d.Reader(t, "t")
	user, _, _ := strings.Cut(reader, ":")
	d.Exec(t, "ALTER USER "+user+"@'%' WITH MAX_USER_CONNECTIONS 1")
	db := dialecttest.OpenConfig(t, warehouse.Config{DSN: sentinel.NewSecret(reader), MaxConnections: 4})
	var statements []warehouse.Statement
	var want []string
	for i := range 8 {
		statements = append(statements, warehouse.Statement{SQL: fmt.Sprintf("SELECT %d, sleep(0.06)", i)})
		want = append(want, fmt.Sprint(i))
	}
	for range 2 {
		wantTexts(t, runAll(t, db, statements), want)
	}
}
