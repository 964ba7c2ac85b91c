// Command bench-reconcile measures what it costs to find few differences between two large
// tables on different engines: the check reconcile with `key`.
//
//	go run -C tools ./bench-reconcile -rows 10000000
//
// It starts a throw-away PostgreSQL and MariaDB, fills a table of each with the same rows,
// makes 8 differences, and prints the statements, the fetched rows and the time of each side.
// The data of 10 million rows take about 2.5 GB under $TMPDIR.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/scratch"
	"github.com/sentinel-dq/sentinel/warehouse"
	_ "github.com/sentinel-dq/sentinel/warehouse/all"
)

func main() {
	rows := flag.Int("rows", 10_000_000, "rows of each table")
	flag.Parse()
	if err := run(context.Background(), *rows, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench-reconcile:", err)
		os.Exit(1)
	}
}

// side is one of the two servers.
type side struct {
	name, driver string
	start        func() (*scratch.Server, error)
	database     string   // added to the server's DSN
	fill         []string // statements; %d is the number of rows
	server       *scratch.Server
	db           *warehouse.DB
	count        counter
}

var sides = []*side{
	{
		name: "PostgreSQL", driver: "pgx",
		start: func() (*scratch.Server, error) {
			return scratch.StartPostgres("fsync=off", "max_wal_size=4GB", "shared_buffers=256MB")
		},
		fill: []string{
			`CREATE TABLE orders (id bigint, customer_id integer, status varchar(20), amount numeric(12,2),
				created_at timestamptz, note varchar(40))`,
			`INSERT INTO orders
				SELECT g, g * 7919 %% 1000000, (ARRAY['new','paid','shipped','done','cancelled'])[1 + g %% 5],
					(g * 104729 %% 10000000)::numeric / 100, timestamptz '2026-01-01 00:00:00+00' + g * interval '1 second',
					CASE WHEN g %% 3 <> 0 THEN 'note ' || g END
				FROM generate_series(1::bigint, %d) g`,
			"CREATE UNIQUE INDEX orders_id ON orders (id)", "VACUUM ANALYZE orders",
		},
	},
	{
		name: "MariaDB", driver: "mysql", database: "bench",
		start: func() (*scratch.Server, error) {
			return scratch.StartMySQL("--innodb-buffer-pool-size=512M", "--innodb-log-file-size=512M", "--innodb-doublewrite=0")
		},
		fill: []string{
			"CREATE DATABASE bench", "USE bench", "SET time_zone = '+00:00'",
			`CREATE TABLE orders (id bigint PRIMARY KEY, customer_id integer, status varchar(20), amount decimal(12,2),
				created_at timestamp, note varchar(40)) CHARACTER SET utf8mb4`,
			`INSERT INTO orders
				SELECT seq, seq * 7919 %% 1000000, ELT(1 + seq %% 5, 'new', 'paid', 'shipped', 'done', 'cancelled'),
					(seq * 104729 %% 10000000) / 100, TIMESTAMPADD(SECOND, seq, '2026-01-01'),
					IF(seq %% 3 <> 0, CONCAT('note ', seq), NULL)
				FROM seq_1_to_%d`,
			"ANALYZE TABLE orders",
		},
	},
}

// differences are what the table that is judged gets: 3 rows missing, 1 extra, 4 changed.
var differences = []string{
	"DELETE FROM orders WHERE id IN (1, %[1]d / 3, %[1]d - 5)",
	"INSERT INTO orders SELECT %[1]d + 10, customer_id, status, amount, created_at, note FROM orders WHERE id = 7",
	"UPDATE orders SET status = upper(status) WHERE id = 123",
	"UPDATE orders SET note = '' WHERE id = 3 * (%[1]d / 9 + 1)",
	"UPDATE orders SET amount = amount + 0.01 WHERE id = %[1]d / 2",
	"UPDATE orders SET created_at = created_at + interval '1 microsecond' WHERE id = %[1]d * 3 / 4",
}

func run(ctx context.Context, rows int, out io.Writer) (err error) {
	for _, s := range sides {
		begin := time.Now()
		if s.server, err = s.start(); err != nil {
			return err
		}
		defer s.server.Stop()
		if err := s.exec(ctx, rows, s.fill); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Fprintf(out, "%s filled in %.0f s\n", s.name, time.Since(begin).Seconds())
		if err := s.open(); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.db.Close()) }()
	}
	fmt.Fprintf(out, "\n| %d rows | statements a side | rows fetched | s | result |\n|---|---|---|---|---|\n", rows)
	if err := compare(ctx, "equal", out); err != nil {
		return err
	}
	if err := sides[0].exec(ctx, rows, differences); err != nil {
		return err
	}
	return compare(ctx, "8 differences", out)
}

// exec runs statements in one session.
func (s *side) exec(ctx context.Context, rows int, statements []string) (err error) {
	db, err := sql.Open(s.driver, s.server.DSN)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	for _, st := range statements {
		if strings.Contains(st, "%") {
			st = fmt.Sprintf(st, rows)
		}
		if _, err := conn.ExecContext(ctx, st); err != nil {
			return fmt.Errorf("%s: %w", st, err)
		}
	}
	return nil
}

func (s *side) open() (err error) {
	dsn := s.server.DSN
	if s.database != "" {
		dsn = "mysql://root@" + strings.TrimSuffix(strings.TrimPrefix(dsn, "root@tcp("), ")/") + "/" + s.database
	}
	s.db, err = warehouse.Open(warehouse.Config{Name: s.name, DSN: sentinel.NewSecret(dsn),
		StatementTimeout: 10 * time.Minute, Clock: sentinel.ClockFunc(time.Now), Observer: &s.count})
	return err
}

// counter counts the statements that hash or read rows, and the rows of their answers.
type counter struct {
	warehouse.NopObserver
	mu               sync.Mutex
	statements, rows int
}

// Trace implements warehouse.Observer.
func (c *counter) Trace(_ context.Context, text string) func(int, error) {
	if !strings.Contains(text, "orders") || !strings.HasPrefix(text, "SELECT") {
		return nil
	}
	return func(rows int, _ error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.statements, c.rows = c.statements+1, c.rows+rows
	}
}

func compare(ctx context.Context, what string, out io.Writer) error {
	for _, s := range sides {
		s.count = counter{}
	}
	check := &checks.Reconcile{With: &sentinel.Table{Warehouse: sides[1].name, Schema: "bench", Name: "orders"},
		ByRows: checks.ByRows{Key: []string{"id"}}}
	check.ID = "rows"
	if err := check.Validate(); err != nil {
		return err
	}
	env := checks.Env{Clock: sentinel.ClockFunc(time.Now), Warehouse: func(name string) (*warehouse.DB, error) {
		for _, s := range sides {
			if s.name == name {
				return s.db, nil
			}
		}
		return nil, errors.New("no such warehouse")
	}}
	begin := time.Now()
	job := checks.Job{Table: sentinel.Table{Warehouse: sides[0].name, Schema: "public", Name: "orders"},
		Location: time.UTC, Tick: begin, Checks: []checks.Check{check}}
	r := checks.Run(ctx, env, sides[0].name, []checks.Job{job})[0].Results[0]
	here, there := &sides[0].count, &sides[1].count
	fmt.Fprintf(out, "| %s | %d, %d | %d, %d | %.1f | %s: %s |\n", what, here.statements, there.statements,
		here.rows, there.rows, time.Since(begin).Seconds(), r.Status, r.Message)
	return nil
}
