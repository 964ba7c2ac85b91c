package checks_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// runWithBaseline runs a schema check of the table t against a stored baseline.
func (b *bench) runWithBaseline(baseline []byte) checks.Outcome {
	b.tb.Helper()
	b.env.History = &history{baselines: map[string][]byte{"c0": baseline}, digests: true}
	return checks.Run(b.tb.Context(), b.env, "w", []checks.Job{b.job("t", &checks.Schema{})})[0]
}

// first returns the baseline that the first check of the table t takes.
func (b *bench) first() []byte {
	b.tb.Helper()
	b.env.History = &history{}
	o := checks.Run(b.tb.Context(), b.env, "w", []checks.Job{b.job("t", &checks.Schema{})})[0]
	if o.Baselines["c0"] == nil {
		b.tb.Fatalf("no baseline: %+v", o.Results)
	}
	return checks.EncodeSnapshot(o.Baselines["c0"])
}

// TestBaselineOfAnOlderVersionLearns holds that a baseline of a version that read no
// details reports none of them, and is replaced by one that has them.
func TestBaselineOfAnOlderVersionLearns(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE p (id integer PRIMARY KEY)")
		b.exec("CREATE TABLE t (id integer PRIMARY KEY, n integer DEFAULT 7 CHECK (n > 1), FOREIGN KEY (id) REFERENCES p (id))")
		table, err := checks.DecodeSnapshot(b.first())
		if err != nil {
			b.tb.Fatal(err)
		}
		table.Details, table.DetailsVersion, table.Server = nil, 0, ""
		table.Unreadable &^= warehouse.Details | warehouse.Rules | warehouse.Expressions
		table.Columns[1].Default = "public.f(7)" // as another search_path had it written
		o := b.runWithBaseline(checks.EncodeSnapshot(table))
		if r := o.Results[0]; r.Status != sentinel.Pass || len(r.Drifts) > 0 {
			b.tb.Errorf("%s %q %v", r.Status, r.Message, r.Drifts)
		}
		o = b.runWithBaseline(o.Renewals["c0"].Data)
		if len(o.Renewals) > 0 || o.Results[0].Status != sentinel.Pass {
			b.tb.Errorf("it is renewed again: %+v", o)
		}
		table.Columns = append(table.Columns, warehouse.Column{Name: "gone", ID: "9", Position: 3})
		o = b.runWithBaseline(checks.EncodeSnapshot(table))
		if o.Results[0].Status != sentinel.Fail || len(o.Renewals) > 0 {
			b.tb.Errorf("a removed column: %s, renewed %t", o.Results[0].Message, len(o.Renewals) > 0)
		}
	})
}

// TestBaselineWithoutNestedPartitionsLearns holds that a baseline of a version that did not
// read the partitions of partitions, or read each as the partition that it is in, reports
// none of them.
func TestBaselineWithoutNestedPartitionsLearns(t *testing.T) {
	t.Parallel()
	part := func(name, bound string) warehouse.Partition { return warehouse.Partition{Name: name, Bound: bound} }
	now := &warehouse.Table{DetailsVersion: 2, Partitions: []warehouse.Partition{
		{Name: "a", Bound: "range 10", By: "hash (k)"}, {Name: "asp0", Of: "a"}, {Name: "asp1", Of: "a"}}}
	for name, before := range map[string]*warehouse.Table{
		"without": {DetailsVersion: 1, Partitions: []warehouse.Partition{part("a", "range 10")}},
		"twice":   {DetailsVersion: 1, Partitions: []warehouse.Partition{part("a", "range 10"), part("a", "range 10")}},
	} {
		if drifts := checks.Diff(before, now, checks.DiffOptions{}); len(drifts) > 0 {
			t.Errorf("%s: %v", name, drifts)
		}
		before.Partitions = append(before.Partitions, part("b", "range 20"))
		if drifts := checks.Diff(before, now, checks.DiffOptions{}); len(drifts) != 1 || drifts[0].Key() != "partition_removed:b" {
			t.Errorf("%s, and one is gone: %v", name, drifts)
		}
	}
}

