// Command bench-floor is what an expert would write by hand for the bench: it sends
// statements to a PostgreSQL as pipelines over some connections, and drops the answers. It
// judges, stores and reports nothing, and has no library but pgx.
//
//	bench-floor DSN CONNECTIONS < FILE    (a statement a line)
package main

import (
	"bufio"
	"context"
	"errors"
	"log"
	"os"
	"strconv"

	"github.com/jackc/pgx/v5"
)

func main() {
	connections, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	batches := make([]pgx.Batch, connections)
	lines := bufio.NewScanner(os.Stdin)
	n := 0
	for ; lines.Scan(); n++ {
		batches[n%connections].Queue(lines.Text())
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
	sent := make(chan error)
	for i := range min(connections, n) {
		go func() { sent <- send(context.Background(), os.Args[1], &batches[i]) }()
	}
	for range min(connections, n) {
		err = errors.Join(err, <-sent)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func send(ctx context.Context, dsn string, batch *pgx.Batch) error {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // no round trip to prepare what is asked once
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	return errors.Join(conn.SendBatch(ctx, batch).Close(), conn.Close(ctx))
}
