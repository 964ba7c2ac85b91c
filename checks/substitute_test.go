package checks_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// above stands in for a table: the rows of another one whose id is at least a number.
type above struct {
	table warehouse.TableName
	id    int
}

func (a above) Query(d warehouse.Dialect, args *[]any) (string, error) {
	name, err := warehouse.QuoteTable(d, a.table)
	*args = append(*args, a.id)
	return fmt.Sprintf("SELECT id, country, amount, at, made FROM %s WHERE id >= %s UNION ALL SELECT id, country, amount, "+
		"at, made FROM %s WHERE id < 0", name, d.Param(len(*args)), name), err
}

// Every check that judges substituted rows says of them exactly what it says of a table
// that holds these rows. The others are left out, with the reason.
func TestSubstitutedRows(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.fillSubstitutes()
		sub := &checks.Substitute{
			Table:  sentinel.Table{Warehouse: "w", Schema: b.schema, Name: "now"},
			Rows:   above{warehouse.TableName{Schema: b.schema, Name: "stock"}, 20},
			Hidden: []string{"made"},
		}
		for name, make := range map[string]func(table string) checks.Check{
			"count": func(string) checks.Check { return &checks.RowCount{Fail: bound(t, "< 30")} },
			"count where": func(table string) checks.Check {
				return &checks.RowCount{Fail: bound(t, "< 7"), Options: checks.Options{Where: table + ".country = 'DE'"}}
			},
			"estimate": func(string) checks.Check { return &checks.RowCount{Fail: bound(t, "< 3"), Estimate: true} },
			"bucket": func(string) checks.Check {
				return &checks.RowCount{Bucketed: checks.Bucketed{Bucket: "day"}, Fail: bound(t, "!= 3")}
			},
			"partitions": func(string) checks.Check {
				return &checks.RowCount{ExpectedPartitions: &checks.Partitions{Every: "day", Last: 12}}
			},
			"segments": func(string) checks.Check { return &checks.RowCount{By: []string{"country"}, Fail: bound(t, "< 9")} },
			"fresh":    func(string) checks.Check { return &checks.Freshness{Warn: minute, Fail: 1000 * hour} },
			"fresh of some": func(string) checks.Check {
				return &checks.Freshness{Fail: hour, Options: checks.Options{Where: "country = 'FR'"}}
			},
			"fresh by segment": func(string) checks.Check { return &checks.Freshness{By: []string{"country"}, Fail: 30 * hour} },
			"reconcile": func(string) checks.Check {
				return &checks.Reconcile{With: b.tableOf("mirror"), Sum: []string{"amount"}}
			},
			"reconcile with itself": func(table string) checks.Check {
				return &checks.Reconcile{With: b.tableOf(table), Sum: []string{"amount"}}
			},
		} {
			real := b.run("later", make("later"))[0]
			env := b.env
			env.Substitute = sub
			got := checks.Run(t.Context(), env, "w", []checks.Job{b.job("now", make("now"))})[0]
			if len(got.LeftOut) > 0 || real.Status == sentinel.Error {
				b.tb.Fatalf("%s: left out: %v; %+v", name, got.LeftOut, real)
			}
			text := func(r sentinel.Result) string {
				var out strings.Builder
				fmt.Fprintln(&out, r.Status, len(r.Findings))
				for _, f := range r.Findings {
					fmt.Fprintln(&out, f.Key, f.Status, f.Expected)
				}
				for _, o := range r.Observations {
					if !strings.Contains(o.Metric, "freshness") && !strings.Contains(o.Metric, "age") {
						fmt.Fprintln(&out, o.Metric, o.Segment, o.Value, o.Bucket)
					}
				}
				return strings.ReplaceAll(out.String(), "now", "later")
			}
			if text(real) != text(got.Results[0]) {
				b.tb.Errorf("%s: of the table\n%sof the rows in its place\n%s%s", name, text(real), text(got.Results[0]),
					got.Results[0].Message)
			}
		}
		b.wantLeftOut(sub)
	})
}

func (b *bench) fillSubstitutes() {
	b.tb.Helper()
	columns := " (id integer, country varchar(2), amount integer, at " + b.plain() + ", made integer)"
	for _, name := range []string{"now", "stock", "later", "mirror"} {
		b.exec("CREATE TABLE " + name + columns)
	}
	for i := range 55 {
		day := b.ago(time.Duration(i%15)*24*time.Hour + time.Hour)
		b.exec(fmt.Sprintf("INSERT INTO stock VALUES (%d, '%s', %d, %s, %d)", i, []string{"DE", "FR", "IT"}[i%3], i*i, day, i))
	}
	b.exec("INSERT INTO later SELECT * FROM stock WHERE id >= 20", "INSERT INTO mirror SELECT * FROM later WHERE id <> 40",
		"INSERT INTO now SELECT * FROM stock WHERE id < 5")
}

func (b *bench) tableOf(name string) *sentinel.Table {
	return &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: name}
}

func (b *bench) wantLeftOut(sub *checks.Substitute) {
	b.tb.Helper()
	env := b.env
	env.Substitute = sub
	where := func(condition string) checks.Check {
		return &checks.RowCount{Fail: bound(b.tb, "< 0"), Options: checks.Options{Where: condition}}
	}
	for _, c := range []struct {
		check checks.Check
		why   string
	}{
		{&checks.Schema{}, "reads no rows"},
		{&checks.SQL{Query: "SELECT count(*) FROM now", Fail: bound(b.tb, "< 1")}, "names the tables"},
		{&checks.Freshness{Query: "SELECT max(at) FROM now", Fail: hour}, "names the tables"},
		{&checks.Freshness{Catalog: "only", Fail: hour}, "reads no rows"},
		{where("id IN (SELECT id FROM now)"), "query of its own"},
		{where("made > 3"), "fills the column made"},
		{&checks.RowCount{By: []string{"made"}, Fail: bound(b.tb, "< 0")}, "fills the column made"},
		{&checks.Reconcile{With: b.tableOf("mirror"), Sum: []string{"made"}}, "fills the column made"},
	} {
		got := checks.Run(b.tb.Context(), env, "w", []checks.Job{b.job("now", c.check)})[0]
		if why := got.LeftOut["c0"]; !strings.Contains(why, c.why) {
			b.tb.Errorf("%+v: left out: %q, want %q", c.check, why, c.why)
		}
	}
	got := checks.Run(b.tb.Context(), env, "w", []checks.Job{b.job("later", &checks.RowCount{Fail: bound(b.tb, "< 1")})})[0]
	if !strings.Contains(got.LeftOut["c0"], "reads no rows of the table") {
		b.tb.Errorf("a check of another table: %v", got.LeftOut)
	}
}
