package odcs_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/importers"
	_ "github.com/sentinel-dq/sentinel/importers/odcs"
	_ "github.com/sentinel-dq/sentinel/warehouse/all"
)

const contract = `apiVersion: v3.1.0
kind: DataContract
version: 1.0.0
servers: [{server: prod, type: postgres, schema: mart}]
schema:
  - name: orders
    physicalName: orders_v1
    properties:
      - {name: id, physicalType: integer, primaryKey: true, primaryKeyPosition: 2, required: true}
      - {name: line, physicalType: integer, primaryKey: true, primaryKeyPosition: 1}
      - name: status
        logicalTypeOptions: {minLength: 1, pattern: "^[a-z]+$", other: 1}
        quality:
          - {metric: nullValues, mustBeLessThan: 5, unit: percent, severity: warning}
          - {metric: invalidValues, arguments: {validValues: [new, paid]}, mustBe: 0}
          - {type: text, description: be nice}
      - {name: customer, physicalType: float64, relationships: [{to: customers.id}]}
    quality:
      - {metric: rowCount, mustBeBetween: [1, 9], schedule: "0 6 * * *"}
      - {type: sql, query: "SELECT max(x) FROM {object}", mustBeLessThan: 3}
      - {type: sql, query: "SELECT max({property}) FROM {object}", mustBeLessThan: 3}
      - {type: custom, engine: soda, implementation: x}
      - {type: custom, engine: sentinel, implementation: "failed_rows: {expression: \"a > 1\"}"}
  - {name: customers}
slaProperties:
  - {property: latency, value: 4, unit: d, element: orders.at}
  - {property: endOfSupport, value: "2030-01-01"}
`

func TestContractBecomesChecks(t *testing.T) {
	t.Parallel()
	got, err := importers.Import("odcs", []importers.File{{Name: "c.yaml", Data: []byte(contract)}}, importers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out := got.YAML("w", "", "DSN")
	for _, want := range []string{
		`- table: "w.mart.orders_v1"`, `schema: {columns: {id: "integer", line: "integer", status: null, customer: null}, extra: ignore, type_widened: fail}`,
		`duplicate: {columns: ["line", "id"]}`, `invalid: {column: "status", min_length: 1, pattern: "^[a-z]+$$"}`,
		`missing: {column: "status", warn: ">= 5%"}`, `valid_values: ["new", "paid"], fail: "> 0"}`,
		`reference: {column: "customer", to: "w.mart.customers", field: "id"}`,
		`row_count: {schedule: "0 6 * * *", fail: "not between 1 and 9"}`, `sql: {query: "SELECT max(x) FROM mart.orders_v1", fail: ">= 3"}`,
		`failed_rows: {expression: "a > 1"}`, `freshness: {column: "at", fail: 4d}`,
		"a text is for people", "rules of the engine soda", "service level endOfSupport", "physicalType of customer",
		"other of status", "its ends are taken as values that are allowed",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("want %s in\n%s", want, out)
		}
	}
	dsn := func(string) (string, bool) { return "sqlite:x.db", true }
	if _, err := config.Parse("f.yaml", []byte(out), dsn); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if len(got.Left) != 6 {
		t.Errorf("left: %v", got.Left)
	}
}

// imported returns the configuration that a contract of one property becomes. It must load.
func imported(t *testing.T, property, quality string) (string, importers.Imported) {
	t.Helper()
	text := "apiVersion: v3.0.2\nschema:\n- name: t\n  quality: [" + quality + "]\n  properties: [" + property + "]\n"
	got, err := importers.Import("odcs", []importers.File{{Name: "c.yaml", Data: []byte(text)}}, importers.Options{Schema: "s"})
	if err != nil {
		t.Fatal(err)
	}
	out := got.YAML("w", "s", "DSN")
	dsn := func(string) (string, bool) { return "sqlite:x.db", true }
	if _, err := config.Parse("f.yaml", []byte(out), dsn); err != nil && len(got.Datasets) > 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	return out, got
}