// TestUpgradedServerIsNoDrift holds that texts are compared between like versions alone.
func TestUpgradedServerIsNoDrift(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{})
	b.exec("CREATE TABLE u (id integer)", "CREATE VIEW t AS SELECT id FROM u WHERE id > 10")
	first := string(b.first())
	if !strings.Contains(first, "PostgreSQL 1") {
		t.Fatalf("no version in %s", first)
	}
	table, err := checks.DecodeSnapshot([]byte(first))
	if err != nil {
		t.Fatal(err)
	}
	table.Server, table.Definition, table.ID = "PostgreSQL 9", "SELECT u.id FROM u WHERE (u.id > 10)", "1"
	for i := range table.Details {
		table.Details[i].Stored = "another form"
	}
	o := b.runWithBaseline(checks.EncodeSnapshot(table))
	r := o.Results[0]
	if r.Status != sentinel.Pass || !strings.Contains(r.Message, "was PostgreSQL 9") || len(o.Renewals) != 1 {
		t.Errorf("%s %q, %d renewals", r.Status, r.Message, len(o.Renewals))
	}
	b.exec("CREATE OR REPLACE VIEW t AS SELECT id FROM u WHERE id > 11")
	if r := b.runWithBaseline(o.Renewals["c0"].Data).Results[0]; r.Status != sentinel.Fail {
		t.Errorf("a changed view after the upgrade: %s %q", r.Status, r.Message)
	}
}

// TestTableMadeAnewMovesItsBaseline holds that a rename after the table was made anew is
// told as a rename.
func TestTableMadeAnewMovesItsBaseline(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{})
	b.exec("CREATE TABLE t (id integer, a text)")
	first := b.first()
	b.exec("DROP TABLE t", "CREATE TABLE t (id integer, a text)")
	o := b.runWithBaseline(first)
	if r := o.Results[0]; r.Status != sentinel.Pass || strings.Join(kinds(r.Drifts), " ") != "table_replaced" {
		t.Errorf("made anew: %s %v", r.Status, r.Drifts)
	}
	b.exec("ALTER TABLE t RENAME a TO b")
	o = b.runWithBaseline(o.Renewals["c0"].Data)
	if got := strings.Join(kinds(o.Results[0].Drifts), " "); got != "column_renamed:b" || len(o.Renewals) > 0 {
		t.Errorf("renamed: %s", got)
	}
}

// TestRenamesAreOneDrift renames each column and table of a schema in which everything
// mentions everything: each rename is one drift of its table, and none of the others.
func TestRenamesAreOneDrift(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres", warehouse.Config{})
	conn := b.connection()
	run := func(statements ...string) {
		for _, s := range statements {
			if _, err := conn.ExecContext(t.Context(), s); err != nil {
				t.Fatalf("%s: %v", s, err)
			}
		}
	}
	run("CREATE TABLE d_0 (a int PRIMARY KEY, b int UNIQUE, c text, g int GENERATED ALWAYS AS (a + b) STORED,"+
		" CHECK (a < b), UNIQUE (b, c), EXCLUDE USING btree (b WITH =) WHERE (a > 5))",
		"CREATE INDEX ON d_0 (lower(c), a) WHERE b > 2", "CREATE INDEX ON d_0 (c) INCLUDE (a)",
		"CREATE TABLE d_1 (a int REFERENCES d_0 (a), b int REFERENCES d_0 (b) ON DELETE CASCADE, c text, PRIMARY KEY (a, b))",
		"CREATE VIEW d_2 AS SELECT x.a, x.b, y.c, x.g FROM d_0 x JOIN d_1 y USING (a, b) WHERE x.c > 'a'",
		"CREATE MATERIALIZED VIEW d_3 AS SELECT a + b AS a, c AS b, g AS c FROM d_0",
		"CREATE TABLE d_4 (a int, b int, c text) PARTITION BY RANGE (a, (b + 1))",
		"CREATE TABLE d_5 (a int, b int, c text) INHERITS (d_1)",
		"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
		"CREATE TRIGGER t BEFORE UPDATE OF b ON d_0 FOR EACH ROW WHEN (NEW.a > OLD.b) EXECUTE FUNCTION f()",
		"CREATE POLICY p ON d_0 USING (a IN (SELECT b FROM d_1)) WITH CHECK (c > '')",
		"CREATE RULE r AS ON DELETE TO d_1 WHERE OLD.c = 'x' DO INSTEAD NOTHING")
	before := b.tables(6)
	compare := func(what string, want map[string]string) {
		t.Helper()
		now := b.tables(6)
		for name := range before {
			wantDrifts(t, what+": "+name, now.after(name, before), want[name])
		}
	}
	for _, column := range []string{"a", "b", "c"} {
		for table := range before {
			if table == "d_5" { // its columns are those of its parent
				continue
			}
			want := map[string]string{table: "column_renamed:Renamed"}
			if table == "d_1" {
				want["d_5"] = "column_renamed:Renamed"
			}
			run(`ALTER TABLE ` + table + ` RENAME ` + column + ` TO "Renamed"`)
			compare(table+"."+column, want)
			run(`ALTER TABLE ` + table + ` RENAME "Renamed" TO ` + column)
		}
	}
	compare("all taken back", nil)
	for table := range before {
		run(`ALTER TABLE ` + table + ` RENAME TO "Renamed"`)
		compare(table, map[string]string{table: "table_dropped"})
		run(`ALTER TABLE "Renamed" RENAME TO ` + table)
	}
}

