package propose_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/app/propose"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
	_ "github.com/sentinel-dq/sentinel/warehouse/all"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// TestWordsThatACommentCannotHold: no list is proposed of values that would end the line of the
// comment, or that YAML does not take.
func TestWordsThatACommentCannotHold(t *testing.T) {
	t.Parallel()
	odd := []string{"a\u2028- x", "a\u0085- x", "a\x1b[2J", "a\tb", "a\u00a0b", "a\u202eb", "a\nb"}
	for _, engine := range warehouse.Dialects() {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			text := map[string]string{"mysql": "varchar(20) CHARACTER SET utf8mb4"}[engine]
			if text == "" {
				text = "varchar(20)"
			}
			d := testenv.NewDatabase(t, engine)
			columns, values := []string{"plain " + text}, []string{"'größer als 5 €: it''s'"}
			for i, v := range odd {
				columns, values = append(columns, fmt.Sprintf("c%d %s", i, text)), append(values, "'"+v+"'")
			}
			row := "(" + strings.Join(values, ", ") + "), "
			d.Exec(t, "CREATE TABLE o ("+strings.Join(columns, ", ")+")",
				"INSERT INTO o VALUES "+strings.TrimSuffix(strings.Repeat(row, 1000), ", "))
			db, err := warehouse.Open(warehouse.Config{Name: "w", Dialect: engine, DSN: sentinel.NewSecret(d.Warehouse),
				Clock: sentinel.ClockFunc(time.Now)})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			}()
			catalog, err := db.Catalog(t.Context(), warehouse.Scope{Facts: propose.Facts})
			if err != nil {
				t.Fatal(err)
			}
			source := propose.Source{Warehouse: "w", Dialect: db.Dialect, Catalog: catalog}
			var lists []string
			for _, of := range propose.Values(t.Context(), db, source) {
				for _, c := range of {
					if strings.Contains(c.Text, "valid_values") {
						lists = append(lists, c.Text)
					}
				}
			}
			want := "invalid: {column: 'plain', valid_values: ['größer als 5 €: it''s']}"
			if len(lists) != 1 || lists[0] != want {
				t.Errorf("%q, want %s", lists, want)
			}
		})
	}
}
