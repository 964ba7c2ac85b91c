package checks_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// drift is one change by real DDL, and the drifts it must be told as.
type drift struct {
	name  string
	setup string // what the table is made with, besides `CREATE TABLE d`
	ddl   string
	want  string // kinds with their objects
}

func driftsOf(name string) []drift {
	table := "CREATE TABLE d (id integer NOT NULL PRIMARY KEY, note varchar(20), amount decimal(12,2) DEFAULT 5)"
	common := []drift{
		{"nothing", table, "INSERT INTO d (id) VALUES (1)", ""},
		{"a column is added", table, "ALTER TABLE d ADD COLUMN extra integer", "column_added:extra"},
		{"a column is removed", table, "ALTER TABLE d DROP COLUMN note", "column_removed:note"},
		{"an index is added", table, "CREATE INDEX d_note ON d (note)", "index_added:d_note"},
		{"a unique index is added", table, "CREATE UNIQUE INDEX d_note ON d (note)", "unique_changed:d_note"},
		{"the table is dropped", table, "DROP TABLE d", "table_dropped"},
		{
			"the table becomes a view",
			table,
			"DROP TABLE d; CREATE VIEW d AS SELECT 1 AS id",
			"table_replaced column_removed:amount column_removed:note",
		},
		{"a view changes", "CREATE VIEW d AS SELECT 1 AS id", "DROP VIEW d; CREATE VIEW d AS SELECT 2 AS id", "view_changed"},
	}
	switch name {
	case "postgres":
		return append(
			common,
			drift{"a column is renamed", table, "ALTER TABLE d RENAME COLUMN note TO remark", "column_renamed:remark"},
			drift{"a type is widened", table, "ALTER TABLE d ALTER note TYPE varchar(40)", "type_widened:note"},
			drift{"an integer is widened", table, "ALTER TABLE d ALTER id TYPE bigint", "type_widened:id"},
			drift{"a type is narrowed", table, "ALTER TABLE d ALTER amount TYPE decimal(10,2)", "type_narrowed:amount"},
			drift{"a type changes", table, "ALTER TABLE d ALTER id TYPE double precision", "type_changed:id"},
			drift{
				"a zone is added",
				"CREATE TABLE d (at timestamp)",
				"ALTER TABLE d ALTER at TYPE timestamptz",
				"type_changed:at",
			},
			drift{
				"an enum grows",
				"DROP TYPE IF EXISTS mood CASCADE; CREATE TYPE mood AS ENUM ('a'); CREATE TABLE d (m mood)",
				"ALTER TYPE mood ADD VALUE 'b'",
				"type_widened:m",
			},
			drift{
				"not null is dropped",
				"CREATE TABLE d (n integer NOT NULL)",
				"ALTER TABLE d ALTER n DROP NOT NULL",
				"nullability_loosened:n",
			},
			drift{"not null is set", table, "ALTER TABLE d ALTER note SET NOT NULL", "nullability_tightened:note"},
			drift{"a default changes", table, "ALTER TABLE d ALTER amount SET DEFAULT 6", "default_changed:amount"},
			drift{
				"a column becomes an identity",
				"CREATE TABLE d (n integer NOT NULL)",
				"ALTER TABLE d ALTER n ADD GENERATED ALWAYS AS IDENTITY",
				"generated_changed:n",
			},
			drift{
				"a collation changes",
				table,
				`ALTER TABLE d ALTER note TYPE varchar(20) COLLATE "C"`,
				"collation_changed:note",
			},
			drift{
				"a column moves to the end",
				table,
				"ALTER TABLE d DROP COLUMN note; ALTER TABLE d ADD COLUMN note varchar(20)",
				"column_added:note column_removed:note",
			},
			drift{"the primary key changes", table, "ALTER TABLE d DROP CONSTRAINT d_pkey", "primary_key_changed"},
			drift{"a unique key is added", table, "ALTER TABLE d ADD CONSTRAINT u UNIQUE (note)", "unique_changed:u"},
			drift{
				"a foreign key is added",
				table,
				"ALTER TABLE d ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES d (id)",
				"foreign_key_changed:f",
			},
			drift{
				"an index is removed",
				table + "; CREATE INDEX d_note ON d (note)",
				"DROP INDEX d_note",
				"index_removed:d_note",
			},
			drift{
				"a partition is added",
				"CREATE TABLE d (id integer) PARTITION BY RANGE (id)",
				"CREATE TABLE d_1 PARTITION OF d FOR VALUES FROM (1) TO (9)",
				"partition_added:d_1",
			},
			drift{
				"a partition is removed",
				"CREATE TABLE d (id integer) PARTITION BY RANGE (id); CREATE TABLE d_1 PARTITION OF d FOR VALUES FROM (1) TO (9)",
				"DROP TABLE d_1",
				"partition_removed:d_1",
			},
			drift{
				"a comment changes",
				table,
				"COMMENT ON COLUMN d.note IS 'x'; COMMENT ON TABLE d IS 'y'",
				"comment_changed comment_changed:note",
			},
			drift{"the table is made anew", table, "DROP TABLE d; " + table, "table_replaced"},
			drift{"statistics are gathered", table, "ANALYZE d", ""},
		)
	case "mysql":
		return append(common,
			drift{"a type is widened", table, "ALTER TABLE d MODIFY note varchar(40)", "type_widened:note"},
			drift{"a sign is lost", table, "ALTER TABLE d MODIFY id integer unsigned NOT NULL", "type_changed:id"},
			drift{"a default changes", table, "ALTER TABLE d ALTER amount SET DEFAULT 6", "default_changed:amount"},
			drift{"columns are reordered", table, "ALTER TABLE d MODIFY note varchar(20) AFTER amount", "columns_reordered"},
			drift{"an enum grows", "CREATE TABLE d (m enum('a'))", "ALTER TABLE d MODIFY m enum('a','b')", "type_widened:m"},
			drift{"a comment changes", table, "ALTER TABLE d COMMENT 'x'", "comment_changed"},
			drift{"statistics are gathered", table, "ANALYZE TABLE d", ""},
		)
	}
	return common
}

