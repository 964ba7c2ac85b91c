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
		runCheck := func() []byte {
			o := checks.Run(b.tb.Context(), b.env, "w", []checks.Job{b.job("base", &checks.Schema{})})[0]
			if o.Results[0].Status != sentinel.Pass || o.Baselines["c0"] == nil {
				b.tb.Fatalf("first run: %+v", o)
			}
			return checks.EncodeSnapshot(o.Baselines["c0"])
		}
		first := runCheck()
		b.exec("INSERT INTO base VALUES (1, 'a')")
		if again := runCheck(); !bytes.Equal(again, first) {
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

func TestAFailedReadIsNoRemoval(t *testing.T) {
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
		return warehouse.Open(warehouse.Config{Name: "gone", DSN: sentinel.NewSecret("sqlite:/nowhere/gone.db")})
	}
	b.want("x", &checks.Schema{}, sentinel.Error, "could not run")
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

// TestNamesOfColumnsFold names columns in another case, on engines where case does not
// count.
func TestNamesOfColumnsFold(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"mysql", "sqlite"} {
		b := newBench(t, engine, warehouse.Config{})
		b.exec("CREATE TABLE f (ID bigint, at timestamp NULL)", "INSERT INTO f VALUES (1, CURRENT_TIMESTAMP)",
			"CREATE TABLE g (id bigint, AT timestamp NULL)")
		b.column = "AT"
		like := &checks.Schema{Like: &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: "g"}}
		declared := &checks.Schema{Columns: []checks.DeclaredColumn{{Name: "id", Type: "bigint"}, {Name: "At"}}}
		for _, r := range b.run("f", like, declared, &checks.Freshness{Fail: hour}, &checks.RowCount{By: []string{"id"}}) {
			if r.Status != sentinel.Pass {
				t.Errorf("%s: %s: %s", engine, r.Kind, r.Message)
			}
		}
	}
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
