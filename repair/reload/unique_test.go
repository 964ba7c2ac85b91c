package reload_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// TestRowsThatAKeyForbidsAreRefused: rows of the source that a unique key of the table does not
// allow, together or beside the rows outside of the window, will not be allowed at another try
// either. The refusal names the key.
func TestRowsThatAKeyForbidsAreRefused(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		from := repairtest.New(t, b.Engine)
		columns := "id integer NOT NULL, code integer, at " + b.Instant + " NOT NULL"
		b.Exec("CREATE TABLE orders ("+columns+", PRIMARY KEY (id))", "CREATE UNIQUE INDEX by_code ON orders (code)",
			"INSERT INTO orders VALUES (1, 1, '2026-03-10 05:00:00')")
		before := b.Rows("orders")
		for name, c := range map[string]struct{ rows, says string }{
			"a key of the table twice": {"(2, 7, '2026-03-11 01:00:00'), (3, 7, '2026-03-11 02:00:00'), " +
				"(4, NULL, '2026-03-11 02:00:00'), (5, NULL, '2026-03-11 02:00:00')",
				"1 values of the key (code) stand more than once in the source"},
			"the same key twice": {"(2, 7, '2026-03-11 01:00:00'), (2, 8, '2026-03-11 02:00:00'), " +
				"(2, 9, '2026-03-11 03:00:00')", "1 values of the key (id) stand more than once in the source"},
			"a key of a row outside": {"(2, 1, '2026-03-11 01:00:00')",
				"1 rows of the source have a value of the unique key (code) that rows outside of the window have"},
		} {
			for _, at := range []*repairtest.Fixture{b, from} {
				at.Exec("DROP TABLE IF EXISTS staging", "CREATE TABLE staging ("+columns+")", "INSERT INTO staging VALUES "+c.rows)
			}
			for _, method := range []string{"delete_insert", "merge"} {
				for place, target := range map[string]*repair.Target{"here": b.Target(), "elsewhere": across(b, from)} {
					a := &reload.Partition{From: []sentinel.Table{b.Table("staging")}, Method: method, BatchRows: 2}
					if place == "elsewhere" {
						a.From[0] = sentinel.Table{Warehouse: "src", Schema: from.Schema, Name: "staging"}
					}
					run := b.NewRun(a, target)
					err := a.Stage(t.Context(), run)
					if err == nil {
						err = a.Apply(t.Context(), run)
					}
					var refused *repair.RefusedError
					if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.says) || b.Rows("orders") != before {
						t.Errorf("%s, %s from %s: %v", name, method, place, err)
					}
					b.Sweep()
				}
			}
		}
	})
}
