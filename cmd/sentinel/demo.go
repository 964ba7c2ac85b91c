package main

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/store"
)

func newDemo() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch an embedded warehouse with a live loader and staged incidents",
		Long: `Makes a warehouse in a temporary folder, loads it every second, stages incidents
one after the other, and runs the real agent on a real configuration file. Shows
what was seen and how long it took. Runs until Ctrl-C, or with --once to a
summary.`,
		Example: "  sentinel demo --once",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return demo(cmd, once) },
	}
	cmd.Flags().BoolVar(&once, "once", false, "stage each incident once, print a summary, and exit")
	return cmd
}

//go:embed demo.yaml
var demoConfig string

// incident is one thing the demo does to the warehouse.
type stagedIncident struct {
	name   string
	check  string // the check that must see it
	key    string // prefix of the finding's key
	break_ func(context.Context, *demoWarehouse) error
	mend   func(context.Context, *demoWarehouse) error // nil: the agent repairs it
	// fails is set where the agent's repair is to fail and be taken back, before mend.
	fails bool
}

func stagedIncidents() []stagedIncident {
	run := func(statements ...string) func(context.Context, *demoWarehouse) error {
		return func(ctx context.Context, w *demoWarehouse) error { return w.exec(ctx, statements...) }
	}
	pause := func(paused bool) func(context.Context, *demoWarehouse) error {
		return func(_ context.Context, w *demoWarehouse) error { w.pause(paused); return nil }
	}
	return []stagedIncident{
		{"the loader is late", "shop.orders/freshness", "", pause(true), pause(false), false},
		{"a partition is missing", "orders-by-day", "missing_partition:",
			run(`INSERT OR IGNORE INTO orders_archive SELECT id, customer_id, amount, created_at FROM orders`, `DELETE FROM orders WHERE date(created_at) = date('now', '-2 days')`), nil, false},
		{"half the rows are gone", "sales-volume", "change",
			run(`CREATE TABLE kept AS SELECT * FROM daily_sales WHERE id % 2 = 0`, `DELETE FROM daily_sales WHERE id % 2 = 0`),
			run(`INSERT INTO daily_sales SELECT * FROM kept`, `DROP TABLE kept`), false},
		{"a column is added", "shop.orders/schema", "column_added", run(`ALTER TABLE orders ADD COLUMN coupon TEXT`), run(`ALTER TABLE orders DROP COLUMN coupon`), false},
		{"a column is removed", "shop.customers/schema:like:shop.crm_customers", "column_added:email", run(`ALTER TABLE customers DROP COLUMN email`), nil, false},
		{"the source has a new column", "shop.customers/schema:like:shop.crm_customers", "column_added:segment", run(`ALTER TABLE crm_customers ADD COLUMN segment varchar(20)`), nil, false},
		{"a reload does not help", "paid-invoices", "", run(`UPDATE invoices SET amount = NULL WHERE day = date('now', '-1 day')`),
			run(`UPDATE invoices SET amount = 10 WHERE day = date('now', '-1 day')`), true},
	}
}

func demo(cmd *cobra.Command, once bool) error {
	dir, err := os.MkdirTemp("", "sentinel-demo-")
	if err != nil {
		return couldNotLook(err)
	}
	defer os.RemoveAll(dir)
	out := cmd.OutOrStdout()
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	w, err := newDemoWarehouse(ctx, filepath.Join(dir, "shop.db"))
	if err != nil {
		return couldNotLook(err)
	}
	path := filepath.Join(dir, "sentinel.yaml")
	if err := os.WriteFile(path, []byte(demoConfig), 0o600); err != nil {
		return couldNotLook(err)
	}
	cfg, err := config.Load(path, os.LookupEnv)
	if err != nil {
		return err
	}
	var parts sync.WaitGroup
	defer parts.Wait()
	defer stop()
	var loaded, ran error
	parts.Go(func() { loaded = w.load(ctx) })
	address := make(chan string, 1)
	agentDone := make(chan struct{})
	parts.Go(func() {
		defer close(agentDone)
		agentCmd := *cmd
		agentCmd.SetContext(ctx)
		ran = runAgent(&agentCmd, cfg, slog.New(slog.NewTextHandler(io.Discard, nil)), func(a string) { address <- a })
	})
	select {
	case a := <-address:
		fmt.Fprintf(out, "configuration  %s\nstatus page    http://%s/\nmetrics        http://%s/metrics\n\n", path, a, a)
	case <-agentDone:
		return ran
	}
	err = stage(ctx, out, cfg, w, once)
	stop()
	parts.Wait()
	if errors.Is(err, context.Canceled) && cmd.Context().Err() != nil {
		err = nil // Ctrl-C is how the demo ends
	}
	return errors.Join(couldNotLook(errors.Join(err, loaded)), ran, w.db.Close())
}