func TestEveryChangeIsNamed(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		name := warehouse.TableName{Schema: b.schema, Name: "d"}
		look := func() *warehouse.Table {
			c, err := b.db.Catalog(
				t.Context(),
				warehouse.Scope{Tables: []warehouse.TableName{name}, Facts: warehouse.AllFacts &^ warehouse.Changes},
			)
			if err != nil {
				b.tb.Fatal(err)
			}
			return c.Tables[name]
		}
		statements := func(s string) []string { return strings.Split(s, "; ") }
		for _, c := range driftsOf(b.name) {
			b.exec(statements(c.setup)...)
			before := look()
			b.exec(statements(c.ddl)...)
			after := look()
			got := kinds(checks.Diff(before, after, checks.DiffOptions{}))
			want := strings.Fields(c.want)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				b.tb.Errorf("%s: got %v, want %v", c.name, got, want)
			}
			kind := "TABLE"
			if after != nil && after.Kind == warehouse.View {
				kind = "VIEW"
			}
			if after != nil {
				b.exec("DROP " + kind + " d")
			}
		}
	})
}

func kinds(drifts []sentinel.Drift) []string {
	var out []string
	for _, d := range drifts {
		out = append(out, d.Key())
	}
	slices.Sort(out)
	return out
}

func TestBaselineMovesOnlyWhenAccepted(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE base (id integer, note varchar(10))")
		accepted := &history{}
		b.env.History = accepted
		look := func() []byte {
			o := checks.Run(b.tb.Context(), b.env, "w", []checks.Job{b.job("base", &checks.Schema{})})[0]
			if o.Results[0].Status != sentinel.Pass || o.Baselines["c0"] == nil {
				b.tb.Fatalf("first look: %+v", o)
			}
			return checks.EncodeSnapshot(o.Baselines["c0"])
		}
		first := look()
		b.exec("INSERT INTO base VALUES (1, 'a')")
		if again := look(); !bytes.Equal(again, first) {
			b.tb.Errorf("the same shape with other rows:\n%s\n%s", first, again)
		}
		accepted.baselines = map[string][]byte{"c0": first}
		b.want("base", &checks.Schema{}, sentinel.Pass, "2 columns, as in the baseline")
		b.exec("ALTER TABLE base ADD COLUMN extra integer")
		for range 2 {
			b.want("base", &checks.Schema{}, sentinel.Warn, "column_added extra: ")
		}
		b.want(
			"base",
			&checks.Schema{Severities: checks.Severities{ColumnAdded: "ignore"}},
			sentinel.Pass,
			"as in the baseline",
		)
		b.want("base", &checks.Schema{IgnoreColumns: []string{"ex*"}}, sentinel.Pass, "as in the baseline")
		b.exec("ALTER TABLE base DROP COLUMN extra")
		b.want("base", &checks.Schema{}, sentinel.Pass, "2 columns, as in the baseline")
		b.exec("DROP TABLE base")
		b.want("base", &checks.Schema{}, sentinel.Fail, "table_dropped")
	})
}

