package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// timeout measures twelve checks, of which two match patterns, under a statement_timeout that the
// ten others keep and all together do not.
func (b *columnsBench) timeout(ctx context.Context) ([]line, error) {
	scalars := scalarQuestions()
	questions := append(append([]question{}, scalars[:9]...), scalars[11], scalars[12], scalars[13])
	whole, err := b.ask(ctx, byHand(questions, ""))
	if err != nil {
		return nil, err
	}
	limit := max(whole.took/2, 20*time.Millisecond)
	table, err := b.scanned(ctx, func() error {
		_, err := b.ask(ctx, []string{"SELECT count(*) FILTER (WHERE qty IS NULL) FROM orders"})
		return err
	})
	if err != nil {
		return nil, err
	}
	single, err := b.scanned(ctx, func() error {
		_, err := b.ask(ctx, asDBT(questions), fmt.Sprintf("SET statement_timeout = %d", limit.Milliseconds()))
		return err
	})
	if err != nil {
		return nil, err
	}
	text := strings.Replace(ordersConfig(b.dsn, b.state("timeout"), "", questions), "statement_timeout: 10m",
		fmt.Sprintf("statement_timeout: %dms", limit.Milliseconds()), 1)
	start := time.Now()
	ours, err := b.scanned(ctx, func() error {
		_, err := b.checkFile(ctx, "timeout", text)
		return err
	})
	if err != nil {
		return nil, err
	}
	return []line{
		{"scans, 12 checks that time out as one", single / table, -1, ours / table, -1,
			"<= 2, and what heavy ones read in one timeout"},
		{"statement_timeouts that they take", -1, -1, time.Since(start).Seconds() / limit.Seconds(), -1, "-"},
	}, nil
}

// scanned returns how many blocks of the table orders are read, also by statements that are
// cancelled. Processes report them when they end.
func (b *columnsBench) scanned(ctx context.Context, do func() error) (float64, error) {
	const query = "SELECT (heap_blks_read + heap_blks_hit)::float8 FROM pg_statio_user_tables WHERE relname = 'orders'"
	var before, after, last float64
	if err := b.conn.QueryRow(ctx, query).Scan(&before); err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, err
	}
	for after, last = 0, -1; after != last; {
		last = after
		time.Sleep(500 * time.Millisecond)
		if err := b.conn.QueryRow(ctx, query).Scan(&after); err != nil {
			return 0, err
		}
	}
	return after - before, nil
}

// martChecks are 20 checks of each table of the mart; %[1]d is its number.
const martChecks = `      - missing: {column: customer_id}
      - missing: {column: status}
      - missing: {column: amount}
      - missing: {column: status, id: empty-%[1]d, empty: true}
      - missing: {column: name, id: blank-%[1]d, blank: true}
      - invalid: {column: status, valid_values: [new, paid, shipped, closed]}
      - invalid: {column: status, id: short-%[1]d, max_length: 10}
      - invalid: {column: name, min_length: 3}
      - invalid: {column: name, id: form-%[1]d, pattern: "^name [0-9]+$"}
      - invalid: {column: amount, min: 0, max: 1000}
      - invalid: {column: qty, min: 0, max: 12}
      - invalid: {column: customer_id, min: 0}
      - aggregate: {column: amount, function: avg, fail: "< 0"}
      - aggregate: {column: amount, function: sum, fail: "< 0"}
      - aggregate: {column: amount, function: max, fail: "< 0"}
      - aggregate: {column: amount, function: stddev, fail: "< 0"}
      - aggregate: {column: qty, function: avg, fail: "< 0"}
      - failed_rows: {expression: "created_at > updated_at + interval '1 year'"}
      - duplicate: {columns: [customer_id, created_at]}
      - reference: {column: customer_id, to: w.mart.customers, field: id}
`

// martByHand are the statements of a person for one table; %[1]d is its number.
var martByHand = []string{`SELECT count(*), count(customer_id), count(status), count(amount),
	count(*) FILTER (WHERE status = ''),
	count(*) FILTER (WHERE name ~ '^\s*$'), count(*) FILTER (WHERE status NOT IN ('new','paid','shipped','closed')),
	count(*) FILTER (WHERE length(status) > 10), count(*) FILTER (WHERE length(name) < 3),
	count(*) FILTER (WHERE name !~ '^name [0-9]+$'),
	count(*) FILTER (WHERE amount NOT BETWEEN 0 AND 1000), count(*) FILTER (WHERE qty NOT BETWEEN 0 AND 12),
	count(*) FILTER (WHERE customer_id < 0), avg(amount), sum(amount), max(amount), stddev(amount), avg(qty),
	count(*) FILTER (WHERE created_at > updated_at + interval '1 year') FROM mart.t_%03[1]d`,
	`SELECT coalesce(sum(n - 1), 0), count(*) FROM (SELECT count(*) AS n FROM mart.t_%03[1]d
	GROUP BY customer_id, created_at HAVING count(*) > 1) t`,
	"SELECT count(*) FROM mart.t_%03[1]d o WHERE NOT EXISTS (SELECT 1 FROM mart.customers c WHERE c.id = o.customer_id)"}

