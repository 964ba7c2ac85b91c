package checks_test

import (
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// A query of failing rows may end in semicolons and comments. Columns of one name are counted, or
// the error says what to write.
func TestQueriesOfFailingRows(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE q (id integer, s varchar(20))", "INSERT INTO q VALUES (1, 'a;--b'), (2, 'x')")
		for _, end := range []string{"", ";", " ; ;\n", "; -- done", " -- done", " -- done;\n;", " /* done; */ ;", ";\n-- one\n/* two */"} {
			c := &checks.FailedRows{
				Query:     "SELECT id FROM q WHERE s = 'a;--b'" + end,
				RowsQuery: "-- all\nSELECT id FROM q" + end,
			}
			b.want("q", c, sentinel.Fail, "1 of 2 rows fail")
		}
		double := &checks.FailedRows{Query: "SELECT a.id, b.id FROM q a JOIN q b ON a.id = b.id"}
		if b.name == "mysql" {
			b.want("q", double, sentinel.Error, "give each column of the query a name of its own, such as `b.id AS other_id`")
		} else {
			b.want("q", double, sentinel.Fail, "the query returns 2 rows")
		}
	})
}
