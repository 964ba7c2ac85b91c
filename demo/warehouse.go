package demo

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
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

//go:embed warehouse.sql
var schema string

// NewWarehouse makes the shop in a SQLite file. Close it.
func NewWarehouse(ctx context.Context, path string) (*Warehouse, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(60000)")
	if err != nil {
		return nil, err
	}
	w := &Warehouse{DB: db}
	if err := w.Exec(ctx, schema); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return w, nil
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

// Pause stops the loader, or lets it continue.
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

// loadOrders inserts two orders of now.
const loadOrders = `
	INSERT INTO orders (customer_id, amount, created_at)
	VALUES
		(1, 9.5, strftime('%Y-%m-%d %H:%M:%f', 'now')),
		(2, 19.5, strftime('%Y-%m-%d %H:%M:%f', 'now'))`

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
		err := w.Exec(ctx, loadOrders)
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
