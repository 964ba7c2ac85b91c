package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel/demo"
)

const drillConfig = `
state: sqlite:state.db
listen: 127.0.0.1:0
backup: {to: backups, schedule: "@every 2s", keep: 3}
notify: {receiver: {webhook: {url: "http://%[1]s/notices"}}}
routes: [{to: receiver, group_wait: 0s}]
warehouses:
  shop: {dsn: "sqlite:shop.db", repair_dsn: "sqlite:shop.db"}
  till: {dsn: "sqlite:till.db", lock_timeout: 100ms}
defaults: {schedule: "@every 1s", timezone: UTC, owner: drill, tier: critical}
datasets:
  - table: shop.orders
    time_column: created_at
    checks:
      - freshness: {id: fresh, fail: 4s}
      - row_count: {id: by-day, expected_partitions: {every: day, last: 5}}
    risk: off
    repair:
      - on: [fresh]
        webhook: {url: "http://%[1]s/start-loader"}
        mode: auto
        settle: 2s
      - on: [row_count.missing_partition]
        reload_partition: {from: shop.orders_archive}
        mode: auto
  - table: shop.customers
    checks:
      - schema:
          id: follows
          like: shop.crm_customers
          column_added: fail
          column_removed: pass
          primary_key_changed: pass
    repair: [{on: [schema.column_added], alter_table: {}, mode: auto}]
  - table: shop.invoices
    checks: [{row_count: {id: invoices, fail: "< 1"}}]
  - table: shop.deliveries
    time_column: at
    checks: [{row_count: {id: deliveries, bucket: day, fail: "< 100"}}]
    repair: [{on: [deliveries], reload_partition: {from: shop.deliveries_archive}, mode: auto}]
  - table: till.sales
    checks: [{row_count: {id: sales, fail: "< 1"}}]
`

// drilling is the part of a drill that needs no servers: an embedded warehouse, a
// loader, a receiver of notices and an agent.
type drilling struct {
	drilled
	warehouse *demo.Warehouse

	mu      sync.Mutex
	dead    bool           // the receiver of notices answers 503
	arrived map[string]int // notices by key
	starts  map[string]int // of the loader, by idempotency key
}

// onEmbedded stages the failures of the embedded warehouse.
func (run Drill) onEmbedded(ctx context.Context, dir string) (outcomes []Outcome, err error) {
	ctx, stop := context.WithCancel(ctx)
	d := &drilling{drilled: drilled{dir: dir, clock: run.Clock}, arrived: map[string]int{}, starts: map[string]int{}}
	var parts sync.WaitGroup
	defer parts.Wait()
	defer stop()
	if d.warehouse, err = demo.NewWarehouse(ctx, filepath.Join(dir, "shop.db")); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.warehouse.Close()) }()
	const archive = `INSERT INTO orders_archive SELECT id, customer_id, amount, created_at FROM orders`
	if err := d.warehouse.Exec(ctx, archive); err != nil {
		return nil, err
	}
	if err := d.makeDeliveries(ctx); err != nil {
		return nil, err
	}
	if err := d.till(ctx, `CREATE TABLE sales (id INTEGER)`, `INSERT INTO sales VALUES (1)`); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: http.HandlerFunc(d.serve), ReadHeaderTimeout: 5 * time.Second}
	var served, loaded error
	parts.Go(func() { served = server.Serve(listener) })
	parts.Go(func() { loaded = d.warehouse.Load(ctx) })
	config := fmt.Appendf(nil, drillConfig, listener.Addr())
	if err := os.WriteFile(filepath.Join(dir, "sentinel.yaml"), config, 0o600); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	err = d.begin(ctx, 6)
	if err == nil {
		outcomes, err = staged(ctx,
			d.loaderStops, d.partitionLost, d.sourceUnhelpful, d.sourceGrows, d.databaseAway, d.receiverDead, d.agentKilled, d.stateLost)
	}
	ended := d.stop()
	stop()
	closed := server.Close()
	parts.Wait()
	if errors.Is(served, http.ErrServerClosed) {
		served = nil
	}
	return outcomes, errors.Join(err, ended, closed, served, loaded)
}

// serve starts the loader when a repair asks for it, and receives notices.
func (d *drilling) serve(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch r.URL.Path {
	case "/start-loader":
		d.starts[r.Header.Get("Idempotency-Key")]++
		d.warehouse.Pause(false)
	case "/notices":
		if d.dead {
			http.Error(w, "down for the drill", http.StatusServiceUnavailable)
			return
		}
		var notice struct {
			Incidents []struct {
				ID         string `json:"id"`
				Transition string `json:"transition"`
			} `json:"incidents"`
		}
		if err := json.NewDecoder(r.Body).Decode(&notice); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, i := range notice.Incidents {
			d.arrived[i.ID+"/"+i.Transition]++
		}
	}
}
