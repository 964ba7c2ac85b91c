package dialecttest

import (
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// customStatements: what only reads is not refused, and everything else is, whatever
// stands around it.
func (s suite) customStatements(t *testing.T) {
	for _, text := range []string{
		"SELECT 1", "select 1", "SELECT 1;", "(SELECT 1)", "WITH x AS (SELECT 1 AS n) SELECT n FROM x",
		"-- how many\n/* of them */ SELECT 1", "SELECT 1 -- all; DELETE", "SELECT 'a; DELETE FROM t', 'it''s;'",
		"SELECT count(*) FROM t WHERE w = 'into; delete; set' /* ; DROP TABLE t */",
	} {
		if err := warehouse.CheckQuery(s.Dialect, text); err != nil {
			t.Errorf("%s is refused: %v", text, err)
		}
	}
	b := s.open(t, warehouse.Config{MaxConnections: 1, StatementTimeout: 5 * time.Second})
	b.exec("CREATE TABLE [kept] ([id] "+s.Types.Integer+")", "INSERT INTO [kept] VALUES (1)")
	for _, text := range []string{
		"", ";", "/* nothing */", "DELETE FROM [kept]", "INSERT INTO [kept] VALUES (2)", "UPDATE [kept] SET [id] = 3",
		"MERGE INTO [kept]", "REPLACE INTO [kept] VALUES (2)", "DROP TABLE [kept]", "TRUNCATE TABLE [kept]",
		"CREATE TABLE [new_one] ([id] " + s.Types.Integer + ")", "ALTER TABLE [kept] ADD [x] " + s.Types.Integer,
		"COMMIT", "ROLLBACK", "BEGIN", "START TRANSACTION", "SAVEPOINT s", "SET x = 1", "RESET ALL", "CALL p()", "DO 1",
		"LOCK TABLE [kept]", "GRANT SELECT ON [kept] TO x", "COPY [kept] TO PROGRAM 'true'", "LOAD DATA INFILE 'x'",
		"PREPARE p FROM 'SELECT 1'", "EXECUTE p", "VACUUM", "ATTACH ':memory:' AS y", "ANALYZE [kept]", "USE x",
		"SELECT 1; DELETE FROM [kept]", "SELECT 1 /* ; */; SELECT 2", "/* SELECT */ DELETE FROM [kept]",
		"-- SELECT\nDELETE FROM [kept]", "SELECT ';'; COMMIT",
	} {
		sql := s.quoted(t, text)
		if err := warehouse.CheckQuery(s.Dialect, sql); err == nil {
			t.Errorf("%s is accepted", sql)
		}
		if !strings.Contains(sql, ";") { // an engine may run only the first of two, or both
			_, _ = b.custom(sql) // the session refuses it too, or it changes nothing
		}
	}
	b.want("1", "SELECT max([id]) FROM [kept]")
	b.want("1", "SELECT count(*) FROM [kept]")
}

// custom sends a statement of a user, unchecked, and returns its answer.
func (b *fixtureDB) custom(sql string) (rows warehouse.Rows, err error) {
	b.t.Helper()
	statements := []warehouse.Statement{{SQL: sql, Custom: true}}
	b.db.Run(b.t.Context(), statements, func(_ int, r warehouse.Rows, failed error) { rows, err = r, failed })
	return rows, err
}

// customRows: few rows are read of a long answer, and the rest costs neither time nor
// memory. The statements beside it are answered.
func (s suite) customRows(t *testing.T) {
	b := s.open(t, warehouse.Config{MaxConnections: 1})
	text := `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT i FROM n`
	if s.ManyRows != nil {
		values := strings.TrimSuffix(strings.Repeat("(7), ", 100), ", ")
		b.exec("CREATE TABLE [h] ([id] "+s.Types.Integer+")", "INSERT INTO [h] VALUES "+values)
		text = s.ManyRows(1_000_000)
	}
	statements := []warehouse.Statement{
		{SQL: "SELECT 1"}, {SQL: s.quoted(t, text), Custom: true}, {SQL: "SELECT 1", Custom: true}, {SQL: "SELECT 1"},
	}
	start := time.Now()
	b.db.Run(t.Context(), statements, func(i int, rows warehouse.Rows, err error) {
		want := 1
		if i == 1 {
			want = warehouse.CustomRows
		}
		if err != nil || len(rows) != want {
			t.Errorf("statement %d: %d rows, %v, want %d", i, len(rows), err, want)
		}
	})
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %s: the rest of the rows was read", took)
	}
}
