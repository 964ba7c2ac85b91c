package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	sentinel "github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

func newDrill() *cobra.Command {
	return &cobra.Command{
		Use: "drill", Short: "Stage failures on a scratch warehouse and say what was detected, repaired, lost and done twice",
		Long: `Makes a scratch warehouse, runs the real agent on it as a process of its own, and stages
failures: the loader stops, a partition is lost, the source has a new column, the
receiver of notices is dead, the agent is killed. Run it regularly: it needs nothing,
touches nothing of yours, and takes about half a minute. Exit code 1 when something
was lost, was done twice, or did not come back.`,
		Example: "  sentinel drill", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return drill(cmd.Context(), cmd.OutOrStdout()) },
	}
}

const drillConfig = `
state: sqlite:state.db
listen: 127.0.0.1:0
notify: {receiver: {webhook: {url: "http://%[1]s/notices"}}}
routes: [{to: receiver, group_wait: 0s}]
warehouses: {shop: {dsn: "sqlite:shop.db", repair_dsn: "sqlite:shop.db"}}
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
    checks: [{schema: {id: follows, like: shop.crm_customers, column_added: fail, column_removed: pass, primary_key_changed: pass}}]
    repair: [{on: [schema.column_added], alter_table: {}, mode: auto}]
  - table: shop.invoices
    checks: [{row_count: {id: invoices, fail: "< 1"}}]
`

// drilling is one drill under way.
type drilling struct {
	dir       string
	warehouse *demoWarehouse
	memory    *store.Store
	agent     *exec.Cmd

	mu      sync.Mutex
	dead    bool           // the receiver of notices answers 503
	arrived map[string]int // notices by key
	starts  map[string]int // of the loader, by idempotency key
}

// outcome is one line of the table.
type outcome struct {
	name               string
	detected, repaired time.Duration // below 0: there is nothing to detect
	lost, twice        int
	note               string
}

