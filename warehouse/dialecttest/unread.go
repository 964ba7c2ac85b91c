package dialecttest

import (
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// brokenView: a view that cannot be described is in the catalog, with its error, and takes
// nothing from the other tables.
func (s suite) brokenView(t *testing.T) {
	if s.BrokenView == nil {
		return // nothing to hold: the engine keeps views whole
	}
	b := s.open(t, warehouse.Config{})
	b.family()
	usual := b.unreadable()
	b.exec(s.BrokenView...)
	b.wantUnread("broken", "", usual)
	b.exec("DROP VIEW [broken]")
	gone := warehouse.Scope{Facts: warehouse.AllFacts, Tables: []warehouse.TableName{b.name("broken")}}
	if c := b.read(gone); len(c.Tables) > 0 {
		t.Errorf("the view that is gone: %+v", c.Tables)
	}
}

// lockedTable: a table that another session has locked makes nobody wait who reads the
// catalog, and takes nothing from the other tables. A statement on it ends within the lock
// timeout.
func (s suite) lockedTable(t *testing.T) {
	if s.LockTable == nil {
		return // nothing to hold: the engine locks no table
	}
	b := s.open(t, warehouse.Config{LockTimeout: time.Second})
	b.family()
	b.exec("CREATE TABLE [held] ([id] " + s.Types.Integer + " NOT NULL PRIMARY KEY)")
	usual := b.unreadable() // connects
	pool, err := b.Database.(Pooled).Pool()
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() // only then the pool ends the session, and with it the lock
	for _, statement := range s.LockTable {
		if _, err := conn.ExecContext(t.Context(), s.quoted(t, statement)); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	b.wantUnread("", "held", usual)
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("two readings of the catalog took %v beside a lock", took)
	}
	if _, err := b.ask("SELECT count(*) FROM [held]"); warehouse.KindOf(err) != warehouse.Locked {
		t.Errorf("the locked table: %v, want %s", err, warehouse.Locked)
	}
}

// unreadable returns the facts that the user of the warehouse may never read of a table.
func (b *fixtureDB) unreadable() warehouse.Facts {
	b.t.Helper()
	parent := b.read(warehouse.Scope{Facts: warehouse.AllFacts}).Tables[b.name("parent")]
	if parent == nil || parent.ReadErr != nil {
		b.t.Fatalf("parent: %+v", parent)
	}
	return parent.Unreadable
}

// wantUnread demands that the catalog has all tables, that of these only one has facts that
// could not be read beside the usual ones, and that its error says so. may is a table that
// may have some.
func (b *fixtureDB) wantUnread(unread, may string, usual warehouse.Facts) {
	b.t.Helper()
	all := warehouse.Scope{Facts: warehouse.AllFacts}
	some := all
	for _, name := range []string{"parent", "child", "seen", "empty_one", unread, may} {
		if name != "" {
			some.Tables = append(some.Tables, b.name(name))
		}
	}
	for _, scope := range []warehouse.Scope{all, some} {
		c := b.read(scope)
		for _, name := range some.Tables {
			switch table := c.Tables[name]; {
			case table == nil:
				b.t.Errorf("%s is not in the catalog", name.Name)
			case name.Name == may && (table.Unreadable == usual || table.ReadErr != nil):
			case (name.Name == unread) != (table.Unread(warehouse.Columns) != nil),
				name.Name != unread && table.Unreadable != usual:
				b.t.Errorf("%s: %d columns, unread %b: %v", name.Name, len(table.Columns), table.Unreadable, table.ReadErr)
			}
		}
	}
}

// deniedTable: a table that the user may not read is not missing.
func (b *fixtureDB) deniedTable(db *warehouse.DB, name string) {
	b.t.Helper()
	c, err := db.Catalog(b.t.Context(), warehouse.Scope{
		Facts:  warehouse.AllFacts,
		Tables: []warehouse.TableName{b.name("mine"), b.name(name)},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	if mine := c.Tables[b.name("mine")]; mine == nil || len(mine.Columns) != 1 || mine.ReadErr != nil {
		b.t.Errorf("the reader's table: %+v", mine)
	}
	switch denied := c.Tables[b.name(name)]; {
	case denied == nil:
		b.t.Errorf("%s is missing for a user who may not read it", name)
	case len(denied.Columns) == 0 && warehouse.KindOf(denied.Unread(warehouse.Columns)) != warehouse.Forbidden:
		b.t.Errorf("%s has no columns and the error %v", name, denied.ReadErr)
	}
}
