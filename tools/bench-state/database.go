package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

// database is the one that holds the state.
type database struct {
	*sql.DB
	file   bool
	engine string // as it is printed
}

func openDatabase(state string) (database, error) {
	path, file := strings.CutPrefix(state, "sqlite:")
	driver, engine := "pgx", "database"
	if file {
		driver, engine = "sqlite", "file"
	}
	db, err := sql.Open(driver, path)
	return database{db, file, engine}, err
}

// vacuum does what the autovacuum of a server would do in an hour. A file needs none.
func (db database) vacuum(ctx context.Context) error {
	if db.file {
		return nil
	}
	_, err := db.ExecContext(ctx, "VACUUM last_tick, recent")
	return err
}

// printTables prints what each table takes with its indexes.
func (db database) printTables(ctx context.Context, results int) error {
	query := `
SELECT relname, pg_total_relation_size(oid) FROM pg_class
WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace ORDER BY 2 DESC LIMIT 8`
	if db.file {
		query = `
SELECT m.tbl_name, sum(s.pgsize) FROM dbstat s JOIN sqlite_master m ON m.name = s.name
GROUP BY 1 ORDER BY 2 DESC LIMIT 8`
	}
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var bytes int64
		if err := rows.Scan(&name, &bytes); err != nil {
			return err
		}
		fmt.Printf("%-12s %10.1f MB %10.1f bytes/result\n", name, float64(bytes)/1e6, float64(bytes)/float64(results))
	}
	return rows.Err()
}
