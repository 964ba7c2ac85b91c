package oracle_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/importers"
	_ "github.com/sentinel-dq/sentinel/importers/dbt"
	_ "github.com/sentinel-dq/sentinel/importers/gx"
	_ "github.com/sentinel-dq/sentinel/importers/odcs"
	_ "github.com/sentinel-dq/sentinel/importers/soda"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// formula is a check of another tool, and what that tool's documentation says that it computes.
type formula struct {
	tool string
	text string // of the check: below `tests:` of dbt, and so on
	// failed is SQL that is 1 if the other tool's check fails, 2 if it warns, 0 if it passes, and
	// NULL if it has nothing to judge. $t is the table.
	failed string
}

// rowsFail writes that a test fails by any row of a statement, as those of dbt do.
func rowsFail(statement string) string {
	return "SELECT CASE WHEN count(*) > 0 THEN 1 ELSE 0 END FROM (" + statement + ") x"
}

// formulas are statements of dbt's and dbt_utils' generic tests, metrics of SodaCL, expectations
// of Great Expectations, and rules of the Open Data Contract Standard. Their columns are such that
// engines compare the values alike.
var formulas = []formula{
	{"dbt", "c: m, not_null", rowsFail("SELECT m FROM $t WHERE m IS NULL")},
	{"dbt", "c: m, unique",
		rowsFail("SELECT m, count(*) AS n FROM $t WHERE m IS NOT NULL GROUP BY m HAVING count(*) > 1")},
	{"dbt", "c: g, accepted_values: {values: [DE, FR]}",
		rowsFail("SELECT v FROM (SELECT g AS v FROM $t GROUP BY g) a WHERE v NOT IN ('DE', 'FR')")},
	{"dbt", "c: m, relationships: {to: \"{{ source('s', '$t') }}\", field: id}",
		rowsFail(`SELECT k FROM (SELECT m AS k FROM $t WHERE m IS NOT NULL) c LEFT JOIN (SELECT id AS i
			FROM $t) p ON c.k = p.i WHERE p.i IS NULL`)},
	{"dbt", "c: m, dbt_utils.accepted_range: {min_value: 0, max_value: 10}",
		rowsFail("SELECT m FROM $t WHERE 1 = 2 OR NOT m >= 0 OR NOT m <= 10")},
	{"dbt", "c: m, dbt_utils.accepted_range: {max_value: 10, inclusive: false}",
		rowsFail("SELECT m FROM $t WHERE 1 = 2 OR NOT m < 10")},
	{"dbt", "c: m, dbt_utils.not_accepted_values: {values: [0, 10]}",
		rowsFail("SELECT v FROM (SELECT m AS v FROM $t GROUP BY m) a WHERE v IN ('0', '10')")},
	{"dbt", "c: m, dbt_utils.not_null_proportion: {at_least: 0.7}",
		"SELECT CASE WHEN sum(CASE WHEN m IS NULL THEN 0 ELSE 1 END) * 1.0 / count(*) < 0.7 THEN 1 ELSE 0 END FROM $t"},
	{"dbt", "c: g, dbt_utils.not_empty_string",
		rowsFail("SELECT v FROM (SELECT trim(g) AS v FROM $t) a WHERE v = ''")},
	{"dbt", "c: m, dbt_utils.at_least_one", rowsFail("SELECT count(m) AS n FROM $t HAVING count(m) = 0")},
	{"dbt", "c: g, dbt_utils.not_constant",
		rowsFail("SELECT count(DISTINCT g) AS n FROM $t HAVING count(DISTINCT g) = 1")},
	{"dbt", "dbt_utils.unique_combination_of_columns: {combination_of_columns: [g, m]}",
		rowsFail("SELECT g, m FROM $t GROUP BY g, m HAVING count(*) > 1")},
	{"dbt", "dbt_utils.expression_is_true: {expression: 'm < id'}",
		rowsFail("SELECT 1 AS n FROM $t WHERE NOT (m < id)")},
	{"dbt", "not_null: {column_name: m, config: {where: \"g = 'DE'\", error_if: '> 2'}}",
		"SELECT CASE WHEN count(*) > 2 THEN 1 WHEN count(*) > 0 THEN 2 ELSE 0 END FROM $t WHERE g = 'DE' AND m IS NULL"},
	{"dbt", "unique: {column_name: m, config: {error_if: '> 1'}}",
		"SELECT CASE WHEN count(*) > 1 THEN 1 WHEN count(*) > 0 THEN 2 ELSE 0 END FROM " +
			"(SELECT m FROM $t WHERE m IS NOT NULL GROUP BY m HAVING count(*) > 1) x"},

	{"soda", "missing_count(m) < 5",
		"SELECT CASE WHEN count(CASE WHEN m IS NULL THEN 1 END) < 5 THEN 0 ELSE 1 END FROM $t"},
	{"soda", "missing_count(g) = 0: {missing values: [DE]}",
		"SELECT CASE WHEN count(CASE WHEN g IS NULL OR g IN ('DE') THEN 1 END) = 0 THEN 0 ELSE 1 END FROM $t"},
	{"soda", "missing_percent(m) < 25%",
		`SELECT CASE WHEN count(*) = 0 OR count(CASE WHEN m IS NULL THEN 1 END) * 100.0 / count(*) < 25 THEN 0
			ELSE 1 END FROM $t`},
	{"soda", "invalid_count(g) <= 2: {valid values: [DE, FR]}",
		`SELECT CASE WHEN count(CASE WHEN g IS NOT NULL AND NOT g IN ('DE', 'FR') THEN 1 END) <= 2 THEN 0
			ELSE 1 END FROM $t`},
	{"soda", "invalid_percent(m) < 30%: {valid min: 1, valid max: 10}",
		`SELECT CASE WHEN count(*) = 0 OR count(CASE WHEN m < 1 OR m > 10 THEN 1 END) * 100.0 / count(*) < 30
			THEN 0 ELSE 1 END FROM $t`},
	{"soda", "duplicate_count(m) = 0",
		`SELECT CASE WHEN count(*) = 0 THEN 0 ELSE 1 END FROM (SELECT m FROM $t WHERE m IS NOT NULL GROUP BY m
			HAVING count(*) > 1) x`},
	{"soda", "duplicate_count(m) < 4",
		`SELECT CASE WHEN count(*) < 4 THEN 0 ELSE 1 END FROM (SELECT m FROM $t WHERE m IS NOT NULL GROUP BY m
			HAVING count(*) > 1) x`},
	{"soda", "avg(m) between 0 and 5000",
		"SELECT CASE WHEN avg(m) IS NULL THEN NULL WHEN avg(m) >= 0 AND avg(m) <= 5000 THEN 0 ELSE 1 END FROM $t"},
	{"soda", "max(m) < 11", "SELECT CASE WHEN max(m) IS NULL THEN NULL WHEN max(m) < 11 THEN 0 ELSE 1 END FROM $t"},
	{"soda", "row_count between 1 and 20", "SELECT CASE WHEN count(*) BETWEEN 1 AND 20 THEN 0 ELSE 1 END FROM $t"},
	{"soda", "values in (m) must exist in $t (id)",
		rowsFail("SELECT c.m FROM $t c LEFT JOIN $t p ON c.m = p.id WHERE p.id IS NULL AND c.m IS NOT NULL")},

	{"gx", `"expect_column_values_to_not_be_null", "kwargs": {"column": "m", "mostly": 0.7}`,
		"SELECT CASE WHEN count(*) = 0 OR count(m) * 1.0 / count(*) >= 0.7 THEN 0 ELSE 1 END FROM $t"},
	{"gx", `"expect_column_values_to_be_between", "kwargs": {"column": "m", "min_value": 0, "max_value": 10,
		"mostly": 0.6}`,
		`SELECT CASE WHEN count(m) = 0 OR count(CASE WHEN m BETWEEN 0 AND 10 THEN 1 END) * 1.0 / count(m) >= 0.6
			THEN 0 ELSE 1 END FROM $t`},
	{"gx", `"expect_column_values_to_be_in_set", "kwargs": {"column": "g", "value_set": ["DE", "FR"], "mostly": 0.5}`,
		`SELECT CASE WHEN count(g) = 0 OR count(CASE WHEN g IN ('DE', 'FR') THEN 1 END) * 1.0 / count(g) >= 0.5
			THEN 0 ELSE 1 END FROM $t`},
	{"gx", `"expect_column_values_to_be_unique", "kwargs": {"column": "m"}`,
		rowsFail("SELECT m FROM $t WHERE m IS NOT NULL GROUP BY m HAVING count(*) > 1")},
	{"gx", `"expect_column_max_to_be_between", "kwargs": {"column": "m", "min_value": 1, "max_value": 10}`,
		"SELECT CASE WHEN max(m) IS NULL THEN NULL WHEN max(m) BETWEEN 1 AND 10 THEN 0 ELSE 1 END FROM $t"},
	{"gx", `"expect_table_row_count_to_be_between", "kwargs": {"min_value": 2, "max_value": 50}`,
		"SELECT CASE WHEN count(*) BETWEEN 2 AND 50 THEN 0 ELSE 1 END FROM $t"},

	{"odcs", "{metric: nullValues, mustBeLessThan: 4}",
		"SELECT CASE WHEN count(*) - count(m) < 4 THEN 0 ELSE 1 END FROM $t"},
	{"odcs", "{metric: nullValues, mustBeLessOrEqualTo: 20, unit: percent}",
		"SELECT CASE WHEN count(*) = 0 OR (count(*) - count(m)) * 100.0 / count(*) <= 20 THEN 0 ELSE 1 END FROM $t"},
	{"odcs", "{metric: duplicateValues, mustBe: 0}",
		rowsFail("SELECT m FROM $t WHERE m IS NOT NULL GROUP BY m HAVING count(*) > 1")},
	{"odcs", "{metric: invalidValues, arguments: {validValues: [0, 1, 2]}, mustBeLessThan: 3}",
		"SELECT CASE WHEN count(CASE WHEN m NOT IN (0, 1, 2) THEN 1 END) < 3 THEN 0 ELSE 1 END FROM $t"},
}

