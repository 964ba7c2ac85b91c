package checks_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// harmless are the drifts that may be left after a statement: a column that is added again
// stands at the end, and is another one.
var harmless = []sentinel.DriftKind{sentinel.ColumnReplaced, sentinel.ColumnsReordered}

// undone are the kinds of drift that have a statement in at least one row.
var undone = map[string][]sentinel.DriftKind{
	"postgres": {
		sentinel.ColumnRemoved, sentinel.ColumnRenamed, sentinel.TypeWidened, sentinel.TypeNarrowed,
		sentinel.NullabilityLoosened, sentinel.NullabilityTightened, sentinel.DefaultChanged, sentinel.GeneratedChanged,
		sentinel.IdentityChanged, sentinel.CollationChanged, sentinel.PrimaryKeyChanged, sentinel.UniqueChanged,
		sentinel.ForeignKeyChanged, sentinel.CheckChanged, sentinel.ExclusionChanged, sentinel.IndexAdded,
		sentinel.IndexRemoved, sentinel.TriggerChanged, sentinel.RowSecurityChanged, sentinel.InheritanceChanged,
		sentinel.StorageChanged, sentinel.ViewChanged, sentinel.ViewOptionsChanged, sentinel.CommentChanged,
	},
	"mysql": {
		sentinel.ColumnRemoved, sentinel.ColumnRenamed, sentinel.TypeWidened, sentinel.TypeNarrowed,
		sentinel.NullabilityTightened, sentinel.DefaultChanged, sentinel.GeneratedChanged, sentinel.OnUpdateChanged,
		sentinel.VisibilityChanged, sentinel.CollationChanged, sentinel.PrimaryKeyChanged, sentinel.UniqueChanged,
		sentinel.ForeignKeyChanged, sentinel.CheckChanged, sentinel.IndexAdded, sentinel.IndexRemoved,
		sentinel.TriggerChanged, sentinel.PartitioningChanged, sentinel.StorageChanged, sentinel.ViewChanged,
		sentinel.ViewOptionsChanged, sentinel.CommentChanged,
	},
	"sqlite": {
		sentinel.ColumnRemoved, sentinel.ColumnRenamed, sentinel.UniqueChanged, sentinel.IndexAdded, sentinel.IndexRemoved,
		sentinel.TriggerChanged,
	},
}

// TestStatementsUndoDrifts executes the statements that drifts show. Then the drifts are
// gone, and the table has no other ones.
func TestStatementsUndoDrifts(t *testing.T) {
	t.Parallel()
	for engine, rows := range ddlRows {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			rows := append(slices.Clone(rows), statementRows[engine]...)
			b := newBench(t, engine, warehouse.Config{})
			conn := b.connection()
			shown := b.undo(conn, rows)
			for _, kind := range undone[engine] {
				if !shown[kind] {
					t.Errorf("no drift shows a statement that undoes %s", kind)
				}
			}
		})
	}
}

// undo changes tables, and executes the statements that their drifts show, from top to
// bottom. The drifts are gone then, and those without a statement are left. It returns the
// kinds of drift that had a statement.
func (b *bench) undo(conn *sql.Conn, rows []ddlRow) (shown map[sentinel.DriftKind]bool) {
	b.tb.Helper()
	before, changed := b.change(conn, rows)
	shown = map[sentinel.DriftKind]bool{}
	left, told := map[int][]string{}, map[int]string{}
	for n, r := range rows {
		drifts := changed.drifts(b, r.of(n, "$d"), before)
		told[n] = r.change + "\n" + checks.RenderDrifts(drifts)
		old := map[string]string{} // names of columns that get them back
		for _, d := range drifts {
			if d.Kind == sentinel.ColumnRenamed && d.Statement != "" {
				old[d.Object] = d.Before
			}
		}
		for _, d := range drifts {
			if d.Statement == "" {
				if name, ok := old[d.Object]; ok && d.Column && d.Kind != sentinel.ColumnRemoved {
					d.Object = name
				}
				left[n] = append(left[n], d.Key())
				continue
			}
			shown[d.Kind] = true
			if strings.ContainsAny(d.Statement, "\n\t") {
				b.tb.Errorf("%s: more than a line: %q", r.name, d.Statement)
			}
			if _, err := conn.ExecContext(b.tb.Context(), d.Statement); err != nil {
				b.tb.Errorf("%s: %s: %s: %v\n%s", r.name, d.Key(), d.Statement, err, told[n])
			}
		}
	}
	after := b.tables(len(rows))
	for n, r := range rows {
		for _, d := range after.drifts(b, r.of(n, "$d"), before) {
			if !slices.Contains(left[n], d.Key()) && !slices.Contains(harmless, d.Kind) {
				b.tb.Errorf("%s: still\n%s%s", r.name, checks.RenderDrifts([]sentinel.Drift{d}), told[n])
			}
		}
	}
	return shown
}

