package app_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// testCluster is some agents with one state in PostgreSQL, each on an address of its
// own; one leads, the others do a share of the work.
type testCluster struct {
	*testing.T
	agent, dir, state string
	shop              string // the warehouse
	agents            []*member
	mu                sync.Mutex
	notices           map[string]int // by idempotency key
}

const clusterConfig = `
state: %q
listen: %s
warehouses: {shop: {dsn: %[3]q, repair_dsn: %[3]q}}
defaults: {schedule: "@every 1s", timezone: UTC}
notify: {hook: {webhook: {url: %[4]q}}}
routes: [{to: hook, group_wait: 0s}]
repair_budget: 100000
datasets:
  - {table: shop.public.t_%%, checks: [row_count > 0]}
  - {table: shop.public.quiet, checks: [row_count > 0]}
  - table: shop.public.orders
    time_column: at
    checks: [{row_count: {bucket: day, fail: "< 10"}}]
    repair: [{on: row_count, reload_partition: {from: shop.public.orders_source, min_ratio: 0.1}, mode: auto, attempts: 100000, flap_window: 1s}]
`

type member struct {
	listen string
	cmd    *exec.Cmd
	log    string
}

func newCluster(t *testing.T, agents, datasets int, state string) *testCluster {
	t.Helper()
	c := &testCluster{T: t, dir: t.TempDir(), notices: map[string]int{}}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var notice struct{ Key string }
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, &notice)
		}
		if err != nil {
			t.Error(err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.notices[notice.Key]++
	}))
	t.Cleanup(receiver.Close)
	c.state = state
	shop := testenv.Postgres(t)
	c.shop = shop
	statements := []string{"CREATE TABLE quiet (id bigint)",
		"CREATE TABLE orders (id bigint PRIMARY KEY, at timestamptz NOT NULL)",
		"INSERT INTO orders SELECT i, date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - interval " +
			"'12 hours' FROM generate_series(1, 10) i",
		"CREATE TABLE orders_source AS SELECT * FROM orders", "ALTER TABLE orders_source ADD PRIMARY KEY (id)"}
	for i := range datasets {
		statements = append(statements, fmt.Sprintf("CREATE TABLE t_%04d (id bigint); INSERT INTO t_%04d VALUES (1)",
			i, i))
	}
	testenv.Exec(t, "pgx", shop, strings.Join(statements, ";"))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c.agent = filepath.Join(c.dir, "sentinel")
	if err := os.Symlink(self, c.agent); err != nil {
		t.Fatal(err)
	}
	for n := range agents {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		m := &member{listen: l.Addr().String(), log: filepath.Join(c.dir, fmt.Sprint(n, ".log"))}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		config := fmt.Sprintf(clusterConfig, c.state, m.listen, shop, receiver.URL)
		if err := os.WriteFile(filepath.Join(c.dir, fmt.Sprint(n, ".yaml")), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		c.agents = append(c.agents, m)
		c.start(n)
	}
	t.Cleanup(func() {
		for n := range c.agents {
			c.kill(n)
		}
	})
	return c
}

func (c *testCluster) start(n int) {
	c.Helper()
	m := c.agents[n]
	log, err := os.OpenFile(m.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		c.Fatal(err)
	}
	defer log.Close()
	m.cmd = exec.Command(c.agent, "run", "-c", filepath.Join(c.dir, fmt.Sprint(n, ".yaml")))
	m.cmd.Stdout, m.cmd.Stderr = log, log
	if err := m.cmd.Start(); err != nil {
		c.Fatal(err)
	}
}

func (c *testCluster) kill(n int) {
	if m := c.agents[n]; m.cmd != nil {
		_ = m.cmd.Process.Kill() // an error says that it has ended already
		_ = m.cmd.Wait()         // killed, as was wanted
		m.cmd = nil
	}
}

// until polls a condition for up to a minute.
func (c *testCluster) until(what string, met func() bool) {
	c.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !met(); <-tick.C {
		if time.Now().After(deadline) {
			for _, m := range c.agents {
				text, _ := os.ReadFile(m.log)
				c.Logf("%s\n%s", m.listen, text[max(0, len(text)-2000):])
			}
			if s, err := store.OpenReader(c.Context(), c.state); err == nil {
				newest, _ := s.Repairs(c.Context(), store.RepairFilter{Limit: 5})
				for _, r := range newest {
					c.Logf("repair %s: %s: %s", r.ID, r.State, r.Message)
				}
				_ = s.Close() // what matters is said already
			}
			c.Fatalf("not within a minute: %s", what)
		}
	}
}

// get is what an agent answers with 200; "" for anything else.
func (c *testCluster) get(n int, path string) string {
	client := &http.Client{Timeout: 2 * time.Second}
	resp, err := client.Get("http://" + c.agents[n].listen + path)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return ""
	}
	return string(body)
}

// leader is the agent that says that it leads.
func (c *testCluster) leader() (leads int) {
	c.Helper()
	c.until("an agent leads", func() bool {
		for n := range c.agents {
			if c.get(n, "/-/leader") != "" {
				leads = n
				return true
			}
		}
		return false
	})
	return leads
}

func (c *testCluster) ticked(since time.Time) {
	c.Helper()
	quiet := sentinel.Table{Warehouse: "shop", Schema: "public", Name: "quiet"}
	c.until("a tick is written down", func() bool {
		s, err := store.OpenReader(c.Context(), c.state)
		if err != nil {
			return false // its tables are made by the first agent
		}
		defer s.Close()
		ticks, err := s.Ticks(c.Context(), quiet, 1)
		return err == nil && len(ticks) > 0 && ticks[0].Skipped == "" && ticks[0].Tick.After(since)
	})
}

