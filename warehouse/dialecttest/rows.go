package dialecttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// receiver is the Each of a statement. It keeps the rows of the last try.
type receiver struct {
	tries int
	rows  []string
	row   func() error // called after every row; may be nil
}

func (r *receiver) each() func([]warehouse.Cell) error {
	r.tries++
	r.rows = nil
	return func(row []warehouse.Cell) error {
		r.rows = append(r.rows, printed(row))
		if r.row != nil {
			return r.row()
		}
		return nil
	}
}

// rowCounts sends the number of rows of every answer.
type rowCounts struct {
	warehouse.NopObserver
	counts chan<- int
}

// Trace implements warehouse.Observer.
func (o *rowCounts) Trace(context.Context, string) func(int, error) {
	return func(rows int, _ error) { o.counts <- rows }
}

// connectionCount counts the connections that are opened.
type connectionCount struct {
	warehouse.NopObserver
	opened atomic.Int32
}

// Connected implements warehouse.Observer.
func (o *connectionCount) Connected() { o.opened.Add(1) }

func printed(row []warehouse.Cell) string {
	var text strings.Builder
	for _, c := range row {
		fmt.Fprintf(&text, "%q %t;", c.Text, c.Null)
	}
	return text.String()
}

const allWords = "SELECT [id], [word] FROM [r] ORDER BY [id]"

func (b *fixtureDB) words() {
	b.t.Helper()
	b.exec("CREATE TABLE [r] ([id] "+b.suite.Types.Integer+", [word] "+b.suite.Types.Text+")",
		"INSERT INTO [r] VALUES (1, 'a'), (2, NULL), (3, ''), (4, 'a'), (5, 'ü')")
}

// rowsOneByOne checks that Each gets the same rows as an answer without Each, and that
// the observer counts them.
func (s suite) rowsOneByOne(t *testing.T) {
	b := s.open(t, warehouse.Config{})
	b.words()
	traced := make(chan int, 10)
	db := s.connect(t, b.DSN(), warehouse.Config{MaxConnections: 1, Observer: &rowCounts{counts: traced}})
	whole, none := &receiver{}, &receiver{}
	all := s.quoted(t, allWords)
	statements := []warehouse.Statement{
		{SQL: all},
		{SQL: all, Each: whole.each},
		{SQL: s.quoted(t, "SELECT [id] FROM [r] WHERE [id] > 9"), Each: none.each},
	}
	rows := make([]warehouse.Rows, len(statements))
	db.Run(t.Context(), statements, func(i int, r warehouse.Rows, err error) {
		rows[i] = r
		if err != nil {
			t.Errorf("statement %d: %v", i, err)
		}
	})
	var want []string
	for _, row := range rows[0] {
		want = append(want, printed(row))
	}
	if len(want) != 5 || !slices.Equal(whole.rows, want) || len(none.rows) != 0 || rows[1] != nil || rows[2] != nil {
		t.Errorf("Each got %q, want %q; without rows it got %q", whole.rows, want, none.rows)
	}
	close(traced)
	var counts []int
	for n := range traced {
		counts = append(counts, n)
	}
	slices.Sort(counts)
	if !slices.Equal(counts, []int{0, 5, 5}) {
		t.Errorf("the observer counts %v rows, want 0, 5 and 5", counts)
	}
}

// refusedRows checks that an Each that refuses a row fails its own statement only, and
// that the connection stays usable.
func (s suite) refusedRows(t *testing.T) {
	b := s.open(t, warehouse.Config{})
	b.words()
	var connections connectionCount
	db := s.connect(t, b.DSN(), warehouse.Config{MaxConnections: 1, Observer: &connections})
	refused := errors.New("this row is refused")
	first, third, missing := &receiver{}, &receiver{}, &receiver{}
	first.row = func() error { return refused }
	third.row = func() error {
		if len(third.rows) == 3 {
			return refused
		}
		return nil
	}
	all := s.quoted(t, allWords)
	statements := []warehouse.Statement{
		{SQL: all}, {SQL: all, Each: third.each}, {SQL: all},
		{SQL: s.quoted(t, "SELECT [id] FROM [missing_table]"), Each: missing.each},
		{SQL: all, Each: first.each}, {SQL: all},
	}
	for range 2 { // the second run uses the connection of the first
		db.Run(t.Context(), statements, func(i int, rows warehouse.Rows, err error) {
			switch i {
			case 1, 4:
				if !errors.Is(err, refused) || rows != nil {
					t.Errorf("statement %d: %d rows, %v, want %v", i, len(rows), err, refused)
				}
			case 3:
				if warehouse.KindOf(err) != warehouse.MissingTable {
					t.Errorf("the missing table: %v", err)
				}
			default:
				if err != nil || len(rows) != 5 {
					t.Errorf("statement %d: %d rows, %v, want 5", i, len(rows), err)
				}
			}
		})
		if len(third.rows) != 3 || len(first.rows) != 1 || len(missing.rows) != 0 {
			t.Errorf("got %d, %d and %d rows, want 3, 1 and 0", len(third.rows), len(first.rows), len(missing.rows))
		}
	}
	if n := connections.opened.Load(); n > 1 {
		t.Errorf("%d connections were opened, want 1", n)
	}
	if third.tries != 2 || first.tries != 2 {
		t.Errorf("%d and %d tries of 2 statements: a refused statement is not sent again", third.tries, first.tries)
	}
}

// brokenConnection breaks a connection while rows arrive. The statement is sent again,
// to the same server or to a standby. The second try has no row of the first.
func (s suite) brokenConnection(t *testing.T) {
	for _, standby := range []bool{false, true} {
		t.Run(fmt.Sprintf("standby %t", standby), func(t *testing.T) {
			t.Parallel()
			d := s.NewDatabase(t)
			proxied, ok := d.(Proxied)
			if !ok || s.ManyRows == nil {
				return // the engine has no connection that could break
			}
			s.breakIn(t, d, proxied, standby)
		})
	}
}

func (s suite) breakIn(t *testing.T, d Database, proxied Proxied, standby bool) {
	const rows = 20_000 // of 1,000 characters: more than network buffers hold
	values := strings.TrimSuffix(strings.Repeat("(7), ", 100), ", ")
	d.Exec(t, s.quoted(t, "CREATE TABLE [h] ([id] "+s.Types.Integer+")"), s.quoted(t, "INSERT INTO [h] VALUES "+values))
	p := newProxy(t, proxied.Address())
	cfg := warehouse.Config{MaxConnections: 1}
	if standby {
		cfg.StandbyDSN = []sentinel.Secret{sentinel.NewSecret(d.DSN())}
	}
	db := s.connect(t, proxied.Through(p.address), cfg)
	if _, err := firstCell(t.Context(), db, "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	got := &receiver{}
	got.row = func() error {
		if got.tries > 1 || len(got.rows) != 10 {
			return nil
		}
		p.cut()
		if !standby {
			return p.listen()
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var failed error
	statements := []warehouse.Statement{{SQL: s.quoted(t, s.ManyRows(rows)), Each: got.each}}
	db.Run(ctx, statements, func(_ int, _ warehouse.Rows, err error) { failed = err })
	if failed != nil || got.tries != 2 || len(got.rows) != rows || (db.Server() == "standby 1") != standby {
		t.Errorf("%d rows in try %d at %q, want %d in the second: %v", len(got.rows), got.tries, db.Server(), rows, failed)
	}
}