// change makes the tables of rows, and changes them.
func (b *bench) change(conn *sql.Conn, rows []ddlRow) (before, changed snapshots) {
	b.tb.Helper()
	run := func(n int, text string) {
		for _, s := range rows[n].statements(n, text) {
			if _, err := conn.ExecContext(b.tb.Context(), s); err != nil {
				b.tb.Fatalf("%s: %s: %v", rows[n].name, s, err)
			}
		}
	}
	for n, r := range rows {
		run(n, r.before)
	}
	before = b.tables(len(rows))
	for n, r := range rows {
		run(n, r.change)
	}
	return before, b.tables(len(rows))
}

// drifts compares a table with what it was, with the statements that undo the difference.
func (s snapshots) drifts(b *bench, name string, before snapshots) []sentinel.Drift {
	return checks.Diff(before[name], s[name], checks.DiffOptions{Present: s.present(), Dialect: b.db.Dialect})
}

// statementRows are further changes for the statements alone. Their names are odd.
var statementRows = map[string][]ddlRow{
	"postgres": {
		{before: `CREATE TABLE $d ("Order" int, "a, b" text DEFAULT 'it''s', "x""y" numeric(9,2) NOT NULL
 DEFAULT -1.5)`,
			change: `ALTER TABLE $d DROP "Order", DROP "a, b", DROP "x""y"`},
		{before: `CREATE TABLE $d (a text, "b (c" int); CREATE INDEX $i ON $d (a COLLATE "C" text_pattern_ops DESC
 NULLS LAST,
 ("b (c" + 1)) INCLUDE ("b (c") WHERE a <> 'x, y'`, change: "DROP INDEX $i"},
		{before: `CREATE TABLE $d (a text, b int); CREATE UNIQUE INDEX $i ON $d (lower(a), b) NULLS NOT DISTINCT`,
			change: "DROP INDEX $i"},
		{before: `CREATE TABLE $d (id int, a text DEFAULT E'x\ny')`, change: "ALTER TABLE $d DROP a"},
		{before: `CREATE TYPE $m AS ENUM ('a', 'b'); CREATE TABLE $d (id int, m $m NOT NULL DEFAULT 'a')`,
			change: "ALTER TABLE $d DROP m"},
		{before: `CREATE TABLE $p (id int, x int, PRIMARY KEY (id, x)); CREATE TABLE $d (b int, c int, CONSTRAINT f
 FOREIGN KEY (b, c) REFERENCES $p MATCH FULL ON UPDATE CASCADE ON DELETE SET NULL (b)
 DEFERRABLE INITIALLY DEFERRED)`,
			change: "ALTER TABLE $d DROP CONSTRAINT f"},
		{before: `CREATE TABLE $d (a int, b int, CONSTRAINT k PRIMARY KEY (a) INCLUDE (b) DEFERRABLE)`,
			change: "ALTER TABLE $d DROP CONSTRAINT k"},
		{before: `CREATE TABLE $d (a int); COMMENT ON TABLE $d IS E'it''s a \\ back'`, change: "COMMENT ON TABLE $d IS 'x'"},
		{before: `CREATE TABLE $d (id int, a int, g int GENERATED ALWAYS AS (a * 2) STORED)`,
			change: "ALTER TABLE $d DROP g"},
		{before: `CREATE TABLE $q (a int, b text); CREATE VIEW $d WITH (security_barrier=true) AS
 SELECT a, b FROM $q WHERE b = 'x'`,
			change: "CREATE OR REPLACE VIEW $d AS SELECT a, b FROM $q"},
	},
	"mysql": {
		{before: "CREATE TABLE $d (`Order` int, `a, b` varchar(9) DEFAULT 'it''s' COMMENT 'x''y'," +
			" `c``d` int NOT NULL DEFAULT -1)",
			change: "ALTER TABLE $d ADD z int, DROP `Order`, DROP `a, b`, DROP `c``d`"},
		{before: "CREATE TABLE $d (id int, t varchar(20), n int, KEY i (t(5), n), FULLTEXT KEY f (t)," +
			" UNIQUE KEY u (n, t(3)))",
			change: "ALTER TABLE $d DROP KEY i, DROP KEY f, DROP KEY u"},
		{before: "CREATE TABLE $d (id int, j json NOT NULL CHECK (json_valid(j)), t text COMMENT 'c'," +
			" x int INVISIBLE DEFAULT 5)",
			change: "ALTER TABLE $d MODIFY x bigint, MODIFY t text NOT NULL"},
		{before: "CREATE TABLE $d (id int, u datetime NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp())",
			change: "ALTER TABLE $d MODIFY u datetime NULL"},
		{before: "CREATE TABLE $d (a int, g int AS (a * 2) STORED, h int AS (a + 1))",
			change: "ALTER TABLE $d DROP g, DROP h"},
	},
	"sqlite": {
		{before: `CREATE TABLE $d (id int, "a b" text COLLATE nocase DEFAULT 'it''s', g int AS (id * 2))`,
			change: `ALTER TABLE $d DROP "a b"; ALTER TABLE $d DROP g`},
		{before: `CREATE TABLE $d (id int, a text); CREATE UNIQUE INDEX $i ON $d (lower(a), id DESC) WHERE id > 1`,
			change: "DROP INDEX $i"},
	},
}