// TestAgentsTakeOver kills agents again and again: the one that leads, and those
// that do a share of its work. Every tick of every dataset was run once, or is
// written down as missed with the reason; people heard of each transition once;
// a table that loses rows all the time is repaired, each repair once.
func TestAgentsTakeOver(t *testing.T) {
	t.Parallel()
	kills, datasets := 6, 30
	if n, err := strconv.Atoi(os.Getenv("SENTINEL_TORTURE")); err == nil {
		kills, datasets = 20*n, 2000
	}
	c := newCluster(t, 3, datasets, testenv.Postgres(t))
	random := rand.New(rand.NewPCG(3, 4))
	var slowest time.Duration
	c.ticked(time.Time{})
	for n := range kills {
		victim := c.leader()
		if n%3 == 2 { // one that helps
			victim = (victim + 1 + random.IntN(2)) % 3
		}
		testenv.Exec(t, "pgx", c.shop, fmt.Sprintf("DELETE FROM orders WHERE id = %d", 1+random.IntN(10)))
		<-time.After(time.Duration(500+random.IntN(1000)) * time.Millisecond)
		c.kill(victim)
		died := time.Now()
		c.ticked(died)
		slowest = max(slowest, time.Since(died))
		c.start(victim)
	}
	t.Logf("%d kills of 3 agents with %d datasets: work was taken over within %s",
		kills, datasets, slowest.Round(100*time.Millisecond))
	if slowest > 10*time.Second {
		t.Errorf("taken over after %s", slowest)
	}
	c.until("the agents share the work", func() bool {
		return countedOn(c.get(c.leader(), "/metrics"), `sentinel_tasks_total{done="remote",kind="checks"}`) > 0
	})
	c.until("the table is repaired", func() bool { return c.rows("SELECT count(*) FROM orders") == 10 })
	c.until("no repair is under way", func() bool { return c.repairs(true) == 0 })
	last := c.leader()
	for n := range c.agents {
		if n != last {
			c.kill(n)
		}
	}
	c.kill(last)
	c.complete(datasets)
	if done, ledger := c.repairs(false),
		c.rows("SELECT count(*) FROM sentinel.ledger WHERE step = 'apply'"); ledger == 0 || ledger > done {
		t.Errorf("%d repairs were applied %d times", done, ledger)
	}
	if n := c.rows("SELECT count(*) FROM orders FULL JOIN orders_source USING (id, at) WHERE orders.id IS NULL " +
		"OR orders_source.id IS NULL"); n != 0 {
		t.Errorf("%d rows are not those of the source", n)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.notices) == 0 {
		t.Error("nobody heard of the empty table")
	}
	for key, n := range c.notices {
		if n > 1+kills { // at least once: a kill between the answer and its note sends it again, with the same key
			t.Errorf("%s came %d times", key, n)
		}
	}
}

// rows is the number that a statement to the warehouse returns.
func (c *testCluster) rows(query string) (n int) {
	c.Helper()
	db, err := sql.Open("pgx", c.shop)
	if err != nil {
		c.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(c.Context(), query).Scan(&n); err != nil {
		c.Fatal(err)
	}
	return n
}

// repairs counts those that have not ended, or all.
func (c *testCluster) repairs(active bool) int {
	c.Helper()
	s, err := store.OpenReader(c.Context(), c.state)
	if err != nil {
		c.Fatal(err)
	}
	defer s.Close()
	found, err := s.Repairs(c.Context(), store.RepairFilter{Active: active, Limit: 100_000})
	if err != nil {
		c.Fatal(err)
	}
	return len(found)
}

// countedOn is the value of one series on a page of metrics.
func countedOn(page, series string) float64 {
	for line := range strings.Lines(page) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), series+" "); ok {
			if v, err := strconv.ParseFloat(value, 64); err == nil {
				return v
			}
		}
	}
	return 0
}

// complete holds the recorded ticks to the schedule: none is missing between the
// first and the last, and none is there twice.
func (c *testCluster) complete(datasets int) {
	c.Helper()
	s, err := store.OpenReader(c.Context(), c.state)
	if err != nil {
		c.Fatal(err)
	}
	defer s.Close()
	every, err := schedule.Parse("@every 1s", time.UTC)
	if err != nil {
		c.Fatal(err)
	}
	run, missed := 0, 0
	for i := range datasets {
		ticks, err := s.Ticks(c.Context(), sentinel.Table{Warehouse: "shop", Schema: "public",
			Name: fmt.Sprintf("t_%04d", i)}, 100_000)
		if err != nil || len(ticks) == 0 {
			c.Fatalf("dataset %d: %d ticks, %v", i, len(ticks), err)
		}
		for k, tick := range ticks { // newest first
			switch {
			case tick.Skipped == "":
				run++
			case tick.Skipped == "no agent ran at that time" || tick.Skipped == "the tick before was still running":
				missed++
			default:
				c.Errorf("skipped: %q", tick.Skipped)
			}
			if k+1 < len(ticks) && !every.Next(ticks[k+1].Tick).Equal(tick.Tick) {
				c.Errorf("dataset %d: after %s came %s", i, ticks[k+1].Tick, tick.Tick)
			}
		}
	}
	c.Logf("%d ticks were run, %d are written down as missed", run, missed)
	if c.Failed() {
		for n, m := range c.agents {
			text, err := os.ReadFile(m.log)
			c.Logf("agent %d: %v\n%s", n, err, text)
		}
	}
}
