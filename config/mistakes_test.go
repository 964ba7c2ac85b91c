package config_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/config"
)

// plain is a file without a mistake.
const plain = `state: sqlite:sentinel.db
listen: 127.0.0.1:9780
warehouses:
  shop:
    dsn: "postgres://u@h/shop"
    repair_dsn: "postgres://w@h/shop"
    statement_timeout: 30s
defaults: {schedule: "*/5 * * * *", timezone: Europe/Berlin, tier: warning}
datasets:
  - table: shop.public.orders
    time_column: created_at
    checks:
      - freshness: {warn: 30m, fail: 1h}
      - row_count: {bucket: day, delay: 2h, fail: "< 1000"}
      - schema
  - table: shop.public.customers
    checks: [schema]
notify:
  team: {slack: {webhook_url: "https://hooks.slack.com/services/x"}}
routes: [{to: [team]}]
`

// Lines of plain that mistakes replace.
const (
	count       = `      - row_count: {bucket: day, delay: 2h, fail: "< 1000"}`
	schemaCheck = "      - schema\n"
	checksOfTwo = "    checks: [schema]\n"
	age         = `      - freshness: {warn: 30m, fail: 1h}`
)

// TestUsualMistakes puts one mistake into a file. It is refused or warned of at its
// line, with what to write instead.
func TestUsualMistakes(t *testing.T) {
	t.Parallel()
	if c, err := config.Parse("f.yaml", []byte(plain), env()); err != nil || len(c.Warnings) > 0 {
		t.Fatalf("%v, %+v", err, c)
	}
	for _, m := range slices.Concat(references, values, syntax) {
		text := strings.Replace(plain, m.right, m.wrong, 1)
		if text == plain {
			t.Errorf("%q is not in the file", m.right)
			continue
		}
		c, err := config.Parse("f.yaml", []byte(text), env())
		said := ""
		if err != nil {
			said = err.Error()
		} else {
			said = strings.Join(c.Warnings, "\n")
		}
		if !strings.HasPrefix(said, m.want) {
			t.Errorf("%s\nsays %q\nwant %q", m.wrong, said, m.want)
		}
	}
}

type mistake struct{ right, wrong, want string }

// TestTypesOfEngines declares types that an engine has, lacks, or may have.
func TestTypesOfEngines(t *testing.T) {
	t.Parallel()
	const text = "warehouses: {w: {dsn: \"%s\"}}\ndatasets:\n- table: w.a.b\n" +
		"  checks: [{schema: {columns: {c: \"%s\"}}}]\n"
	for _, c := range []struct{ dsn, declared, want string }{
		{"mysql://u@h/d", "bigintt", "4:35: schema: columns: c: unknown type \"bigintt\": did you mean \"bigint\"?"},
		{"mysql://u@h/d", "order_condition", "unknown type \"order_condition\": want one of"},
		{"mysql://u@h/d", "int unsigned", ""},
		{"mysql://u@h/d", "enum('a','b')", ""},
		{"mysql://u@h/d", "year", ""},
		{"mysql://u@h/d", "numeric(12,2)", ""},
		{"sqlite:x.db", "bigintt", "f.yaml:4: schema: columns: c: unknown type \"bigintt\": did you mean \"bigint\"?"},
		{"sqlite:x.db", "nvarchar(5)", ""},
		{"sqlite:x.db", "monetary", ""},
		{"postgres://u@h/d", "order_state", ""},
		{"postgres://u@h/d", "sales.uuidd", ""},
		{"postgres://u@h/d", "geometry(Point,4326)", ""},
		{"postgres://u@h/d", "timestamp(3) with time zone", ""},
		{"postgres://u@h/d", "integer[]", ""},
		{"postgres://u@h/d", "integr[]", "did you mean \"integer\"?"},
		{"postgres://u@h/d", "int64", "4:35: schema: columns: c: unknown type \"int64\": did you mean \"bigint\"?"},
	} {
		got, err := config.Parse("f.yaml", fmt.Appendf(nil, text, c.dsn, c.declared), env())
		said := ""
		if err != nil {
			said = err.Error()
		} else {
			said = strings.Join(got.Warnings, "\n")
		}
		if !strings.Contains(said, c.want) || c.want == "" && said != "" {
			t.Errorf("%s %s: %q, want %q", c.dsn, c.declared, said, c.want)
		}
	}
}

// TestDSNsThatAgree takes DSNs that are unusual, but right.
func TestDSNsThatAgree(t *testing.T) {
	t.Parallel()
	for _, keys := range []string{
		"dsn: \"postgres://u:p%23w@h1:5432,h2:5433/d?sslmode=verify-full&sslrootcert=/nowhere/ca.pem\"",
		"dsn: \"postgres:///d?host=/run/postgresql\"",
		"dsn: \"host=h dbname=d\", dialect: postgres",
		"dsn: \"u:p@tcp(h:3306)/d\", repair_dsn: \"mysql://w@h/d\"",
		"dsn: \"mysql://u@h/d?socket=/run/mysqld.sock\"",
		"dsn: \"sqlite:x.db\", repair_dsn: \"sqlite:x.db\", standby_dsn: [\"sqlite:y.db\"]",
	} {
		text := "warehouses: {w: {" + keys + "}}\ndatasets:\n- table: w.a.b\n  checks: [schema]\n"
		if c, err := config.Parse("f.yaml", []byte(text), env()); err != nil || len(c.Warnings) > 0 {
			t.Errorf("%s: %v %+v", keys, err, c)
		}
	}
}