func TestAFailedLookIsNoRemoval(t *testing.T) {
	t.Parallel()
	full := &warehouse.Table{
		Columns:    []warehouse.Column{{Name: "a"}, {Name: "b"}},
		Definition: "SELECT 1",
		Kind:       warehouse.View,
	}
	blind := &warehouse.Table{Kind: warehouse.View, Unreadable: warehouse.Columns | warehouse.Views}
	if d := checks.Diff(full, blind, checks.DiffOptions{}); len(d) != 0 {
		t.Errorf("drifts %v", d)
	}
	b := newBench(t, "sqlite", warehouse.Config{})
	data := checks.EncodeSnapshot(full)
	b.env.History = &history{baselines: map[string][]byte{"c0": data}}
	b.env.Warehouse = func(string) (*warehouse.DB, error) {
		return warehouse.Open(warehouse.Config{Name: "gone", DSN: "sqlite:/nowhere/gone.db"})
	}
	b.want("x", &checks.Schema{}, sentinel.Error, "could not look")
}

// TestDamagedSnapshotIsErrorOfItsCheckOnly runs a check with a damaged snapshot before
// checks without one.
func TestDamagedSnapshotIsErrorOfItsCheckOnly(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite", warehouse.Config{})
	b.exec("CREATE TABLE kept (id integer)")
	b.env.History = &history{baselines: map[string][]byte{"c0": []byte("damaged")}}
	results := b.run("kept", &checks.Schema{}, &checks.Schema{}, &checks.Schema{})
	if results[0].Status != sentinel.Error {
		t.Errorf("the check with a damaged snapshot: %s %q, want an error", results[0].Status, results[0].Message)
	}
	for _, r := range results[1:] {
		if r.Status != sentinel.Pass {
			t.Errorf("a check without a snapshot: %s %q, want pass", r.Status, r.Message)
		}
	}
}

func TestDeclaredColumns(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE decl (id integer NOT NULL, note varchar(20), amount decimal(12,2))")
		no := false
		declared := checks.DeclaredColumns{
			{Name: "id", Nullable: &no},
			{Name: "note", Type: "varchar"},
			{Name: "amount", Type: "decimal(12,2)"},
		}
		b.want("decl", &checks.Schema{Columns: declared}, sentinel.Pass, "as declared: 3 columns")
		b.want("decl", &checks.Schema{Columns: declared[:2]}, sentinel.Warn, "column_added amount")
		b.want("decl", &checks.Schema{Columns: declared[:2], Extra: "ignore"}, sentinel.Pass, "as declared")
		b.want(
			"decl",
			&checks.Schema{Columns: append(declared, checks.DeclaredColumn{Name: "gone"})},
			sentinel.Fail,
			"column_removed gone",
		)
		b.want(
			"decl",
			&checks.Schema{Columns: checks.DeclaredColumns{{Name: "amount", Type: "decimal(14,2)"}}, Extra: "ignore"},
			sentinel.Fail,
			"type_narrowed amount",
		)
		b.want(
			"decl",
			&checks.Schema{Columns: checks.DeclaredColumns{{Name: "note", Type: "integer"}}, Extra: "ignore"},
			sentinel.Fail,
			"type_changed note",
		)
	})
}

