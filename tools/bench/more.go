package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/sentinel-dq/sentinel/scratch"
)

const (
	slowTables = 40                    // views whose count takes a second each
	linkDelay  = 20 * time.Millisecond // of a slow link, each way
)

// measureMore prints what a look costs where it takes long: on slow tables, over a slow link,
// and on MariaDB.
func measureMore(ctx context.Context, conn *pgx.Conn, binary, floor, dir, dsn string) error {
	count := func(cmd *exec.Cmd) (measure, error) { return one(ctx, conn, cmd) }
	for _, n := range []int{8, slowTables} {
		r := row{
			name: fmt.Sprintf("slow-%d", n), dir: dir, binary: binary, config: slowConfig(dsn, n), floor: floor, dsn: dsn,
			statements: slowFloor(n), rounds: 1, count: count,
		}
		if err := r.print(); err != nil {
			return err
		}
	}
	through, stop, err := slowLink(conn.Config().Host, conn.Config().Port)
	if err != nil {
		return err
	}
	far := strings.Replace(dsn, fmt.Sprintf("%s:%d", conn.Config().Host, conn.Config().Port), through, 1)
	r := row{
		name: "mart-link", dir: dir, binary: binary, config: configOf("mart", far), floor: floor, dsn: far,
		statements: floorOf("mart"), rounds: *rounds, state: true, count: count,
	}
	err = r.print()
	stop()
	if err != nil {
		return err
	}
	return measureMariaDB(ctx, binary, dir)
}

func slowConfig(dsn string, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "state: sqlite:slow.db\nwarehouses: {w: {dsn: %q}}\ndatasets:\n", dsn)
	for i := range n {
		fmt.Fprintf(&b, "  - {table: w.slow.b_%02d, checks: [row_count > 0]}\n", i)
	}
	return b.String()
}

func slowFloor(n int) (statements []string) {
	for i := range n {
		statements = append(statements, fmt.Sprintf("SELECT count(*) FROM slow.b_%02d", i))
	}
	return statements
}

// slowLink starts a proxy before a server, and returns its address.
func slowLink(host string, port uint16) (address string, stop func(), err error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, "link", "127.0.0.1:0", net.JoinHostPort(host, fmt.Sprint(port)))
	if err := proxy.Start(); err != nil {
		return "", nil, err
	}
	for _, stream := range []string{"upstream", "downstream"} {
		toxic := fmt.Sprintf(`{"name": %[1]q, "stream": %[1]q, "type": "latency", "attributes": {"latency": %[2]d}}`,
			stream, linkDelay.Milliseconds())
		if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			proxy.Stop()
			return "", nil, err
		}
	}
	return proxy.Listen, proxy.Stop, nil
}

// measureMariaDB asks the mart's questions of a private MariaDB, beside it and over a slow link.
// Blocks are pages that InnoDB looked for.
func measureMariaDB(ctx context.Context, binary, dir string) error {
	server, err := scratch.StartMySQL("--innodb-buffer-pool-size=1G")
	if err != nil {
		return err
	}
	defer server.Stop()
	db, err := sql.Open("mysql", server.DSN)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := buildMariaDB(ctx, db); err != nil {
		return err
	}
	floor, err := buildFloor(dir, "bench-floor-mysql")
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(server.DSN, "(")
	near, _, _ := strings.Cut(rest, ")")
	address, err := net.ResolveTCPAddr("tcp", near)
	if err != nil {
		return err
	}
	far, stop, err := slowLink(address.IP.String(), uint16(address.Port))
	if err != nil {
		return err
	}
	defer stop()
	statements := []string{
		"SELECT table_name, column_name, column_type, is_nullable FROM information_schema.columns WHERE table_schema = 'mart'",
	}
	for i := range *tables {
		statements = append(statements, fmt.Sprintf("SELECT count(*), max(updated_at) FROM mart.t_%03d", i+1))
	}
	for _, at := range []struct{ name, address string }{{"mariadb", near}, {"mariadb-link", far}} {
		dsn := strings.Replace(server.DSN, near, at.address, 1)
		r := row{
			name: at.name, dir: dir, binary: binary, config: configOf("mart", dsn), floor: floor, dsn: dsn, statements: statements,
			rounds: *rounds, state: true, count: func(cmd *exec.Cmd) (measure, error) { return oneOfMariaDB(ctx, db, cmd) },
		}
		if err := r.print(); err != nil {
			return err
		}
	}
	return nil
}

// oneOfMariaDB measures a command by the counters of the server.
func oneOfMariaDB(ctx context.Context, db *sql.DB, cmd *exec.Cmd) (m measure, err error) {
	var before, after [2]float64
	read := func(into *[2]float64) error {
		const query = `SELECT sum(if(variable_name = 'COM_SELECT', variable_value, 0)), sum(if(variable_name LIKE 'INNODB%', variable_value, 0))
FROM information_schema.global_status WHERE variable_name IN ('COM_SELECT', 'INNODB_BUFFER_POOL_READ_REQUESTS')`
		return db.QueryRowContext(ctx, query).Scan(&into[0], &into[1])
	}
	if err := read(&before); err != nil {
		return m, err
	}
	m, err = timed(cmd)
	if err = errors.Join(err, read(&after)); err != nil {
		return m, err
	}
	m[0], m[1] = after[0]-before[0]-1, after[1]-before[1] // 1: the query of the counters
	return m, nil
}

// buildMariaDB fills the mart on MariaDB.
func buildMariaDB(ctx context.Context, db *sql.DB) error {
	statements := []string{"CREATE DATABASE mart"}
	for i := 1; i <= *tables; i++ {
		stale := 5
		if i%50 == 0 {
			stale = 3 * 24 * 60
		}
		index := ""
		if i%2 == 1 {
			index = ", KEY (updated_at)"
		}
		statements = append(statements,
			fmt.Sprintf("CREATE TABLE mart.t_%03d (id bigint PRIMARY KEY, customer_id integer, name varchar(40) NOT NULL, status varchar(10), amount decimal(12,2), qty integer NOT NULL, created_at datetime NOT NULL, updated_at datetime NOT NULL%s)", i, index),
			fmt.Sprintf("INSERT INTO mart.t_%03d SELECT seq, (seq * 7919) %% 5003, concat('name ', seq), elt(1 + seq %% 4, 'new', 'paid', 'shipped', 'closed'), seq %% 1000, seq %% 13, utc_timestamp() - INTERVAL %d + %d - seq MINUTE, utc_timestamp() - INTERVAL %d * 60 + (%d - seq) * 50 SECOND FROM mart.seq_1_to_%d", i, stale, *rows, stale, *rows, *rows))
	}
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}
