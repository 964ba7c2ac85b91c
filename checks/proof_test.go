package checks_test

import (
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// wantSource runs a check, which must pass by a source: "constraint" reads no row.
func (b *bench) wantSource(table, source string, c checks.Check) {
	b.tb.Helper()
	r := b.run(table, c)[0]
	if r.Status != sentinel.Pass || r.Evidence.Source != source {
		b.tb.Errorf("%s %s: %s %q by %q, want pass by %q", table, c.Common().Aspect, r.Status, r.Message, r.Evidence.Source, source)
	}
}

// What the engine enforces is not read, unless the check says so. What it does not enforce
// is read, whatever it looks like.
func TestConstraintsProveRules(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE p (id bigint NOT NULL, n bigint NOT NULL, k bigint, s varchar(20) NOT NULL, PRIMARY KEY (id))",
			"CREATE UNIQUE INDEX p_n ON p (n)", "CREATE UNIQUE INDEX p_k ON p (k)", "CREATE UNIQUE INDEX p_s ON p (s)",
			"INSERT INTO p VALUES (1, 1, NULL, 'a'), (2, 2, NULL, 'b')",
			"CREATE VIEW v AS SELECT * FROM p")
		b.wantSource("p", "constraint", &checks.Missing{Column: "n"})
		b.wantSource("p", "constraint", &checks.Missing{Column: "n", Options: checks.Options{Where: "id > 1"}})
		b.wantSource("p", "constraint", &checks.Duplicate{Column: "id"})
		b.wantSource("p", "constraint", &checks.Duplicate{Columns: []string{"s", "id"}})
		loose := "constraint"
		if b.name == "mysql" {
			loose = "scan" // a load with unique_checks=0 may break it
		}
		b.wantSource("p", loose, &checks.Duplicate{Column: "n"})
		b.wantSource("p", loose, &checks.Duplicate{Column: "k"})
		b.wantSource("p", "scan", &checks.Duplicate{Column: "s"}) // collations change with the C library
		b.wantSource("p", "scan", &checks.Duplicate{Columns: []string{"k", "s"}, IncludeNull: true, Verify: true})
		b.wantSource("p", "scan", &checks.Missing{Column: "n", Verify: true})
		b.wantSource("p", "scan", &checks.Missing{Column: "s", Empty: true})
		b.wantSource("p", "scan", &checks.Missing{Column: "n", BadRows: checks.BadRows{OnEmpty: "fail"}})
		b.wantSource("v", "scan", &checks.Missing{Column: "n"})
		b.wantSource("v", "scan", &checks.Duplicate{Column: "id"})
		b.want("p", &checks.Duplicate{Column: "k", IncludeNull: true}, sentinel.Fail, "1 of 2 rows repeat k")
	})
}

// Rows of tables that inherit from another are rows of it, and its constraints do not hold
// for them. Nor does an index of some rows.
func TestConstraintsThatDoNotHoldForAllRows(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{})
	b.exec("CREATE TABLE parent (id bigint PRIMARY KEY)", "CREATE TABLE child () INHERITS (parent)",
		"INSERT INTO parent VALUES (1)", "INSERT INTO child VALUES (1)",
		"CREATE TABLE part (id bigint)", "CREATE UNIQUE INDEX ON part (id) WHERE id > 5", "INSERT INTO part VALUES (1), (1)")
	b.want("parent", &checks.Duplicate{Column: "id"}, sentinel.Fail, "1 of 2 rows repeat id")
	b.want("part", &checks.Duplicate{Column: "id"}, sentinel.Fail, "1 of 2 rows repeat id")
	b.exec("CREATE TABLE whole (id bigint NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)")
	b.wantSource("whole", "constraint", &checks.Duplicate{Columns: []string{"id", "at"}})
	b.wantSource("whole", "constraint", &checks.Missing{Column: "id"})
}

