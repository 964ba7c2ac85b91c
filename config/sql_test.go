package config_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/config"
)

// SQL that reaches into the statement around it is a mistake at its key.
func TestSQLThatReachesOutIsRefused(t *testing.T) {
	t.Parallel()
	for check, want := range map[string]string{
		`{row_count: {where: "a = :x", fail: "< 1"}}`:                             "5:32: row_count: where: it has the parameter :x",
		`{row_count: {where: "a = 1;", fail: "< 1"}}`:                             "5:32: row_count: where: it has a semicolon",
		`{freshness: {expression: "max(a", fail: 1h}}`:                            "5:37: freshness: expression: it opens a parenthesis",
		`{freshness: {query: "SELECT ?", fail: 1h}}`:                              "5:32: freshness: query: it has the parameter ?",
		`{sql: {query: "SELECT @a", fail: "> 0"}}`:                                "5:26: sql: query: it has the parameter @a",
		`{row_count: {bucket: day, time: {expression: "a) OR (b"}, fail: "< 1"}}`: "row_count: time.expression: it closes a parenthesis",
	} {
		_, err := config.Parse("f.yaml", fileWith("time_column: at", check), env())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", check, err, want)
		}
	}
	for _, check := range []string{
		`{row_count: {where: "a = 'x; :y ?' -- ;", fail: "< 1"}}`,
		`{sql: {query: "SELECT ':a', 1;", fail: "> 0"}}`,
	} {
		if _, err := config.Parse("f.yaml", fileWith("time_column: at", check), env()); err != nil {
			t.Errorf("%s: %v", check, err)
		}
	}
}
