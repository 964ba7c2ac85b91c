package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/checks"
)

const columnsHead = "warehouses: {shop: {dsn: \"sqlite:x.db\"}}\ndatasets:\n  - table: shop.main.orders\n"

func parseColumns(tail string) (*Config, error) {
	return Parse("f.yaml", []byte(columnsHead+tail), func(string) (string, bool) { return "", false })
}

// Every spelling is the check that it says, with an id that no threshold is in.
func TestSpellingsOfColumnChecks(t *testing.T) {
	t.Parallel()
	for tail, want := range map[string]string{
		"    columns: {email: [not_null]}":                                             "missing:email > 0",
		"    columns: {email: not_null}":                                               "missing:email > 0",
		"    columns: {email: [{not_null: {fail: \"> 1%\"}}]}":                         "missing:email > 1%",
		"    columns: {s: [{accepted_values: [a, b]}]}":                                "invalid:s:valid_values > 0",
		"    columns: {s: [{accepted_values: {values: [a], quote: false}}]}":           "invalid:s:valid_values > 0",
		"    columns: {s: [{invalid: {format: email, by: [c]}}]}":                      "invalid:s:format:c > 0",
		"    checks: [{not_null: {column: email}}]":                                    "missing:email > 0",
		"    checks: [{accepted_values: {column: s, values: [a]}}]":                    "invalid:s:valid_values > 0",
		"    checks: [missing_percent(email) < 1%]":                                    "missing:email >= 1%",
		"    checks: [missing_percent(email) < 1]":                                     "missing:email >= 1%",
		"    checks: [\"missing_count( email ) = 0\"]":                                 "missing:email != 0",
		"    checks: [{invalid_count(s) = 0: {valid values: [a, b]}}]":                 "invalid:s:valid_values != 0",
		"    checks: [{invalid_percent(s): {valid regex: x, fail: when > 5}}]":         "invalid:s:pattern > 5%",
		"    columns: {id: [unique]}":                                                  "duplicate:id > 0",
		"    checks: [\"duplicate_count(a, b) = 0\"]":                                  "duplicate:a,b != 0",
		"    checks: [duplicate_percent(a) < 1%]":                                      "duplicate:a >= 1%",
		"    columns: {a: [{reference: shop.main.customers.id}]}":                      "reference:a:shop.main.customers > 0",
		"    columns: {a: [{relationships: {to: shop.main.customers, field: id}}]}":    "reference:a:shop.main.customers > 0",
		"    checks: [{reference: {columns: [a, b], to: shop.main.x, field: [c, d]}}]": "reference:a,b:shop.main.x > 0",
		"    checks: [\"values in (a, b) must exist in shop.main.x (c, d)\"]":          "reference:a,b:shop.main.x > 0",
		"    checks: [avg(amount) between 10 and 900]":                                 "aggregate:amount:avg not between 10 and 900",
		"    checks: [{failed_rows: {expression: a > b}}]":                             "failed_rows:a > b > 0",
		"    checks: [{failed_rows: {name: n, query: SELECT 1}}]":                      "failed_rows:n > 0",
	} {
		c, err := parseColumns(tail + "\n")
		if err != nil {
			t.Errorf("%s: %v", tail, err)
			continue
		}
		check := c.Datasets[0].Checks[0]
		id := strings.TrimPrefix(check.Common().ID, "shop.main.orders/")
		fail := ""
		switch k := check.Check.(type) {
		case *checks.Missing:
			fail = k.Fail.String()
		case *checks.Invalid:
			fail = k.Fail.String()
		case *checks.Duplicate:
			fail = k.Fail.String()
		case *checks.AggregateCheck:
			fail = k.Fail.String()
		case *checks.Reference:
			fail = k.Fail.String()
		case *checks.FailedRows:
			fail = k.Fail.String()
		}
		if got := id + " " + fail; got != want {
			t.Errorf("%s: %s, want %s", tail, got, want)
		}
	}
}

// Mistakes stand at their line, with what to write.
func TestMistakesInColumnChecks(t *testing.T) {
	t.Parallel()
	for tail, want := range map[string]string{
		"    columns:\n      email: [not_nul]\n":                                        "f.yaml:5:15: unknown check \"not_nul\"",
		"    columns:\n      email: [{missing: {column: x}}]\n":                         "f.yaml:5:34: the column stands above",
		"    columns:\n      email: [{missing: {a: b}, invalid: {}}]\n":                 "f.yaml:5:15: want a check of the column email",
		"    columns:\n      email: [{invalid: [a]}]\n":                                 "f.yaml:5:25: invalid: want its fields",
		"    columns: [email]\n":                                                        "f.yaml:4:14: want a mapping of columns",
		"    checks: [{invalid: {column: s}}]\n":                                        "no rule for the values",
		"    checks: [{invalid: {column: s, pattern: \"a(?=b)\"}}]\n":                   "the pattern has a look-ahead",
		"    checks: [{invalid: {column: s, format: emial}}]\n":                         "did you mean \"email\"",
		"    checks: [{invalid: {column: s, min: now-7x}}]\n":                           "f.yaml:4:41: invalid: min",
		"    checks: [{missing: {column: s, fail: \"> 101%\"}}]\n":                      "a share is 0% to 100%",
		"    checks: [{missing: {column: s, at_least_one: true, fail: \"> 1\"}}]\n":     "it replaces warn and fail",
		"    checks: [{missing: {column: s, clear: \"< 1\"}}]\n":                        "missing has no number for clear",
		"    checks: [missing_count(s) < 1%]\n":                                         "write missing_percent",
		"    checks: [{reference: {column: a, to: other.main.x}}]\n":                    "f.yaml:4:42: unknown warehouse \"other\"",
		"    checks: [{reference: {column: a, to: shop.main.x, field: [b, c]}}]\n":      "2 columns for 1",
		"    checks: [invalid_count(s) = 0]\n":                                          "no rule for the values",
		"    checks: [{failed_rows: {query: DELETE FROM t}}]\n":                         "the query begins with DELETE",
		"    checks: [{failed_rows: {query: SELECT 1, fail: \"> 1%\"}}]\n":              "a share needs rows_query",
		"    checks: [{failed_rows: {expression: a > 1) OR (1 = 1}}]\n":                 "it closes a parenthesis",
		"    checks: [{missing: {column: s}}, {missing: {column: s, fail: \"> 9\"}}]\n": "give one of them another `id:`",
	} {
		_, err := parseColumns(tail)
		var mistakes *Errors
		if !errors.As(err, &mistakes) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", tail, err, want)
		}
	}
}

func TestNullInAListOfValuesIsWarnedOf(t *testing.T) {
	t.Parallel()
	c, err := parseColumns("    columns: {s: [{accepted_values: [a, null]}]}\n")
	if err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "f.yaml:4: a null in a list") {
		t.Errorf("%v, %+v", err, c)
	}
}
