package mysql_test

import (
	"database/sql"
	"testing"

	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse/mysql"
)

// TestLongValuesAreSpeltApart: a group that the server sorts has the rows of one value, also
// where values differ beyond the bytes that it sorts by.
func TestLongValuesAreSpeltApart(t *testing.T) {
	t.Parallel()
	dsn := testenv.MySQL(t)
	testenv.Exec(t, "mysql", dsn, "CREATE TABLE texts (v mediumtext)", `INSERT INTO texts VALUES
		(NULL), (''), ('a'), ('A'), ('a '),
		(repeat('x', 1000)), (repeat('x', 1001)), (repeat('x', 1024)), (repeat('x', 1025)),
		(concat(repeat('x', 2000), '1')), (concat(repeat('x', 2000), '2')), (concat('1', repeat('x', 2000)))`,
		"INSERT INTO texts SELECT * FROM texts")
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	spelt := mysql.Dialect{}.Spell("v")
	for what, want := range map[string]int{
		"count(*) FROM (SELECT SQL_BIG_RESULT " + spelt + " AS s, count(*) FROM texts GROUP BY s) grouped": 12,
		"max(LENGTH(" + spelt + ")) FROM texts":           1024,
		"count(*) FROM texts WHERE " + spelt + " IS NULL": 2,
	} {
		var got int
		if err := db.QueryRowContext(t.Context(), "SELECT "+what).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", what, got, err, want)
		}
	}
}