func drill(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "sentinel-drill-")
	if err != nil {
		return couldNotLook(err)
	}
	defer os.RemoveAll(dir)
	ctx, stop := context.WithCancel(ctx)
	d := &drilling{dir: dir, arrived: map[string]int{}, starts: map[string]int{}}
	var parts sync.WaitGroup
	defer parts.Wait()
	defer stop()
	if d.warehouse, err = newDemoWarehouse(ctx, filepath.Join(dir, "shop.db")); err != nil {
		return couldNotLook(err)
	}
	defer func() { err = errors.Join(err, d.warehouse.db.Close()) }()
	if err := d.warehouse.exec(ctx, `INSERT INTO orders_archive SELECT id, customer_id, amount, created_at FROM orders`); err != nil {
		return couldNotLook(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return couldNotLook(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(d.serve), ReadHeaderTimeout: 5 * time.Second}
	var served, loaded error
	parts.Go(func() { served = server.Serve(listener) })
	parts.Go(func() { loaded = d.warehouse.load(ctx) })
	if err := os.WriteFile(filepath.Join(dir, "sentinel.yaml"), fmt.Appendf(nil, drillConfig, listener.Addr()), 0o600); err != nil {
		return couldNotLook(err)
	}
	outcomes, staged := d.stage(ctx)
	ended := d.stopAgent()
	stop()
	closed := server.Close()
	parts.Wait()
	if errors.Is(served, http.ErrServerClosed) {
		served = nil
	}
	if err := errors.Join(staged, ended, closed, served, loaded); err != nil {
		return couldNotLook(err)
	}
	return report(out, outcomes)
}

// serve starts the loader when a repair asks for it, and takes notices.
func (d *drilling) serve(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch r.URL.Path {
	case "/start-loader":
		d.starts[r.Header.Get("Idempotency-Key")]++
		d.warehouse.pause(false)
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

func (d *drilling) startAgent() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	d.agent = exec.Command(self, "run", "-c", "sentinel.yaml")
	d.agent.Dir = d.dir
	d.agent.Env = os.Environ()
	return d.agent.Start()
}

func (d *drilling) stopAgent() error {
	if d.agent == nil {
		return nil
	}
	err := errors.Join(d.agent.Process.Signal(syscall.SIGTERM), d.agent.Wait())
	if d.memory != nil {
		err = errors.Join(err, d.memory.Close())
	}
	return err
}

// stage runs the failures one after the other.
func (d *drilling) stage(ctx context.Context) (outcomes []outcome, err error) {
	if err := d.startAgent(); err != nil {
		return nil, err
	}
	if err := until(ctx, func() (bool, error) {
		d.memory, err = store.OpenReader(ctx, "sqlite:"+filepath.Join(d.dir, "state.db"))
		return err == nil, nil
	}); err != nil {
		return nil, fmt.Errorf("the agent does not begin: %w", err)
	}
	if err := until(ctx, func() (bool, error) {
		results, err := d.memory.LastResults(ctx, store.Filter{})
		return len(results) >= 4, err
	}); err != nil {
		return nil, fmt.Errorf("the checks do not run: %w", err)
	}
	for _, failure := range []func(context.Context) (outcome, error){d.loaderStops, d.partitionLost, d.sourceGrows, d.receiverDead, d.agentKilled} {
		o, err := failure(ctx)
		if err != nil {
			return outcomes, fmt.Errorf("%s: %w", o.name, err)
		}
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}

// seen waits for an incident of a check, gone for its end.
func (d *drilling) seen(ctx context.Context, check string) (time.Duration, error) {
	return d.wait(ctx, func(open []sentinel.Incident) bool { return has(open, check) })
}

func (d *drilling) gone(ctx context.Context, check string) (time.Duration, error) {
	return d.wait(ctx, func(open []sentinel.Incident) bool { return !has(open, check) })
}

func has(open []sentinel.Incident, check string) bool {
	for _, i := range open {
		if i.Check == check && !i.Monitor && i.State != sentinel.Resolved {
			return true
		}
	}
	return false
}

func (d *drilling) wait(ctx context.Context, met func([]sentinel.Incident) bool) (time.Duration, error) {
	begin := clock()
	err := until(ctx, func() (bool, error) {
		open, err := d.memory.OpenIncidents(ctx)
		return met(open), err
	})
	return clock().Sub(begin), err
}

// repair breaks something that a policy mends, and waits for its end.
func (d *drilling) repair(ctx context.Context, name, check string, statements ...string) (o outcome, err error) {
	o.name = name
	if err := d.warehouse.exec(ctx, statements...); err != nil {
		return o, err
	}
	if o.detected, err = d.seen(ctx, check); err != nil {
		return o, fmt.Errorf("not detected: %w", err)
	}
	if o.repaired, err = d.gone(ctx, check); err != nil {
		return o, fmt.Errorf("not repaired: %w", err)
	}
	done, err := d.memory.Repairs(ctx, store.RepairFilter{Check: check, State: sentinel.RepairSucceeded})
	o.twice = max(0, len(done)-1)
	return o, err
}

func (d *drilling) loaderStops(ctx context.Context) (outcome, error) {
	d.warehouse.pause(true)
	o, err := d.repair(ctx, "the loader stops", "fresh")
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.starts {
		o.twice += n - 1
	}
	o.note = "started again by a webhook"
	return o, err
}

func (d *drilling) partitionLost(ctx context.Context) (outcome, error) {
	before := d.count(ctx, "orders", "date(created_at) = date('now', '-2 days')")
	o, err := d.repair(ctx, "a partition is lost", "by-day", `DELETE FROM orders WHERE date(created_at) = date('now', '-2 days')`)
	after := d.count(ctx, "orders", "date(created_at) = date('now', '-2 days')")
	o.lost, o.note = max(0, before-after), fmt.Sprintf("%d rows reloaded", after)
	o.twice += max(0, after-before)
	return o, err
}

func (d *drilling) sourceGrows(ctx context.Context) (outcome, error) {
	o, err := d.repair(ctx, "the source has a new column", "follows", `ALTER TABLE crm_customers ADD COLUMN segment varchar(20)`)
	o.note = "the table follows"
	return o, err
}

// receiverDead: notices of an incident while nobody takes them.
func (d *drilling) receiverDead(ctx context.Context) (o outcome, err error) {
	o.name = "the receiver of notices is dead"
	d.setDead(true)
	if err := d.warehouse.exec(ctx, `CREATE TABLE kept AS SELECT * FROM invoices`, `DELETE FROM invoices`); err != nil {
		return o, err
	}
	if o.detected, err = d.seen(ctx, "invoices"); err != nil {
		return o, fmt.Errorf("not detected: %w", err)
	}
	if err := d.warehouse.exec(ctx, `INSERT INTO invoices SELECT * FROM kept`, `DROP TABLE kept`); err != nil {
		return o, err
	}
	if _, err := d.gone(ctx, "invoices"); err != nil {
		return o, err
	}
	d.setDead(false)
	begin := clock()
	told, err := d.memory.Incidents(ctx, store.IncidentFilter{Check: "invoices", Resolved: true})
	if err != nil || len(told) == 0 {
		return o, fmt.Errorf("no incident: %w", err)
	}
	id := told[0].ID
	err = until(ctx, func() (bool, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.arrived[id+"/opened"] > 0 && d.arrived[id+"/recovered"] > 0, nil
	})
	o.repaired = clock().Sub(begin)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, what := range []string{"/opened", "/recovered"} {
		if d.arrived[id+what] == 0 {
			o.lost++
		}
		o.twice += max(0, d.arrived[id+what]-1)
	}
	o.note = "told once it answered again, in order"
	return o, err
}

func (d *drilling) setDead(dead bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = dead
}

// agentKilled: SIGKILL, and a new agent. Ticks are recorded once or counted as missed.
func (d *drilling) agentKilled(ctx context.Context) (o outcome, err error) {
	o.name, o.detected = "the agent is killed", -1
	if err := d.agent.Process.Kill(); err != nil {
		return o, err
	}
	if err := d.agent.Wait(); err == nil {
		return o, errors.New("the agent ended by itself")
	}
	begin := clock()
	if err := d.startAgent(); err != nil {
		return o, err
	}
	orders := sentinel.Table{Warehouse: "shop", Schema: "main", Name: "orders"}
	var ticks []store.TickRecord
	err = until(ctx, func() (bool, error) {
		ticks, err = d.memory.Ticks(ctx, orders, 100_000)
		return err == nil && len(ticks) > 0 && ticks[0].Tick.After(begin), err
	})
	o.repaired = clock().Sub(begin)
	counted := map[time.Time]int{}
	for _, t := range ticks {
		counted[t.Tick]++
	}
	for _, n := range counted {
		o.twice += n - 1
	}
	o.note = fmt.Sprintf("%d ticks recorded", len(counted))
	return o, err
}

func (d *drilling) count(ctx context.Context, table, where string) (n int) {
	if err := d.warehouse.db.QueryRowContext(ctx, "SELECT count(*) FROM "+table+" WHERE "+where).Scan(&n); err != nil {
		return -1
	}
	return n
}

func report(out io.Writer, outcomes []outcome) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-32s %-12s %-12s %-5s %-6s %s\n", "FAILURE", "DETECTED IN", "WELL IN", "LOST", "TWICE", "")
	bad := 0
	for _, o := range outcomes {
		detected := "-"
		if o.detected >= 0 {
			detected = o.detected.Round(100 * time.Millisecond).String()
		}
		fmt.Fprintf(&b, "%-32s %-12s %-12s %-5d %-6d %s\n", o.name, detected, o.repaired.Round(100*time.Millisecond), o.lost, o.twice, o.note)
		bad += o.lost + o.twice
	}
	if _, err := io.WriteString(out, b.String()); err != nil {
		return err
	}
	if bad > 0 {
		return &exitCodeError{code: exitFailed}
	}
	return nil
}