const contractOf = `apiVersion: v3.1.0
kind: DataContract
version: 1.0.0
servers: [{server: x, type: postgres, schema: %s}]
schema: [{name: %s, properties: [{name: m, quality: [%s]}]}]
`

// file returns a file of the tool with the check.
func (f formula) file(schema, table string) (importers.File, importers.Options) {
	text := strings.ReplaceAll(f.text, "$t", table)
	o := importers.Options{Schema: schema}
	switch f.tool {
	case "dbt":
		column, test := "id", text
		if rest, of := strings.CutPrefix(text, "c: "); of {
			column, test, _ = strings.Cut(rest, ", ")
			text = fmt.Sprintf("{name: %s, columns: [{name: %s, tests: [%s]}]}", table, column, test)
		} else {
			text = fmt.Sprintf("{name: %s, tests: [%s]}", table, test)
		}
		if !strings.HasPrefix(test, "not_null:") && strings.Contains(test, ": ") {
			text = strings.Replace(text, "["+test+"]", "[{"+test+"}]", 1)
		}
		return importers.File{Name: "s.yml", Data: []byte(
			fmt.Sprintf("sources: [{name: s, schema: %s, tables: [%s]}]", schema, text))}, o
	case "soda":
		return importers.File{Name: "checks.yml", Data: []byte("checks for " + table + ":\n  - " + text + "\n")}, o
	case "gx":
		o.Table = table
		text = `{"expectation_suite_name": "s", "expectations": [{"type": ` + text + `}]}`
		return importers.File{Name: "s.json", Data: []byte(text)}, o
	}
	text = fmt.Sprintf(contractOf, schema, table, text)
	return importers.File{Name: "c.yaml", Data: []byte(text)}, o
}