// TestLikeTypes holds which types of two engines are alike.
func TestLikeTypes(t *testing.T) {
	t.Parallel()
	types := []struct {
		postgres, mysql, sqlite string // "": it has none
		alike                   bool
	}{
		{"jsonb", "json", "json", true}, {"json", "json", "", true}, {"bytea", "blob", "blob", true},
		{"bytea", "longblob", "blob", true}, {"integer", "int", "integer", true}, {"smallint", "smallint", "smallint", true},
		{"bigint", "bigint", "bigint", true}, {"real", "float", "real", true}, {"timestamp", "datetime", "datetime", true},
		{"timestamptz", "timestamp NULL", "datetime", true}, {"time", "time", "time", true}, {"uuid", "uuid", "uuid", true},
		{"boolean", "boolean", "boolean", true}, {"text", "text", "text", true}, {"varchar(9)", "varchar(9)", "varchar(9)", true},
		{"numeric(9,2)", "decimal(9,2)", "decimal(9,2)", true}, {"date", "date", "date", true},
		{"money", "point", "", false}, {"integer", "int unsigned", "text", false}, {"inet", "year", "", false},
		{"timestamptz", "datetime", "", false}, {"bytea", "text", "text", false}, {"tsvector", "set('a')", "", false},
	}
	pg, my := newBench(t, "postgres", warehouse.Config{}), newBench(t, "mysql", warehouse.Config{})
	lite := newBench(t, "sqlite", warehouse.Config{})
	for n, c := range types {
		pg.exec("DROP TABLE IF EXISTS d_0", "CREATE TABLE d_0 (c "+c.postgres+")")
		for other, native := range map[*bench]string{my: c.mysql, lite: c.sqlite} {
			if native == "" {
				continue
			}
			other.exec("DROP TABLE IF EXISTS d_0", "CREATE TABLE d_0 (c "+native+")")
			left, right := pg.tables(1)["d_0"], other.tables(1)["d_0"]
			for _, pair := range [][2]*warehouse.Table{{left, right}, {right, left}} {
				drifts := checks.Diff(pair[0], pair[1], checks.DiffOptions{Across: true})
				if (len(drifts) == 0) != c.alike {
					t.Errorf("%d: %s and %s: %v", n, c.postgres, native, drifts)
				}
			}
		}
	}
}

// TestLongTextsShowWhatDiffers holds that a message has the part of a text that changed.
func TestLongTextsShowWhatDiffers(t *testing.T) {
	t.Parallel()
	long := "SELECT " + strings.Repeat("a_column, ", 40) + "n FROM t WHERE n = "
	before := &warehouse.Table{Kind: warehouse.View, Definition: long + "'formerly'"}
	after := &warehouse.Table{Kind: warehouse.View, Definition: long + "'presently'"}
	text := checks.RenderDrifts(checks.Diff(before, after, checks.DiffOptions{}))
	if !strings.Contains(text, "'formerly'") || !strings.Contains(text, "'presently'") || len(text) > 400 {
		t.Errorf("%s", text)
	}
}
