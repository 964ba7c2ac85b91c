package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// What is proposed for columns passes on the table that it was made from, and holds only for
// columns whose values are so, on every engine.
func TestColumnsThatDataObey(t *testing.T) {
	t.Parallel()
	for _, dialect := range warehouse.Dialects() {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			database := testenv.NewDatabase(t, dialect)
			var tuples []string
			for i := range 1500 {
				gap, rare, n := fmt.Sprint(i), "'it''s'", i%90
				if i%700 == 3 {
					gap, rare = "NULL", "'rare'"
				}
				tuples = append(
					tuples,
					fmt.Sprintf(
						"(%d, %d, '%s', %s, %s, %d, %d)",
						i,
						i/2,
						[]string{"paid", "It''s: a, b", "new"}[i%3],
						gap,
						rare,
						n,
						n-45,
					),
				)
			}
			database.Exec(
				t,
				"CREATE TABLE o (id integer, other_id integer, status varchar(20), gap integer, rare varchar(20), n integer, signed_n integer)",
				"INSERT INTO o VALUES "+strings.Join(tuples, ", "),
				"CREATE TABLE few (id integer, status varchar(20))",
				"INSERT INTO few VALUES (1, 'a'), (2, 'a')",
				"CREATE TABLE late (id integer, status varchar(20))",
			)
			proposed := says(t, "init", database.Warehouse, "--name", "w")
			for _, want := range []string{
				"- duplicate_count(id) = 0", "- missing_count(id) = 0", "- invalid: {column: 'n', min: 0}",
				"# - invalid: {column: 'status', valid_values: ['It''s: a, b', 'new', 'paid']}   # left out: the 1500 rows",
			} {
				if !strings.Contains(proposed, "      "+want) {
					t.Errorf("no %s in\n%s", want, proposed)
				}
			}
			for _, not := range []string{"missing_count(gap)", "duplicate_count(other_id)", "{column: 'rare', valid", "column: 'signed_n', min"} {
				if strings.Contains(proposed, not) {
					t.Errorf("%s in\n%s", not, proposed)
				}
			}
			if _, after, _ := strings.Cut(proposed, ".few'"); strings.Contains(
				after[:strings.Index(after+"- table", "- table")],
				"column:",
			) {
				t.Errorf("two rows are too few:\n%s", proposed)
			}
			file := filepath.Join(t.TempDir(), "sentinel.yaml")
			if err := os.WriteFile(file, []byte(strings.Replace(proposed, "${W_DSN}", "'"+database.Warehouse+"'", 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			var results []struct{ Check, Status, Message string }
			if err := json.Unmarshal([]byte(says(t, "check", "-c", file, "--no-state", "--format", "json")), &results); err != nil {
				t.Fatalf("%v\n%s", err, proposed)
			}
			for _, r := range results {
				if r.Status != "pass" && r.Status != "unknown" {
					t.Errorf("%s: %s (%s)", r.Check, r.Status, r.Message)
				}
			}
		})
	}
}