// TestImportedChecksJudgeAsTheirToolDoes runs what the importers make of checks of other tools,
// and the formula of the other tool's documentation on the same rows.
func TestImportedChecksJudgeAsTheirToolDoes(t *testing.T) {
	engines := columnEngines(t)
	verdicts := map[string]int{}
	for k := range max(1, uint64(*rounds)/1000) {
		seed := *seed + k
		table := drawOdd(rand.New(rand.NewPCG(seed, 24)), fmt.Sprintf("i%d", seed))
		for _, name := range warehouse.Dialects() {
			e := engines[name]
			table.create(t, e)
			for _, f := range formulas {
				got, message := e.imported(t, f, table.name)
				want := e.failed(t, f, table.name)
				verdicts[fmt.Sprint(f.tool, " ", want)]++
				if got != want {
					t.Errorf("seed %d on %s: %s %s: %s, want %s: %s\n%s", seed, name, f.tool, f.text, got, want, message,
						shown(table.seen(e)))
				}
			}
			e.exec(t, "DROP TABLE "+table.name)
		}
	}
	t.Logf("verdicts: %v", verdicts)
}

// imported returns the worst status of the checks that a check of another tool becomes.
func (e *engine) imported(t *testing.T, f formula, table string) (worst sentinel.Status, message string) {
	t.Helper()
	file, options := f.file(e.database.Schema, table)
	got, err := importers.Import(f.tool, []importers.File{file}, options)
	if err != nil || len(got.Left) > 0 || len(got.Datasets) != 1 {
		t.Fatalf("%s %s: %v %v\n%s", f.tool, f.text, err, got.Left, file.Data)
	}
	text := got.YAML(e.name, e.database.Schema, "DSN")
	text = strings.Replace(text, `{dsn: "${DSN}"}`, `{dialect: `+e.name+`, dsn: "${DSN}"}`, 1)
	worst = sentinel.Pass
	for _, r := range e.checkFile(t, columnTick, []byte(text)) {
		if r.Status.Worse(worst) {
			worst, message = r.Status, r.Message
		}
	}
	return worst, message
}

// failed returns the verdict of the other tool.
func (e *engine) failed(t *testing.T, f formula, table string) sentinel.Status {
	t.Helper()
	var failed *int
	if err := e.owner.QueryRow(strings.ReplaceAll(f.failed, "$t", table)).Scan(&failed); err != nil {
		t.Fatalf("%s %s on %s: %v\n%s", f.tool, f.text, e.name, err, f.failed)
	}
	switch {
	case failed == nil:
		return sentinel.Unknown
	case *failed == 1:
		return sentinel.Fail
	case *failed == 2:
		return sentinel.Warn
	}
	return sentinel.Pass
}