// The engine says which keys are equal, or the characters do.
func TestDuplicatesOfTexts(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		folding := map[string]string{"postgres": "text", "mysql": "varchar(20) COLLATE utf8mb4_general_ci", "sqlite": "text COLLATE NOCASE"}
		b.exec("CREATE TABLE d (s "+folding[b.name]+")", "INSERT INTO d VALUES ('a'), ('A'), ('b'), ('b'), (NULL), (NULL)")
		extra := "2 of 4 rows repeat s (50%)"
		if b.name == "postgres" {
			extra = "1 of 4 rows repeat s (25%)"
		}
		b.want("d", &checks.Duplicate{Column: "s"}, sentinel.Fail, extra)
		b.want("d", &checks.Duplicate{Column: "s", Compare: "exact"}, sentinel.Fail, "1 of 4 rows repeat s (25%)")
		b.want("d", &checks.Duplicate{Column: "s", Compare: "exact", Count: "keys"}, sentinel.Fail, "1 of 3 keys occur more than once")
		b.want("d", &checks.Duplicate{Column: "s", Compare: "exact", IncludeNull: true}, sentinel.Fail, "2 of 6 rows")
		b.want("d", &checks.Duplicate{Column: "nope"}, sentinel.Error, "column nope does not exist; the table has s")
	})
}

// SQLite allows NULL in a primary key that is not the rowid, and takes the WHERE of a partial
// index after any space.
func TestKeysOfSQLiteThatProveNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite", warehouse.Config{})
	b.exec("CREATE TABLE pair (a INTEGER, b INTEGER, PRIMARY KEY (a, b))", "INSERT INTO pair VALUES (NULL, 1), (NULL, 2), (1, 1)",
		"CREATE TABLE falling (a INTEGER PRIMARY KEY DESC)", "INSERT INTO falling VALUES (NULL), (1)",
		"CREATE TABLE part (a INTEGER, active INTEGER)", "INSERT INTO part VALUES (5, 1), (5, 0), (5, 0)",
		"CREATE UNIQUE INDEX part_line ON part (a)\nWHERE active = 1", "CREATE UNIQUE INDEX part_close ON part (a)WHERE active = 1",
		"CREATE TABLE rowid (a INTEGER PRIMARY KEY)", "INSERT INTO rowid VALUES (1)")
	b.want("pair", &checks.Missing{Column: "a"}, sentinel.Fail, "2 of 3 rows have no a")
	b.want("falling", &checks.Missing{Column: "a"}, sentinel.Fail, "1 of 2 rows have no a")
	b.want("part", &checks.Duplicate{Column: "a"}, sentinel.Fail, "2 of 3 rows repeat a")
	b.wantSource("rowid", "constraint", &checks.Missing{Column: "a"})
	b.wantSource("rowid", "constraint", &checks.Duplicate{Column: "a"})
}

// One row is enough for a verdict of at_least_one, also in a segment.
func TestAtLeastOneJudgesFewRows(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE few (k varchar(5), x bigint)", "INSERT INTO few VALUES ('a', NULL), ('a', NULL), ('b', NULL), ('b', 1)")
		b.want("few", &checks.Missing{Column: "x", AtLeastOne: true, BadRows: checks.BadRows{By: []string{"k"}}},
			sentinel.Fail, "2 of 2 rows have no x (100%) in k=a")
	})
}

// The smallest whole number is a number, and a condition on the time is bound once however
// many columns a key has.
func TestExtremesAndKeysOfBuckets(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE x (a bigint, b bigint, at "+b.plain()+")",
			"INSERT INTO x VALUES (-9223372036854775808, 1, "+b.ago(24*time.Hour)+"), (5, 1, "+b.ago(24*time.Hour)+"), "+
				"(5, 1, "+b.ago(24*time.Hour)+")")
		b.want("x", &checks.AggregateCheck{Column: "a", Function: "min", Fail: bound(t, "> 0")}, sentinel.Pass, "-9,223,372,036,854,775,808")
		b.want("x", &checks.Duplicate{Columns: []string{"a", "b"}, BadRows: checks.BadRows{TimeBucket: checks.TimeBucket{
			Bucket: "day", Time: &checks.TimeColumn{Expression: "at"}}}}, sentinel.Fail, "1 of 3 rows repeat a, b")
	})
}
