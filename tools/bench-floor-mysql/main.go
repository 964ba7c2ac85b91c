// Command bench-floor-mysql is bench-floor for MySQL and MariaDB: each connection sends its
// statements as one text.
//
//	bench-floor-mysql DSN CONNECTIONS < FILE    (a statement a line)
package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"log"
	"os"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
)

func main() {
	connections, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	batches := make([][]string, connections)
	lines := bufio.NewScanner(os.Stdin)
	n := 0
	for ; lines.Scan(); n++ {
		batches[n%connections] = append(batches[n%connections], lines.Text())
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
	config, err := mysql.ParseDSN(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	config.MultiStatements = true
	connector, err := mysql.NewConnector(config)
	if err != nil {
		log.Fatal(err)
	}
	db := sql.OpenDB(connector)
	sent := make(chan error)
	for i := range min(connections, n) {
		go func() { sent <- send(context.Background(), db, strings.Join(batches[i], ";")) }()
	}
	for range min(connections, n) {
		err = errors.Join(err, <-sent)
	}
	if err = errors.Join(err, db.Close()); err != nil {
		log.Fatal(err)
	}
}

func send(ctx context.Context, db *sql.DB, text string) error {
	rows, err := db.QueryContext(ctx, text)
	if err != nil {
		return err
	}
	for more := true; more; more = rows.NextResultSet() {
		for rows.Next() {
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}
