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