// TestExclusiveEnds reads ends as version 3.0 writes them, with a truth value, and as version
// 3.1 does, with a limit.
func TestExclusiveEnds(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		"minimum: 1, exclusiveMinimum: true":                    `invalid: {column: "a", min: "1", exclusive: true}`,
		"exclusiveMaximum: true, maximum: 9":                    `invalid: {column: "a", max: "9", exclusive: true}`,
		"minimum: 1, exclusiveMinimum: false":                   `invalid: {column: "a", min: "1"}`,
		"exclusiveMinimum: 1.5":                                 `invalid: {column: "a", min: "1.5", exclusive: true}`,
		"exclusiveMaximum: 2024-01-01":                          `invalid: {column: "a", max: "2024-01-01", exclusive: true}`,
		"minimum: 1, maximum: 9, exclusiveMaximum: true":        `invalid: {id: "t/logicalTypeOptions(a)", column: "a", max: "9", exclusive: true}`,
		"minimum: '2024-01-01', exclusiveMaximum: '2025-01-01'": `invalid: {column: "a", min: "2024-01-01"}`,
	} {
		out, got := imported(t, "{name: a, logicalTypeOptions: {"+options+"}}", "")
		if !strings.Contains(out, "- "+want+"\n") || len(got.Left) > 0 {
			t.Errorf("%s: want %s in\n%s", options, want, out)
		}
	}
	for _, options := range []string{"exclusiveMinimum: true", "exclusiveMinimum: other", "minimum: other", "maximum: true",
		"exclusiveMaximum: [1]"} {
		out, got := imported(t, "{name: a, logicalTypeOptions: {"+options+"}}", "")
		if strings.Contains(out, "invalid:") || len(got.Left) != 1 {
			t.Errorf("%s: left %v\n%s", options, got.Left, out)
		}
	}
}

// TestRulesAreTakenExactly reads severities, schedules and thresholds of rules.
func TestRulesAreTakenExactly(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string]string{
		"severity: error, mustBe: 1":                  `row_count: {fail: "!= 1"}`,
		"severity: ERROR, mustBe: 1":                  `row_count: {fail: "!= 1"}`,
		"severity: critical, mustBe: 1":               `row_count: {fail: "!= 1"}`,
		"severity: Warning, mustBe: 1":                `row_count: {warn: "!= 1"}`,
		"severity: info, mustBe: 1":                   `row_count: {warn: "!= 1"}`,
		"mustBe: 1, schedule: 0 0 6 * * *":            "without its schedule, which has not five fields: 0 0 6 * * *",
		"mustBeGreaterThan: 1, mustBeLessThan: 9":     "it has two thresholds, mustBeGreaterThan and mustBeLessThan",
		"mustBeGreaterThan: 1, mustBeBetween: [1, 2]": "it has two thresholds, mustBeGreaterThan and mustBeBetween",
		"mustBeBetween: [1]":                          "mustBeBetween: want two ends",
	} {
		if out, _ := imported(t, "", "{metric: rowCount, "+rule+"}"); !strings.Contains(out, want) {
			t.Errorf("%s: want %s in\n%s", rule, want, out)
		}
	}
}

// The tags of a contract and of its objects are those of the datasets.
func TestTagsOfAContract(t *testing.T) {
	t.Parallel()
	text := strings.Replace(contract, "version: 1.0.0", "version: 1.0.0\ntags: [gold]", 1)
	text = strings.Replace(text, "    physicalName: orders_v1", "    physicalName: orders_v1\n    tags: [finance, \"a,b\", gold]", 1)
	got, err := importers.Import("odcs", []importers.File{{Name: "c.yaml", Data: []byte(text)}}, importers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out := got.YAML("w", "", "DSN")
	if !strings.Contains(out, `tags: ["finance", "gold"]`) || !strings.Contains(out, `the tag "a,b" has a comma`) {
		t.Errorf("got\n%s", out)
	}
}
