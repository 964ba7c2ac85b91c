package checks_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// An expression that is no aggregate is an error of its check alone, and says what to write.
// It is none beside aggregates either, with which some engines give it the value of some row.
func TestAnExpressionThatIsNoAggregate(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE o (amount integer)", "INSERT INTO o VALUES (10), (20), (30)",
			"CREATE TABLE none (amount integer)", "CREATE TABLE one (amount integer)", "INSERT INTO one VALUES (10)")
		expression := func(text string) checks.Check {
			return &checks.AggregateCheck{Expression: text, Fail: bound(b.tb, "> 50")}
		}
		for _, text := range []string{"amount", "max(amount) OVER ()", "amount + (SELECT max(amount) FROM one)", "7"} {
			for table, rows := range map[string]string{"o": "more than one row", "none": "no row"} {
				results := b.run(table, expression("avg(amount)"), expression(text), expression("sum(amount) - 20"),
					&checks.RowCount{Fail: bound(b.tb, "> 3")})
				for i, r := range results {
					want, message := sentinel.Pass, ""
					switch {
					case i == 1:
						want, message = sentinel.Error, "is no aggregate: it gave "+rows
					case table == "none" && i < 3:
						want, message = sentinel.Unknown, "no value"
					}
					if r.Status != want || !strings.Contains(r.Message, message) {
						b.tb.Errorf("%s of %s: %s: %s %q, want %s %q", text, table, r.Check, r.Status, r.Message, want, message)
					}
				}
			}
		}
		b.want("o", expression("amount"), sentinel.Error, "expression: amount is no aggregate: it gave more than one row: "+
			"write what makes one number of all rows, such as avg(amount)")
		b.want("o", expression("max(amount) - min(amount)"), sentinel.Pass, "is 20")
	})
}

// However many rows such expressions give, the statement returns two at most.
func TestFewRowsAreReadOfWhatIsNoAggregate(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE o (amount integer)", "INSERT INTO o VALUES (10), (20), (30)")
		list := []checks.Check{&checks.RowCount{Fail: bound(b.tb, "< 1")}}
		for _, text := range []string{"amount", "amount + 1", "amount + 2"} {
			list = append(list, &checks.AggregateCheck{Expression: text, Fail: bound(b.tb, "> 50")})
		}
		for _, p := range checks.Plan(b.tb.Context(), b.env, "w", []checks.Job{b.job("o", list...)}) {
			b.db.Run(b.tb.Context(), []warehouse.Statement{p.Statement}, func(_ int, rows warehouse.Rows, err error) {
				if err != nil || len(rows) != 2 {
					b.tb.Errorf("%d rows, %v: %s", len(rows), err, p.Statement.SQL)
				}
			})
		}
	})
}
