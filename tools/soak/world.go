package main

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"text/template"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/sentinel-dq/sentinel"
)

//go:embed sentinel.yaml.tmpl
var configText string

var configuration = template.Must(template.New("sentinel.yaml").Parse(configText))

// shops is the number of warehouses that are files, and tables that of tables of each with
// orders.
const (
	shops  = 3
	tables = 4
)

// world is what the agent watches and talks to.
type world struct {
	dir      string
	address  string // of the agent
	postgres string
	mysql    string
	clock    sentinel.ScaledClock
	shops    []*sql.DB
	receiver *httptest.Server
	refuses  atomic.Bool  // the receiver of notices answers 503
	notices  atomic.Int64 // that it took
	paused   [shops]bool  // whose loader stands still
	wrong    bool         // the first warehouse's address in the configuration
	reloads  int
}

// newWorld makes the warehouses with the rows of two days, and the configuration.
func newWorld(ctx context.Context, dir string, o options, clock sentinel.ScaledClock) (w *world, err error) {
	w = &world{dir: dir, postgres: o.postgres, mysql: o.mysql, clock: clock}
	w.receiver = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		if w.refuses.Load() {
			out.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.notices.Add(1)
	}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w.address = listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, err
	}
	for n := range shops {
		if err := w.newShop(ctx, n); err != nil {
			return nil, err
		}
	}
	for driver, dsn := range map[string]string{"pgx": o.postgres, "mysql": o.mysql} {
		if err := makeTables(ctx, driver, dsn); err != nil {
			return nil, fmt.Errorf("%s: %w", driver, err)
		}
	}
	return w, w.configure()
}

// makeTables makes the tables of a server, whose rows do not change.
func makeTables(ctx context.Context, driver, dsn string) (err error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for n := range 2 * tables {
		for _, statement := range []string{
			fmt.Sprintf("DROP TABLE IF EXISTS soak_%d", n),
			fmt.Sprintf("CREATE TABLE soak_%d (id bigint PRIMARY KEY, amount int)", n),
			fmt.Sprintf("INSERT INTO soak_%d VALUES (1, 10), (2, 20)", n),
		} {
			if _, err := db.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
	}
	return nil
}

// newShop makes a warehouse that is a file.
func (w *world) newShop(ctx context.Context, n int) error {
	path := filepath.Join(w.dir, fmt.Sprintf("shop%d.db", n))
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	w.shops = append(w.shops, db)
	statements := []string{
		"CREATE TABLE invoices (id INTEGER PRIMARY KEY, day DATE NOT NULL, amount NUMERIC(12,2))",
		"CREATE TABLE archive (id INTEGER PRIMARY KEY, day DATE NOT NULL, amount NUMERIC(12,2))",
		"CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT)",
		"INSERT INTO customers VALUES (1, 'Ann')",
		"CREATE TABLE stock (id INTEGER PRIMARY KEY, n INTEGER)",
		"INSERT INTO stock VALUES (1, 1)",
	}
	for k := range tables {
		statements = append(statements, fmt.Sprintf(
			"CREATE TABLE orders_%d (id INTEGER PRIMARY KEY, at TIMESTAMP, amount INTEGER)", k),
			fmt.Sprintf("CREATE INDEX orders_%d_at ON orders_%d (at)", k, k))
	}
	if err := w.exec(ctx, n, statements...); err != nil {
		return err
	}
	now := w.clock.Now()
	for at := now.Add(-48 * time.Hour); at.Before(now); at = at.Add(loadEvery) {
		if err := w.load(ctx, n, at); err != nil {
			return err
		}
	}
	return w.bill(ctx, n, now.AddDate(0, 0, -1))
}

func (w *world) exec(ctx context.Context, shop int, statements ...string) error {
	for _, s := range statements {
		if _, err := w.shops[shop].ExecContext(ctx, s); err != nil {
			return fmt.Errorf("shop%d: %s: %w", shop, s, err)
		}
	}
	return nil
}

// load inserts the rows of one load, and removes what is older than three days.
func (w *world) load(ctx context.Context, shop int, at time.Time) error {
	const layout = "2006-01-02 15:04:05"
	var statements []string
	for k := range tables {
		statements = append(statements,
			fmt.Sprintf("INSERT INTO orders_%d (at, amount) VALUES ('%s', %d)", k, at.Format(layout), at.Minute()),
			fmt.Sprintf("DELETE FROM orders_%d WHERE at < '%s'", k, at.Add(-72*time.Hour).Format(layout)))
	}
	return w.exec(ctx, shop, "BEGIN; "+strings.Join(statements, "; ")+"; COMMIT")
}

// bill inserts the invoices of a day, and removes those that are older than ten days.
func (w *world) bill(ctx context.Context, shop int, day time.Time) error {
	text := day.Format(time.DateOnly)
	var statements []string
	for _, table := range []string{"invoices", "archive"} {
		statements = append(statements, fmt.Sprintf(`
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 15)
INSERT OR IGNORE INTO %s SELECT %d + i, '%s', i FROM n`, table, day.Unix()/86400*100, text),
			fmt.Sprintf("DELETE FROM %s WHERE day < '%s'", table, day.AddDate(0, 0, -10).Format(time.DateOnly)))
	}
	return w.exec(ctx, shop, statements...)
}

// configure writes the configuration. Every second one has another dataset.
func (w *world) configure() error {
	var text strings.Builder
	err := configuration.Execute(&text, map[string]any{
		"Address": w.address, "Shops": []int{0, 1, 2}, "Postgres": w.postgres, "MySQL": w.mysql,
		"Hook": w.receiver.URL, "More": w.reloads%2 == 1, "Wrong": w.wrong,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(w.config(), []byte(text.String()), 0o600)
}

func (w *world) config() string { return filepath.Join(w.dir, "sentinel.yaml") }

// stateSize is the size of the state's files in bytes.
func (w *world) stateSize() (sum int64, err error) {
	for _, suffix := range []string{"", "-wal"} {
		info, err := os.Stat(filepath.Join(w.dir, "sentinel.db"+suffix))
		if err != nil {
			return 0, err
		}
		sum += info.Size()
	}
	return sum, nil
}

func (w *world) close() (err error) {
	w.receiver.Close()
	for _, db := range w.shops {
		err = errors.Join(err, db.Close())
	}
	return err
}
