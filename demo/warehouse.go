package demo

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"
)

// Warehouse is an embedded shop with a loader.
type Warehouse struct {
	DB *sql.DB

	mu     sync.Mutex
	paused bool
	loaded int
}

// NewWarehouse makes the shop in a SQLite file. Close it.
func NewWarehouse(ctx context.Context, path string) (*Warehouse, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	w := &Warehouse{DB: db}
	return w, w.Exec(ctx,
		`CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT)`,
		`CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, amount NUMERIC(12,2), created_at TIMESTAMP NOT NULL)`,
		`CREATE INDEX orders_created_at ON orders (created_at)`,
		`CREATE TABLE orders_archive (id INTEGER PRIMARY KEY, customer_id INTEGER, amount NUMERIC(12,2), created_at TIMESTAMP NOT NULL)`,
		`CREATE TABLE crm_customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT)`,
		`CREATE TABLE invoices (id INTEGER PRIMARY KEY, day DATE NOT NULL, amount NUMERIC(12,2))`,
		`CREATE TABLE invoices_archive (id INTEGER PRIMARY KEY, day DATE NOT NULL, amount NUMERIC(12,2))`,
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO invoices SELECT i, date('now', '-' || (i % 10) || ' days'), 10 FROM n`,
		`INSERT INTO invoices_archive SELECT id, day, NULL FROM invoices`,
		`CREATE TABLE daily_sales (id INTEGER PRIMARY KEY, day DATE, amount NUMERIC(12,2))`,
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) INSERT INTO customers SELECT i, 'customer ' || i, 'c' || i || '@example.com' FROM n`,
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 7000) INSERT INTO orders SELECT i, i % 200, i % 97 + 0.5, strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ((7000 - i) * 86.4) || ' seconds') FROM n`,
		`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO daily_sales SELECT i, date('now', '-' || (i % 30) || ' days'), i % 31 FROM n`)
}

// Close closes the file. The loader has ended before.
func (w *Warehouse) Close() error { return w.DB.Close() }

// Exec runs statements until one fails.
func (w *Warehouse) Exec(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if _, err := w.DB.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// Pause stops the loader, or lets it go on.
func (w *Warehouse) Pause(paused bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paused = paused
}

// Rows is how many orders the loader has inserted.
func (w *Warehouse) Rows() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.loaded
}

// Load inserts orders every second until ctx ends.
func (w *Warehouse) Load(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		w.mu.Lock()
		paused := w.paused
		w.mu.Unlock()
		if paused {
			continue
		}
		err := w.Exec(ctx, `INSERT INTO orders (customer_id, amount, created_at) VALUES (1, 9.5, strftime('%Y-%m-%d %H:%M:%f', 'now')), (2, 19.5, strftime('%Y-%m-%d %H:%M:%f', 'now'))`)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("loading: %w", err)
		}
		w.mu.Lock()
		w.loaded += 2
		w.mu.Unlock()
	}
}