// TestStatementsOfLikes follows another table, also of another engine, by the statements of
// the findings. Nothing is left to follow but what no statement makes.
func TestStatementsOfLikes(t *testing.T) {
	t.Parallel()
	const source = "CREATE TABLE src (id bigint NOT NULL PRIMARY KEY, note varchar(40)," +
		" n decimal(9,2) DEFAULT 5 NOT NULL, d date)"
	const target = "CREATE TABLE dst (id int NOT NULL, note varchar(20))"
	for _, from := range warehouse.Dialects() {
		for _, to := range warehouse.Dialects() {
			if to == "sqlite" { // it alters no type
				continue
			}
			t.Run(fmt.Sprint(from, " to ", to), func(t *testing.T) {
				t.Parallel()
				other, b := newBench(t, from, warehouse.Config{}), newBench(t, to, warehouse.Config{})
				other.exec(source)
				b.exec(target, "INSERT INTO dst VALUES (1, 'a')")
				b.env.Warehouse = func(name string) (*warehouse.DB, error) {
					return map[string]*warehouse.DB{"w": b.db, "src": other.db}[name], nil
				}
				like := &checks.Schema{Like: &sentinel.Table{Warehouse: "src", Schema: other.schema, Name: "src"}}
				r := b.want("dst", like, sentinel.Fail, "")
				if len(r.Findings) < 4 {
					t.Errorf("findings: %+v", r.Findings)
				}
				for _, f := range r.Findings {
					if f.Statement == "" {
						t.Errorf("%s has no statement", f.Key)
						continue
					}
					b.exec(f.Statement)
				}
				b.want("dst", like, sentinel.Pass, "like src")
			})
		}
	}
}

