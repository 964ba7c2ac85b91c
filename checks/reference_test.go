package checks_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

func TestReference(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(b *bench) {
		b.exec("CREATE TABLE orders (id bigint, customer bigint, code varchar(9))",
			"CREATE TABLE customers (id bigint, name varchar(9), active integer)",
			"INSERT INTO customers VALUES (1, 'a', 1), (2, 'b', 0), (NULL, NULL, 1)",
			"INSERT INTO orders VALUES (1, 1, 'a'), (2, 2, 'x'), (3, 3, 'b'), (4, NULL, NULL), (5, 3, '1')")
		to := &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: "customers"}
		ref := func(column, field string) *checks.Reference {
			return &checks.Reference{Column: column, To: to, Field: []string{field}}
		}
		r := b.want("orders", ref("customer", "id"), sentinel.Fail, "2 of 4 rows have a customer that is not in w."+b.schema+
			".customers (50%), expected <= 0")
		if len(r.Observations) != 2 {
			b.tb.Errorf("observations %+v", r.Observations)
		}
		where := ref("customer", "id")
		where.Where, where.ToWhere = "id < 3", "active = 1"
		b.want("orders", where, sentinel.Fail, "1 of 2 rows")
		b.want("orders", ref("code", "name"), sentinel.Fail, "2 of 4 rows")
		both := &checks.Reference{Columns: []string{"customer", "code"}, To: to, Field: []string{"id", "name"}}
		b.want("orders", both, sentinel.Fail, "3 of 4 rows")
		b.want("orders", ref("code", "id"), sentinel.Error, "no value of one is one of the other")
		b.want("orders", ref("customer", "nope"), sentinel.Error, "column nope does not exist; the table has id, name, active")
		// A name of the other table means nothing in where, nor the other way round.
		wrong := ref("customer", "id")
		wrong.ToWhere = "customer = 1"
		b.want("orders", wrong, sentinel.Error, "customer")
		gone := ref("customer", "id")
		gone.To = &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: "gone"}
		b.want("orders", gone, sentinel.Error, "does not exist")
		itself := &checks.Reference{Column: "customer", To: &sentinel.Table{Warehouse: "w", Schema: b.schema, Name: "orders"},
			Field: []string{"id"}}
		b.want("orders", itself, sentinel.Pass, "0 of 4 rows")
		planned := checks.Plan(t.Context(), b.env, "w", []checks.Job{b.job("orders", ref("customer", "id"),
			&checks.Missing{Column: "code"})})
		if len(planned) != 2 || strings.Count(planned[0].Statement.SQL, " FROM (SELECT ") != 1 {
			b.tb.Errorf("want the table's one statement and that of the orphans: %+v", planned)
		}
	})
}
