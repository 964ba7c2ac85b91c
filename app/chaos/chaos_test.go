// Package chaos_test runs several agents on one state and disturbs everything that they
// depend on: it kills, freezes and cuts off agents, warehouses, the state and the receiver
// of notices and hooks, while rows of the watched tables are lost, changed and doubled.
// At the end it verifies what must hold whatever happened; see audit_test.go.
//
//	go test ./app/chaos -v                               # ten disturbances
//	go test ./app/chaos -v -disturbances 500 -seed 7     # more, as make chaos does
package chaos_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

var (
	disturbances = flag.Int("disturbances", 10, "disturbances of agents, servers and the receiver")
	seed         = flag.Uint64("seed", 1, "seed of what is disturbed, how, and for how long")
	logs         = flag.String("logs", "", "directory to keep the agents' logs in")
)

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == program {
		os.Exit(sentinelMain())
	}
	flag.Parse()
	os.Exit(testenv.Main(m))
}

// world is everything that takes part.
type world struct {
	*testing.T
	dir           string
	state, pg, my *host
	receiver      *receiver
	agents        []*agent
	tables        []*table

	mu         sync.Mutex
	counts     map[string]int // of disturbances and damages, by what was done
	violations []string
}

// violate notes that something did not hold.
func (w *world) violate(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
}

func (w *world) count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[what]++
}

const settings = `state: ${STATE_DSN}
warehouses:
  pg: {dsn: %[1]q, repair_dsn: %[1]q, statement_timeout: 5s}
  my: {dsn: %[2]q, repair_dsn: %[2]q, statement_timeout: 5s}
defaults: {schedule: "@every 1s", timezone: UTC, tier: critical, owner: chaos}
notify: {receiver: {webhook: {url: "http://%[3]s/notices"}}}
routes: [{to: receiver, group_wait: 0s}]
repair_budget: 1000000
datasets:
  - {table: pg.public.calm, checks: [row_count > 0, {row_count: {id: calm-usual, anomaly: {}}}, schema]}
  - {table: my.shop.calm, checks: [row_count > 0, schema]}
`

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, dir: t.TempDir(), counts: map[string]int{}}
	if *logs != "" {
		w.dir = *logs
	}
	w.state, w.pg, w.my = w.newPostgres(t, "state", 3), w.newPostgres(t, "pg", 1), w.newMySQL(t, "my")
	var err error
	if w.receiver, err = newReceiver(w.violate, w.restoreJobs); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.receiver.stop(); err != nil {
			t.Error(err)
		}
	})
	w.tables = w.newTables()
	random, today := rand.New(rand.NewPCG(*seed, 1)), time.Now().UTC().Truncate(24*time.Hour)
	var config strings.Builder
	fmt.Fprintf(&config, settings, w.pg.through(w.pg.networks[0]), w.my.through(w.my.networks[0]), w.receiver.address)
	for _, table := range w.tables {
		table.create(t, random, today)
		config.WriteString(table.config())
	}
	for _, h := range []*host{w.pg, w.my} {
		execAll(t, h, "CREATE TABLE calm (id int)", "INSERT INTO calm VALUES (1), (2)")
	}
	t.Cleanup(func() {
		for _, a := range w.agents {
			if err := a.end(9); err != nil {
				t.Error(err)
			}
		}
	})
	if err := w.newAgents(config.String()); err != nil {
		t.Fatal(err)
	}
	return w
}

// until polls a condition, and reports whether it was met in time.
func (w *world) until(limit time.Duration, met func(context.Context) bool) bool {
	ctx, cancel := context.WithTimeout(w.Context(), limit)
	defer cancel()
	for !met(ctx) {
		if !wait.For(ctx, 250*time.Millisecond) {
			return false
		}
	}
	return true
}

// read opens the state for reading. It is an error while the server is away.
func (w *world) read(ctx context.Context, do func(*store.Store) error) error {
	s, err := store.OpenReader(ctx, w.state.own())
	if err != nil {
		return err
	}
	defer s.Close()
	return do(s)
}