// TestStatementsKeepValues executes statements on tables with rows. The server refuses what
// would change a value; what would make one up or delete one is not shown.
func TestStatementsKeepValues(t *testing.T) {
	t.Parallel()
	rows := []ddlRow{
		{name: "too long", before: "CREATE TABLE $d (a varchar(3)); INSERT INTO $d VALUES ('abc')",
			change: "ALTER TABLE $d $modify a $type varchar(9); INSERT INTO $d VALUES ('abcdef')"},
		{name: "too large", before: "CREATE TABLE $d (a smallint); INSERT INTO $d VALUES (1)",
			change: "ALTER TABLE $d $modify a $type bigint; INSERT INTO $d VALUES (99999999)"},
		{name: "digits", before: "CREATE TABLE $d (a numeric(6,1)); INSERT INTO $d VALUES (1.5)",
			change: "ALTER TABLE $d $modify a $type numeric(9,4); INSERT INTO $d VALUES (1.2345)"},
		{name: "fractions", before: "CREATE TABLE $d (a int); INSERT INTO $d VALUES (1)",
			change: "ALTER TABLE $d $modify a $type double precision; INSERT INTO $d VALUES (1.5)"},
		{name: "column of values", before: "CREATE TABLE $d (id int); INSERT INTO $d VALUES (1)",
			change: "ALTER TABLE $d ADD extra int; UPDATE $d SET extra = 5"},
		{name: "values of today", before: "CREATE TABLE $d (id int, at timestamp DEFAULT CURRENT_TIMESTAMP)",
			change: "ALTER TABLE $d DROP COLUMN at; INSERT INTO $d VALUES (1)"},
		{name: "not null", before: "CREATE TABLE $d (id int, a int NOT NULL); INSERT INTO $d VALUES (1, 2)",
			change: "ALTER TABLE $d DROP COLUMN a"},
	}
	for engine, words := range map[string][2]string{"postgres": {"ALTER", "TYPE"}, "mysql": {"MODIFY", ""}} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			rows := slices.Clone(rows)
			for i := range rows {
				rows[i].change = strings.NewReplacer("$modify", words[0], "$type", words[1]).Replace(rows[i].change)
			}
			b := newBench(t, engine, warehouse.Config{})
			conn := b.connection()
			before, changed := b.change(conn, rows)
			for n, r := range rows {
				name := r.of(n, "$d")
				was := b.content(conn, name)
				for _, d := range changed.drifts(b, name, before) {
					if d.Statement == "" {
						continue
					}
					_, err := conn.ExecContext(t.Context(), d.Statement)
					if now := b.content(conn, name); now != was {
						t.Errorf("%s: %s: %v: the table held %s, and holds %s", r.name, d.Statement, err, was, now)
					}
				}
			}
		})
	}
}

// content is what a table holds.
func (b *bench) content(conn *sql.Conn, table string) (text string) {
	b.tb.Helper()
	rows, err := conn.QueryContext(b.tb.Context(), "SELECT * FROM "+table)
	if err != nil {
		b.tb.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		b.tb.Fatal(err)
	}
	for rows.Next() {
		cells, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			b.tb.Fatal(err)
		}
		text += fmt.Sprintln(cells)
	}
	if err := rows.Err(); err != nil {
		b.tb.Fatal(err)
	}
	return text
}

// TestStatementsOfDeclaredColumns makes a table what the configuration declares.
func TestStatementsOfDeclaredColumns(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	for _, engine := range []string{"postgres", "mysql"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, engine, warehouse.Config{})
			b.exec("CREATE TABLE dst (id int NOT NULL, n int NOT NULL, m int)")
			declared := &checks.Schema{Columns: checks.DeclaredColumns{
				{Name: "id", Type: "bigint"}, {Name: "n", Nullable: &yes}, {Name: "m", Nullable: &no},
				{Name: "Note", Type: "varchar(20)"}, {Name: "any"},
			}}
			r := b.want("dst", declared, sentinel.Fail, "")
			for _, f := range r.Findings {
				if (f.Statement == "") != (f.Key == "column_removed:any") { // of which type it should be is not known
					t.Errorf("%s: statement %q", f.Key, f.Statement)
				}
				if f.Statement != "" {
					b.exec(f.Statement)
				}
			}
			b.exec("ALTER TABLE dst ADD COLUMN " + map[string]string{"postgres": `"any"`, "mysql": "`any`"}[engine] + " int")
			b.want("dst", declared, sentinel.Pass, "as declared")
		})
	}
}
