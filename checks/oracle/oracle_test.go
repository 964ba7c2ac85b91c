// Package oracle_test compares Sentinel's verdicts with those of an oracle. A generator
// draws tables, an instant and checks. Plain Go computes from the rows what each check
// must answer. Sentinel asks every engine. They must agree, or Sentinel must refuse
// where an engine cannot hold the number.
//
//	go test ./checks/oracle                          # 2,000 rounds, or 200 with -race
//	go test ./checks/oracle -rounds 100000           # more
//	go test ./checks/oracle -seed 17 -rounds 1 -v    # one again
//	go test ./checks/oracle -run Days -stories 1000  # tables over several days, with a store
//	go test ./checks/oracle -run ColumnChecks -rounds 8000  # 2,000 tables of odd values, and laws without an oracle
//	go test ./checks/oracle -run Imported -rounds 8000      # what other tools' documentation says, beside what is imported
package oracle_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"

	_ "github.com/sentinel-dq/sentinel/warehouse/all"
)

var (
	rounds = flag.Int("rounds", usualRounds, "tables that are drawn")
	seed   = flag.Uint64("seed", 1, "seed of the first round; each round has the next one")
)

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "zones")
	if err == nil {
		err = writeZones(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := testenv.Main(m)
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// atOnce is the number of tables that one run of Sentinel checks.
const atOnce = 25

func TestVerdictsAreThoseOfTheOracle(t *testing.T) {
	engines := map[string]*engine{}
	for _, name := range warehouse.Dialects() {
		engines[name] = openEngine(t, name)
	}
	verdicts := 0
	for first := uint64(0); first < uint64(*rounds); first += atOnce {
		var batch []*round
		for k := first; k < min(first+atOnce, uint64(*rounds)); k++ {
			batch = append(batch, newRound(t, *seed+k, engines))
		}
		verdicts += compareRounds(t, engines, batch)
	}
	t.Logf("%d rounds from seed %d: %d verdicts agree", *rounds, *seed, verdicts)
}

// round is one table with its checks.
type round struct {
	seed  uint64
	table *table
	rules []rule
}

func newRound(tb testing.TB, seed uint64, engines map[string]*engine) *round {
	tb.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	t, err := draw(r, fmt.Sprintf("t%d", seed))
	if err != nil {
		tb.Fatal(err)
	}
	on := func(e *engine) *engine { return e }
	if r.IntN(2) == 0 {
		shift := 1 + r.IntN(2)
		on = func(e *engine) *engine { return next(engines, e, shift) }
	}
	out := &round{seed: seed, table: t}
	for range 1 + r.IntN(6) {
		switch r.IntN(8) {
		case 0, 1, 2, 3:
			out.rules = append(out.rules, drawRowCount(r, t))
		case 4:
			out.rules = append(out.rules, drawQuery(r, t))
		case 5:
			out.rules = append(out.rules, drawReconcile(r, t, on))
		case 6:
			out.rules = append(out.rules, drawDeclared(r, t))
		case 7:
			if t.live {
				out.rules = append(out.rules, drawFreshness(r, t))
			} else {
				out.rules = append(out.rules, drawRowCount(r, t))
			}
		}
	}
	if t.live {
		out.rules = append(out.rules, drawFreshness(r, t))
	}
	return out
}

// next returns another engine, in the order of the names.
func next(engines map[string]*engine, e *engine, shift int) *engine {
	names := warehouse.Dialects()
	for i, name := range names {
		if name == e.name {
			return engines[names[(i+shift)%len(names)]]
		}
	}
	return e
}

// tables returns all tables of a round.
func (r *round) tables() []*table {
	out := []*table{r.table}
	for i, rule := range r.rules {
		if c, is := rule.(reconcile); is {
			c.with.name = fmt.Sprintf("%s_%d", r.table.name, i)
			out = append(out, c.with)
		}
	}
	return out
}

// compareRounds makes the tables on every engine, checks them, and returns the number of
// verdicts compared.
func compareRounds(t *testing.T, engines map[string]*engine, batch []*round) (verdicts int) {
	t.Helper()
	for _, e := range engines {
		for _, r := range batch {
			for _, table := range r.tables() {
				e.create(t, table)
				defer e.exec(t, "DROP TABLE "+table.name)
			}
		}
	}
	for _, e := range engines {
		cfg := configure(t, engines, e, batch)
		env := checks.Env{Clock: sentinel.ClockFunc(time.Now), Cache: &checks.Cache{},
			Warehouse: func(name string) (*warehouse.DB, error) { return engines[name].db, nil }}
		jobs := make([]checks.Job, len(batch))
		for i, d := range cfg.Datasets {
			jobs[i] = checks.Job{Table: d.Table, TimeColumn: d.TimeColumn, Time: d.Time, Location: d.Location,
				Tick: batch[i].table.tick}
			for _, c := range d.Checks {
				jobs[i].Checks = append(jobs[i].Checks, c.Check)
			}
		}
		for i, outcome := range checks.Run(t.Context(), env, e.name, jobs) {
			verdicts += batch[i].compare(t, e, outcome.Results)
		}
	}
	return verdicts
}

// configure writes the file for one engine, and reads it as a user's.
func configure(t *testing.T, engines map[string]*engine, e *engine, batch []*round) *config.Config {
	t.Helper()
	warehouses := map[string]any{}
	for name, e := range engines {
		warehouses[name] = map[string]any{"dialect": name, "dsn": e.database.Warehouse}
	}
	var datasets []any
	for _, r := range batch {
		var list []any
		for i, rule := range r.rules {
			c := rule.config(e, r.table)
			for _, options := range c {
				options.(map[string]any)["id"] = fmt.Sprintf("%s_%d", r.table.name, i)
			}
			list = append(list, c)
		}
		key, times := r.table.times(e)
		datasets = append(datasets, map[string]any{
			"table": fmt.Sprintf("%s.%s.%s", e.name, e.database.Schema, r.table.name), key: times,
			"timezone": r.table.zone.String(), "checks": list,
		})
	}
	text, err := json.Marshal(map[string]any{"warehouses": warehouses, "datasets": datasets,
		"defaults": map[string]any{"schedule": "* * * * *"}})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("oracle.yaml", text, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return cfg
}

func (r *round) compare(t *testing.T, e *engine, results []sentinel.Result) int {
	t.Helper()
	if len(results) != len(r.rules) {
		t.Errorf("seed %d on %s: %d results for %d checks", r.seed, e.name, len(results), len(r.rules))
		return 0
	}
	for i, rule := range r.rules {
		if wrong := rule.expect(e, r.table).disagreement(results[i]); wrong != "" {
			text, _ := json.Marshal(rule.config(e, r.table))
			t.Errorf("seed %d on %s: %s\ncheck %s\nmessage %s\n%s", r.seed, e.name, wrong, text, results[i].Message, r.table)
			if c, is := rule.(reconcile); is {
				t.Logf("compared with %s on %s", c.with, c.on(e).name)
			}
		}
	}
	return len(results)
}