// TestChaos disturbs everything and verifies what must hold.
func TestChaos(t *testing.T) {
	w := newWorld(t)
	if !w.until(2*time.Minute, w.allChecked) {
		w.explain()
		t.Fatal("the checks have not run within two minutes")
	}
	begun := time.Now()
	ctx, stop := context.WithCancel(t.Context())
	var damaging sync.WaitGroup
	damaging.Go(func() { w.damageTables(ctx, rand.New(rand.NewPCG(*seed, 2))) })
	w.disturb(rand.New(rand.NewPCG(*seed, 3)), *disturbances)
	stop()
	damaging.Wait()
	disturbed := time.Since(begun)
	if !w.until(10*time.Minute, w.settled) {
		w.violate("ten minutes later not everything is as it should be: %s", w.unsettled())
	}
	t.Logf("disturbed for %s; all was well %s later", disturbed.Round(time.Second), (time.Since(begun) - disturbed).Round(time.Second))
	for _, a := range w.agents { // the leader last, so that what it does is recorded
		if !a.leads(t.Context()) {
			w.check(a.end(15))
		}
	}
	for _, a := range w.agents {
		w.check(a.end(15))
	}
	w.audit()
	w.report()
}

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Error(err)
	}
}

// allChecked reports whether each check has run.
func (w *world) allChecked(ctx context.Context) bool {
	all := false
	return w.read(ctx, func(s *store.Store) error {
		results, err := s.LastResults(ctx, store.Filter{})
		ran := map[string]bool{}
		for _, r := range results {
			ran[r.Check] = true
		}
		all = !slices.ContainsFunc(w.tables, func(t *table) bool {
			return slices.ContainsFunc(t.checkIDs(), func(id string) bool { return !ran[id] })
		})
		return err
	}) == nil && all
}

// damageTables damages one table after the other until ctx ends: only those that are well
// and that no repair works at, so that what is found is what was planted.
func (w *world) damageTables(ctx context.Context, random *rand.Rand) {
	for next := 1; wait.For(ctx, time.Duration(200+random.IntN(1000))*time.Millisecond); next++ {
		t := w.tables[random.IntN(len(w.tables))]
		yesterday := time.Now().UTC().AddDate(0, 0, -1).Truncate(24 * time.Hour)
		what, statement := t.damage(random, yesterday, next)
		if t.name == "jobs" && strings.HasPrefix(what, "doubled") || !w.well(ctx, t) {
			continue
		}
		if err := w.execute(ctx, t.home, statement); err == nil {
			w.count("rows " + what)
		}
	}
}

// well reports whether a table is equal to its source, and without an open incident and a
// repair.
func (w *world) well(ctx context.Context, t *table) bool {
	quiet := true
	err := w.read(ctx, func(s *store.Store) error {
		active, err := s.Repairs(ctx, store.RepairFilter{Active: true})
		if err != nil {
			return err
		}
		open, err := s.OpenIncidents(ctx)
		quiet = !slices.ContainsFunc(active, func(r sentinel.Repair) bool { return r.Table == t.dataset() }) &&
			!slices.ContainsFunc(open, func(i sentinel.Incident) bool {
				return i.Table == t.dataset() && i.State != sentinel.Resolved
			})
		return err
	})
	if err != nil || !quiet {
		return false
	}
	different, err := t.differs(ctx)
	return err == nil && different == ""
}

// settled reports whether nothing is left to do: tables are as their sources, no repair is
// under way, no incident is open, no notice waits.
func (w *world) settled(ctx context.Context) bool { return w.unsettledNow(ctx) == "" }

func (w *world) unsettled() string { return w.unsettledNow(w.Context()) }

func (w *world) unsettledNow(ctx context.Context) (why string) {
	err := w.read(ctx, func(s *store.Store) error {
		active, err := s.Repairs(ctx, store.RepairFilter{Active: true})
		if err != nil {
			return err
		}
		for _, r := range active {
			why += fmt.Sprintf("; repair %s of %s: %s: %s", r.ID, r.Table, r.State, r.Message)
		}
		open, err := s.OpenIncidents(ctx)
		for _, i := range open {
			if i.State != sentinel.Resolved {
				why += fmt.Sprintf("; incident %s of %s: %s: %s; %s", i.ID, i.Table, i.State, i.Message, i.Note)
			}
		}
		if err != nil {
			return err
		}
		pending, err := s.Outbox(ctx, store.OutboxFilter{State: store.OutboxPending})
		for _, o := range pending {
			why += fmt.Sprintf("; notice %s waits: %s", o.Key, o.LastError)
		}
		return err
	})
	if err != nil {
		return "; " + err.Error()
	}
	for _, t := range w.tables {
		different, err := t.differs(ctx)
		if err != nil || different != "" {
			why += fmt.Sprintf("; %s differs from its source: %s %v", t.name, different, err)
		}
	}
	return why
}