// stage breaks and mends, and tells how long the agent took to see it.
func stage(ctx context.Context, out io.Writer, cfg *config.Config, w *demoWarehouse, once bool) error {
	memory, err := store.OpenReader(ctx, cfg.State)
	if err != nil {
		return err
	}
	defer memory.Close()
	fmt.Fprintf(out, "%-27s %-8s %-9s %-28s %s\n", "STAGED", "SEEN IN", "CLEAR IN", "REPAIR", "WHAT SENTINEL SAID")
	start := clock()
	// Let every check look once, so that baselines are taken.
	if err := until(ctx, func() (bool, error) { return settled(ctx, memory) }); err != nil {
		return err
	}
	all := stagedIncidents()
	for _, i := range all {
		if err := i.tell(ctx, out, memory, w); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\n%d incidents staged, %d seen and cleared, %d rows loaded, in %s\n", len(all), len(all), w.rows(), clock().Sub(start).Round(time.Second))
	if once {
		return nil
	}
	fmt.Fprintln(out, "\nThe loader goes on, and breaks now and then. Ctrl-C ends it.")
	// What the agent repairs is staged once: its attempts an hour are bounded.
	byHand := slices.DeleteFunc(all, func(i stagedIncident) bool { return i.mend == nil || i.fails })
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(demoPause):
		}
		if err := byHand[n%len(byHand)].tell(ctx, out, memory, w); err != nil {
			return err
		}
	}
}

// demoPause is how long all is well between two incidents.
const demoPause = 15 * time.Second

// tell plays an incident and prints its line.
func (i stagedIncident) tell(ctx context.Context, out io.Writer, memory *store.Store, w *demoWarehouse) error {
	line, err := i.play(ctx, memory, w)
	if err != nil {
		return fmt.Errorf("%s: %w", i.name, err)
	}
	_, err = fmt.Fprintln(out, line)
	return err
}

// play stages one incident and waits until it is seen, then mended and cleared.
func (i stagedIncident) play(ctx context.Context, memory *store.Store, w *demoWarehouse) (string, error) {
	open := func() (message string, err error) {
		incidents, err := memory.OpenIncidents(ctx)
		for _, o := range incidents {
			if o.Check == i.check && strings.HasPrefix(o.Key, i.key) && !o.Monitor {
				return o.Message, nil
			}
		}
		return "", err
	}
	// A repair may end an incident before it is looked for.
	told := func(since time.Time) (message string, err error) {
		incidents, err := memory.Incidents(ctx, store.IncidentFilter{Check: i.check, Resolved: true})
		for _, o := range incidents {
			if strings.HasPrefix(o.Key, i.key) && !o.Monitor && o.Updated.After(since) {
				return o.Message, nil
			}
		}
		return "", err
	}
	message := ""
	begin := clock()
	if err := i.break_(ctx, w); err != nil {
		return "", err
	}
	if err := until(ctx, func() (ok bool, err error) { message, err = told(begin.Add(-time.Second)); return message != "", err }); err != nil {
		return "", fmt.Errorf("not seen: %w", err)
	}
	seen := clock().Sub(begin)
	begin = clock()
	repaired := "by hand"
	if i.mend == nil || i.fails {
		end := sentinel.RepairSucceeded
		if i.fails {
			end = sentinel.RolledBack
		}
		if err := until(ctx, func() (bool, error) { return repairEnded(ctx, memory, i.check, end) }); err != nil {
			return "", fmt.Errorf("no repair that %s: %w", end, err)
		}
		repaired = "verified"
	}
	if i.fails {
		repaired = "taken back, then by hand"
	}
	if i.mend != nil {
		if err := i.mend(ctx, w); err != nil {
			return "", err
		}
	}
	if err := until(ctx, func() (bool, error) { m, err := open(); return m == "", err }); err != nil {
		return "", fmt.Errorf("not cleared: %w", err)
	}
	return fmt.Sprintf("%-27s %-8s %-9s %-28s %s", i.name, seen.Round(100*time.Millisecond), clock().Sub(begin).Round(100*time.Millisecond), repaired, message), nil
}

// repairEnded reports whether the check's newest repair has come to an end.
func repairEnded(ctx context.Context, memory *store.Store, check string, end sentinel.RepairState) (bool, error) {
	repairs, err := memory.Repairs(ctx, store.RepairFilter{Check: check, Limit: 1})
	if err != nil || len(repairs) == 0 {
		return false, err
	}
	if r := repairs[0]; r.State.Final() && r.State != end && r.State != sentinel.RepairCancelled {
		return false, fmt.Errorf("repair %s: %s: %s", r.ID, r.State, r.Message)
	}
	return repairs[0].State == end, nil
}

func settled(ctx context.Context, memory *store.Store) (bool, error) {
	results, err := memory.LastResults(ctx, store.Filter{})
	return len(results) >= 11, err
}

// until polls a condition for up to half a minute.
func until(ctx context.Context, met func() (bool, error)) error {
	return untilIn(ctx, 30*time.Second, met)
}

func untilIn(ctx context.Context, limit time.Duration, met func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := met()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// demoWarehouse is the embedded warehouse with its loader.
type demoWarehouse struct {
	db *sql.DB

	mu     sync.Mutex
	paused bool
	loaded int
}

func newDemoWarehouse(ctx context.Context, path string) (*demoWarehouse, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	w := &demoWarehouse{db: db}
	return w, w.exec(ctx,
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

func (w *demoWarehouse) exec(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if _, err := w.db.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (w *demoWarehouse) pause(paused bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paused = paused
}

func (w *demoWarehouse) rows() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.loaded
}

// load inserts orders every second until ctx ends.
func (w *demoWarehouse) load(ctx context.Context) error {
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
		err := w.exec(ctx, `INSERT INTO orders (customer_id, amount, created_at) VALUES (1, 9.5, strftime('%Y-%m-%d %H:%M:%f', 'now')), (2, 19.5, strftime('%Y-%m-%d %H:%M:%f', 'now'))`)
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
