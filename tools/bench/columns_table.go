package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// The table of the column checks, and three ways to ask the same 20 questions: the
// configuration, one query a check as dbt sends it, and the fewest statements that a person
// would write by hand.

// buildOrders makes the tables orders, of n rows of at least 30 days that end now, and customers.
func buildOrders(ctx context.Context, conn *pgx.Conn, n int) error {
	step := max(2.6, 30*24*3600/float64(n)) // seconds from row to row
	for _, statement := range []string{
		`CREATE TABLE orders (id bigint, customer_id int, email text, country text, status text,
			amount numeric(12,2), qty int, score float8, ref text, note text, paid boolean,
			created_at timestamptz, updated_at timestamptz)`,
		"CREATE FUNCTION h(bigint) RETURNS bigint LANGUAGE sql IMMUTABLE RETURN hashint8($1)::bigint & 2147483647",
		fmt.Sprintf(`INSERT INTO orders SELECT g, h(g) %% %[2]d,
			CASE WHEN g %% 997 = 0 THEN NULL WHEN g %% 1009 = 0 THEN '' ELSE 'user' || h(g*7) %% %[3]d || '@example.com' END,
			(array['DE','US','FR','IT','ES','GB','PL','NL',NULL,'AT'])[1 + h(g*13) %% 10],
			(array['new','paid','shipped','done','cancelled'])[1 + h(g*17) %% 5], (h(g*19) %% 100000)::numeric / 100,
			h(g*23) %% 50,
			CASE WHEN g %% 50021 = 0 THEN 'NaN' ELSE h(g*29) / 1e9 END, 'R-' || lpad((h(g*31) %% 5000000)::text, 8, '0'),
			CASE WHEN g %% 3 = 0 THEN NULL ELSE 'note ' || g END, g %% 2 = 0, t + g * interval '%[4]f s',
			t + g * interval '%[4]f s' + interval '1 h'
			FROM generate_series(1, %[1]d) g, (VALUES (now() - %[1]d * interval '%[4]f s')) v(t)`,
			n, max(10, n/10), max(10, n/3), step),
		"CREATE UNIQUE INDEX ON orders (id)", "CREATE INDEX ON orders (created_at)",
		fmt.Sprintf("CREATE TABLE customers AS SELECT generate_series(0, %d)::int AS id", max(10, n/10)-max(2, n/100_000)),
		"ALTER TABLE customers ADD PRIMARY KEY (id)", "GRANT SELECT ON orders, customers TO reader",
		"VACUUM ANALYZE orders, customers",
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// question is one check: as the configuration has it, as dbt asks it, and as a column of the
// statement that a person would write.
type question struct {
	check, dbt, column string
}

// scalarQuestions are the 17 that one scan answers.
func scalarQuestions() (out []question) {
	counts := func(check, bad string) {
		out = append(out, question{check, "SELECT count(*) FROM (SELECT * FROM orders WHERE " + bad + ") t",
			"count(*) FILTER (WHERE " + bad + ")"})
	}
	for _, c := range []string{"customer_id", "amount", "qty", "paid", "updated_at"} {
		counts("missing: {column: "+c, c+" IS NULL")
	}
	counts(`missing: {column: email, fail: "> 1%"`, "email IS NULL")
	counts("missing: {column: email, id: empty, empty: true", "email IS NULL OR email = ''")
	counts("invalid: {column: status, valid_values: [new, paid, shipped, done, cancelled]",
		"status NOT IN ('new', 'paid', 'shipped', 'done', 'cancelled')")
	counts("invalid: {column: country, valid_values: [DE, US, FR, IT, ES, GB, PL, NL, AT]",
		"country NOT IN ('DE', 'US', 'FR', 'IT', 'ES', 'GB', 'PL', 'NL', 'AT')")
	counts("invalid: {column: qty, min: 0, max: 49", "NOT (qty >= 0 AND qty <= 49)")
	counts("invalid: {column: score, min: 0, max: 3", "NOT (score >= 0 AND score <= 3)")
	counts("invalid: {column: ref, length: 10", "length(ref) <> 10")
	counts(`invalid: {column: email, id: pattern, pattern: "^[^@ ]+@[^@ ]+[.][a-z]+$"`,
		"email !~ '^[^@ ]+@[^@ ]+[.][a-z]+$'")
	counts(`invalid: {column: ref, id: form, pattern: "^R-[0-9]{8}$"`, "ref !~ '^R-[0-9]{8}$'")
	for _, f := range []string{"avg", "sum", "stddev"} {
		call := f + "(amount)"
		check := "aggregate: {column: amount, function: " + f + `, fail: "< 0"`
		out = append(out, question{check, "SELECT " + call + " FROM orders", call})
	}
	return out
}

// keyQuestions are the three that need a statement of their own. An index answers the first.
func keyQuestions() []question {
	return []question{
		{"duplicate: {column: id", `SELECT count(*) FROM (SELECT id, count(*) FROM orders
			WHERE id IS NOT NULL GROUP BY id HAVING count(*) > 1) t`, ""},
		{"duplicate: {columns: [customer_id, created_at]",
			`SELECT count(*) FROM (SELECT customer_id, created_at FROM orders
				GROUP BY customer_id, created_at HAVING count(*) > 1) t`,
			`SELECT coalesce(sum(n - 1), 0), count(*) FROM (SELECT count(*) AS n FROM orders$where
				GROUP BY customer_id, created_at HAVING count(*) > 1) t`},
		{"reference: {column: customer_id, to: w.public.customers, field: id",
			`SELECT count(*) FROM (SELECT customer_id AS k FROM orders WHERE customer_id IS NOT NULL) child
				LEFT JOIN (SELECT id FROM customers) parent ON child.k = parent.id WHERE parent.id IS NULL`,
			"SELECT count(*) FROM orders o$where$and NOT EXISTS (SELECT 1 FROM customers c WHERE c.id = o.customer_id)"},
	}
}

// ordersConfig is a configuration of checks, each with further keys such as ", bucket: day".
func ordersConfig(dsn, state, more string, questions []question) string {
	var b strings.Builder
	fmt.Fprintf(&b, "state: %q\nwarehouses: {w: {dsn: %q, statement_timeout: 10m}}\ndefaults: {timezone: UTC}\n"+
		"datasets:\n  - table: w.public.orders\n    time_column: created_at\n    checks:\n", state, dsn)
	for _, q := range questions {
		fmt.Fprintf(&b, "      - %s%s}\n", q.check, more)
	}
	return b.String()
}

// byHand returns the statements that a person would write, about the rows of a condition.
func byHand(questions []question, where string) (out []string) {
	and := " WHERE"
	if where != "" {
		where, and = " WHERE "+where, " AND"
	}
	var columns []string
	for _, q := range questions {
		switch {
		case strings.HasPrefix(q.column, "SELECT"):
			out = append(out, strings.NewReplacer("$where", where, "$and", and).Replace(q.column))
		case q.column != "":
			columns = append(columns, q.column)
		}
	}
	return append([]string{"SELECT count(*), " + strings.Join(columns, ", ") + " FROM orders" + where}, out...)
}

// asDBT returns one statement for each check.
func asDBT(questions []question) (out []string) {
	for _, q := range questions {
		out = append(out, q.dbt)
	}
	return out
}