// mart measures 20 checks of each of many tables, and what the agent itself takes.
func (b *columnsBench) mart(ctx context.Context) ([]line, error) {
	for _, s := range []string{"CREATE TABLE mart.customers AS SELECT generate_series(0, 5002) AS id",
		"ALTER TABLE mart.customers ADD PRIMARY KEY (id)", "GRANT SELECT ON mart.customers TO reader",
		"VACUUM ANALYZE mart.customers"} {
		if _, err := b.conn.Exec(ctx, s); err != nil {
			return nil, fmt.Errorf("%s: %w", s, err)
		}
	}
	var byHand []string
	for i := range *tables {
		for _, s := range martByHand {
			byHand = append(byHand, fmt.Sprintf(s, i+1))
		}
	}
	floor, err := b.ask(ctx, byHand)
	if err != nil {
		return nil, err
	}
	var ours spent
	for range 2 { // the first one warms up
		if ours, err = b.checkFile(ctx, "mart-columns", b.martConfig("mart")); err != nil {
			return nil, err
		}
	}
	what := fmt.Sprintf("%d tables x 20 column checks", *tables)
	return []line{
		ofFloor("statements, "+what, float64(20**tables), floor.statements, ours.statements, 1.02),
		ofFloor("blocks + temp, "+what, -1, floor.all(), ours.all(), 1.02),
		{"processor's seconds, the command itself", -1, -1, ours.cpu.Seconds(), -1, "-"},
	}, nil
}

func (b *columnsBench) martConfig(state string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "state: %q\nlisten: 127.0.0.1:0\nwarehouses: {w: {dsn: %q}}\n"+
		"defaults: {timezone: UTC, schedule: \"@every 5s\"}\ndatasets:\n", b.state(state), b.dsn)
	for i := range *tables {
		fmt.Fprintf(&text, "  - table: w.mart.t_%03[1]d\n    checks:\n"+martChecks, i+1)
	}
	return text.String()
}

// ticks measures the processor's time of an agent that checks the mart, for each time that it has
// checked all of it.
func (b *columnsBench) ticks(ctx context.Context) ([]line, error) {
	var first, last cost
	err := b.agent(ctx, "ticks", b.martConfig("ticks"), func(pid int) (err error) {
		after := func(statements float64) (c cost, err error) {
			for err == nil && c.statements < statements {
				time.Sleep(200 * time.Millisecond)
				c, err = readCost(ctx, b.conn, pid)
			}
			return c, err
		}
		all := float64(len(martByHand) * *tables)
		before, err := readCost(ctx, b.conn, pid)
		if err != nil {
			return err
		}
		if first, err = after(before.statements + 2*all); err != nil {
			return err
		}
		last, err = after(first.statements + 5*all)
		return err
	})
	each := (last.cpu - first.cpu).Seconds() / (last.statements - first.statements) * float64(len(martByHand)**tables)
	return []line{{"processor's seconds, a tick of an agent", -1, -1, each, -1, "<= 0.1"}}, err
}

// agent runs an agent while do works.
func (b *columnsBench) agent(ctx context.Context, name, text string, do func(pid int) error) error {
	file := filepath.Join(b.dir, name+".yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, b.binary, "run", "-c", file, "--log-level", "error")
	cmd.Dir, cmd.Stderr = b.dir, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	err := do(cmd.Process.Pid)
	if err := errors.Join(err, cmd.Process.Signal(syscall.SIGTERM)); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("the agent: %w", err)
	}
	return nil
}

// failures runs an agent with samples and explanations, and counts what it sends beside the
// checks while they pass, and once they fail.
func (b *columnsBench) failures(ctx context.Context) ([]line, error) {
	for _, s := range []string{"CREATE TABLE recent AS SELECT * FROM orders ORDER BY id DESC LIMIT 100000",
		"ALTER TABLE recent ADD PRIMARY KEY (id)", "GRANT SELECT ON recent TO reader", "VACUUM ANALYZE recent"} {
		if _, err := b.conn.Exec(ctx, s); err != nil {
			return nil, fmt.Errorf("%s: %w", s, err)
		}
	}
	text := fmt.Sprintf(`state: %q
listen: 127.0.0.1:0
warehouses: {w: {dsn: %q}}
defaults: {timezone: UTC, schedule: "@every 1s"}
jitter: 0s
datasets:
  - table: w.public.recent
    samples: {columns: [id, country, status], explain: [country, status]}
    checks:
      - missing: {column: amount}
      - missing: {column: qty}
      - invalid: {column: qty, min: 0, max: 49}
      - invalid: {column: status, valid_values: [new, paid, shipped, done, cancelled]}
`, b.state("failures"), b.dsn)
	var passing, failing float64
	err := b.agent(ctx, "failures", text, func(int) (err error) {
		if passing, err = b.beside(ctx, "SELECT 1"); err != nil {
			return err
		}
		failing, err = b.beside(ctx, "UPDATE recent SET amount = NULL, qty = 77 WHERE country = 'PL'")
		return err
	})
	return []line{
		{"samples + explanation while all passes", -1, 0, passing, 0, ""},
		{"samples + explanation, 3 checks turn bad", -1, 2, failing, 2, ""},
	}, err
}

// beside runs a statement, waits for four ticks of the agent, and returns how many statements it
// sent that were not those of the checks, which it sends at every tick.
func (b *columnsBench) beside(ctx context.Context, change string) (other float64, err error) {
	if _, err := b.conn.Exec(ctx, change); err != nil {
		return 0, err
	}
	if _, err := b.conn.Exec(ctx, "SELECT pg_stat_statements_reset()"); err != nil {
		return 0, err
	}
	const query = `SELECT coalesce(max(calls), 0)::float8, (coalesce(sum(calls), 0) - coalesce(max(calls), 0))::float8
		FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid WHERE r.rolname = 'reader' AND ` + ofTables
	for ticks := 0.0; ticks < 4; time.Sleep(200 * time.Millisecond) {
		if err := b.conn.QueryRow(ctx, query).Scan(&ticks, &other); err != nil {
			return 0, err
		}
	}
	return other, nil
}
