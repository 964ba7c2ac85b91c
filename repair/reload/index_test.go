package reload_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// The rows of staging tables have an index on the key, whatever its type. Without it MariaDB
// reads all staged rows for each row of the window.
func TestStagingTablesHaveAnIndexOnTheKey(t *testing.T) {
	t.Parallel()
	var wide []string
	for range 15 {
		wide = append(wide, "varchar(40)")
	}
	for _, types := range [][]string{
		{"integer"}, {"bigint unsigned"}, {"decimal(65,30)"}, {"date"}, {"datetime(6)"}, {"char(255)"}, {"varchar(191)"},
		{"varchar(192)"}, {"varchar(700)"}, {"varbinary(700)"}, {"binary(16)"}, {"enum('11','12')"}, {"tinytext"}, {"text", "tinyblob", "longblob"},
		{"varchar(700)", "integer"}, {"varchar(180)", "varchar(180)", "varchar(180)", "varchar(180)"}, wide,
	} {
		t.Run(strings.Join(types, ","), func(t *testing.T) {
			t.Parallel()
			b := repairtest.New(t, "mysql")
			a := &reload.Partition{From: []sentinel.Table{b.Table("staging")}, SingleWrite: true}
			columns, key := "at "+b.Instant, []string{}
			for i, name := range types {
				a.Key = append(a.Key, fmt.Sprintf("k%d", i))
				columns += fmt.Sprintf(", k%d %s NOT NULL", i, name)
				key = append(key, "'11'")
			}
			if types[0] == "date" || types[0] == "datetime(6)" {
				key[0] = "'2026-03-11'"
			}
			for _, table := range []string{"orders", "staging"} {
				b.Exec("CREATE TABLE "+table+" ("+columns+") ROW_FORMAT=DYNAMIC",
					"INSERT INTO "+table+" VALUES ('2026-03-11 01:02:03', "+strings.Join(key, ", ")+")")
			}
			run := b.NewRun(a, b.Target())
			b.Must(a.Stage(t.Context(), run), a.Apply(t.Context(), run))
			got := repairtest.Query(t, b.Driver, b.Owner, "SELECT count(*) FROM information_schema.statistics "+
				"WHERE table_schema = '"+b.Schema+"' AND table_name LIKE 'sentinel%stage%"+run.Repair.ID+"%' AND column_name REGEXP '^k[0-9]+$'")
			if want := fmt.Sprintf("%d|\n", 2*len(types)); got != want {
				t.Errorf("columns in indexes: %s, want %s", got, want)
			}
		})
	}
}