func TestLikeAcrossEngines(t *testing.T) {
	t.Parallel()
	pg, my := newBench(t, "postgres", warehouse.Config{}), newBench(t, "mysql", warehouse.Config{})
	pg.exec("CREATE TABLE source (id bigint PRIMARY KEY, name text, amount numeric(12,2), at timestamp, flag boolean)")
	my.exec("CREATE TABLE copy (id bigint PRIMARY KEY, name longtext, amount decimal(12,2), at datetime, flag boolean)")
	pg.env.Warehouse = func(name string) (*warehouse.DB, error) {
		if name == "my" {
			return my.db, nil
		}
		return pg.db, nil
	}
	like := &checks.Schema{Like: &sentinel.Table{Warehouse: "my", Schema: my.schema, Name: "copy"}}
	pg.want("source", like, sentinel.Pass, "5 columns")
	my.exec("ALTER TABLE copy ADD COLUMN coupon varchar(10), MODIFY amount decimal(14,2), MODIFY at timestamp NULL")
	r := pg.run("source", like)[0]
	if got := strings.Join(kinds(r.Drifts), " "); got != "column_added:coupon type_changed:at type_widened:amount" {
		t.Errorf("drifts: %s", got)
	}
}

func BenchmarkDiff1000Columns(b *testing.B) {
	before, after := &warehouse.Table{}, &warehouse.Table{}
	for i := range 1000 {
		c := warehouse.Column{
			Name:     "column_" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + string(rune('a'+i/26)),
			Position: i + 1,
			Type:     warehouse.ParseType("numeric(12,2)"),
		}
		before.Columns = append(before.Columns, c)
		if i%10 == 0 {
			c.Type = warehouse.ParseType("numeric(14,2)")
		}
		after.Columns = append(after.Columns, c)
	}
	b.ReportAllocs()
	for b.Loop() {
		checks.Diff(before, after, checks.DiffOptions{})
	}
}

func BenchmarkPlan10000Checks(b *testing.B) {
	bench := newBench(b, "sqlite", warehouse.Config{})
	bench.exec("CREATE TABLE t (id integer, at timestamp)")
	var jobs []checks.Job
	for range 2500 {
		jobs = append(
			jobs,
			bench.job(
				"t",
				&checks.RowCount{},
				&checks.Freshness{Fail: hour},
				&checks.RowCount{Bucketed: checks.Bucketed{Bucket: "day"}},
				&checks.Schema{},
			),
		)
	}
	for b.Loop() {
		checks.Plan(b.Context(), bench.env, "w", jobs)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms/10000checks")
}

// BenchmarkJudge judges the answers of a freshness, a row_count and a schema check.
func BenchmarkJudge(b *testing.B) {
	table := &warehouse.Table{
		TableName: warehouse.TableName{Schema: "s", Name: "t"},
		Kind:      warehouse.BaseTable,
		Columns:   []warehouse.Column{{Name: "c0", Type: warehouse.ParseType("timestamptz")}},
	}
	for i := range 9 {
		table.Columns = append(
			table.Columns,
			warehouse.Column{Name: fmt.Sprint("column", i), Position: i + 2, Type: warehouse.ParseType("numeric(12,2)")},
		)
	}
	target := checks.Target{
		Table:      sentinel.Table{Warehouse: "w", Schema: "s", Name: "t"},
		TimeColumn: "c0",
		Location:   time.UTC,
		Tick:       time.Unix(1_800_000_000, 0),
	}
	accepted := *table
	target.Known.Relation, target.Known.Baseline, target.Known.Catalog = table, &accepted, &warehouse.Catalog{}
	list := []checks.Check{&checks.Freshness{Fail: hour}, &checks.RowCount{Fail: bound(b, "< 1")}, &checks.Schema{}}
	var answers []checks.Answers
	for _, c := range list {
		if err := c.Validate(); err != nil {
			b.Fatal(err)
		}
		var a checks.Answers
		for _, q := range c.Ask(target, nil) {
			a = append(
				a,
				checks.Answered{
					Key:    q.Key,
					Answer: checks.Answer{Number: sentinel.Int(target.Tick.Unix() - 60), AsOf: target.Tick},
				},
			)
		}
		answers = append(answers, a)
	}
	for b.Loop() {
		for i, c := range list {
			if r := c.Judge(target, answers[i]); r.Status != sentinel.Pass {
				b.Fatal(r.Message)
			}
		}
	}
}
