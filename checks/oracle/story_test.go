package oracle_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
)

var stories = flag.Int("stories", usualRounds/40, "tables that are followed over several ticks")

const (
	storyTicks   = 18 // days
	storiesAtOne = 25
)

// story is a table that changes from day to day. Its checks remember what they have seen.
type story struct {
	seed  uint64
	name  string
	rules []storyRule
	days  []storyDay
}

// storyDay is what the table holds on one day.
type storyDay struct {
	rows  map[string]int // by text of the column s
	level int            // the only value of the column of the second table
}

// storyRule is a check with a memory, and a model of it.
type storyRule interface {
	config(e *engine, s *story) map[string]any
	// begin returns a model that has seen nothing.
	begin() storyModel
}

// storyModel says from one day to the next what the result must be.
type storyModel interface {
	status(at time.Time, day storyDay) sentinel.Status
}

// TestVerdictsOverDays follows tables over days on every engine, with a store on disk that
// is read anew each day, and compares each verdict with a model that remembers by itself.
func TestVerdictsOverDays(t *testing.T) {
	engines := map[string]*engine{}
	for _, name := range warehouse.Dialects() {
		engines[name] = openEngine(t, name)
	}
	verdicts := 0
	for first := 0; first < *stories; first += storiesAtOne {
		var batch []*story
		for k := first; k < min(first+storiesAtOne, *stories); k++ {
			batch = append(batch, drawStory(*seed+uint64(k)))
		}
		for _, e := range engines {
			verdicts += followStories(t, e, batch)
		}
	}
	t.Logf("%d stories from seed %d: %d verdicts agree", *stories, *seed, verdicts)
}

func drawStory(seed uint64) *story {
	r := rand.New(rand.NewPCG(seed, 1))
	s := &story{seed: seed, name: fmt.Sprintf("story%d", seed)}
	usual := map[string]int{}
	for _, segment := range []string{"DE", "FR", "IT", "<null>"}[:2+r.IntN(3)] {
		usual[segment] = 1 + r.IntN(12)
	}
	level := 1000 + r.IntN(9000)
	rest := 9 // days until the level may be unusual: it is learnt first
	for range storyTicks {
		day := storyDay{rows: map[string]int{}, level: level + level*(r.IntN(5)-2)/100}
		for segment, n := range usual {
			switch r.IntN(6) {
			case 0:
				n = 0
			case 1:
				n = (n + 1) / 2
			case 2:
				n = n * 2
			}
			if n > 0 {
				day.rows[segment] = n
			}
		}
		if rest--; rest < 0 && r.IntN(3) == 0 {
			day.level, rest = pick(r, []int{0, level * 20}), 4
		}
		s.days = append(s.days, day)
	}
	for range 1 + r.IntN(3) {
		if r.IntN(3) == 0 {
			s.rules = append(s.rules, unusual{direction: pick(r, []string{"drop", "spike", "both"}), level: level})
		} else {
			s.rules = append(s.rules, drawChange(r))
		}
	}
	return s
}

// followStories runs all days of some stories on one engine, and returns how many verdicts
// were compared.
func followStories(t *testing.T, e *engine, batch []*story) (verdicts int) {
	t.Helper()
	file := "sqlite:" + filepath.Join(t.TempDir(), "state.db")
	cfg := configureStories(t, e, batch)
	models := make([][]storyModel, len(batch))
	for i, s := range batch {
		e.exec(t, fmt.Sprintf("CREATE TABLE %s (s %s)", s.name, e.flavour.types[text]))
		e.exec(t, fmt.Sprintf("CREATE TABLE %s_level (n bigint)", s.name))
		defer e.exec(t, "DROP TABLE "+s.name)
		defer e.exec(t, "DROP TABLE "+s.name+"_level")
		for _, rule := range s.rules {
			models[i] = append(models[i], rule.begin())
		}
	}
	at := time.Date(2026, 3, 20, 6, 0, 0, 0, time.UTC) // the clock of Berlin changes on the way
	for day := range storyTicks {
		jobs := make([]checks.Job, len(batch))
		for i, d := range cfg.Datasets {
			e.fill(t, batch[i], batch[i].days[day])
			jobs[i] = checks.Job{Table: d.Table, Location: d.Location, Tick: at}
			for _, c := range d.Checks {
				jobs[i].Checks = append(jobs[i].Checks, c.Check)
			}
		}
		for i, o := range runStories(t, e, file, jobs) {
			for k, r := range o.Results {
				want := models[i][k].status(at, batch[i].days[day])
				if verdicts++; r.Status != want {
					text, _ := json.Marshal(batch[i].rules[k].config(e, batch[i]))
					t.Errorf("seed %d on %s, day %d: %s %q, want %s\ncheck %s\ndays %+v", batch[i].seed, e.name, day, r.Status,
						r.Message, want, text, batch[i].days[:day+1])
				}
			}
		}
		at = at.AddDate(0, 0, 1)
	}
	return verdicts
}

// fill replaces the rows of a story's tables.
func (e *engine) fill(t *testing.T, s *story, day storyDay) {
	t.Helper()
	e.exec(t, "DELETE FROM "+s.name)
	var rows []string
	for segment, n := range day.rows {
		value := "(" + e.flavour.quote(segment) + ")"
		if segment == "<null>" {
			value = "(NULL)"
		}
		for range n {
			rows = append(rows, value)
		}
	}
	if len(rows) > 0 {
		e.exec(t, "INSERT INTO "+s.name+" VALUES "+strings.Join(rows, ", "))
	}
	e.exec(t, "DELETE FROM "+s.name+"_level")
	e.exec(t, fmt.Sprintf("INSERT INTO %s_level VALUES (%d)", s.name, day.level))
}

// runStories runs one tick, and records it as the agent does.
func runStories(t *testing.T, e *engine, file string, jobs []checks.Job) []checks.Outcome {
	t.Helper()
	memory, err := store.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	env := checks.Env{Clock: sentinel.ClockFunc(time.Now), History: agent.NewHistory(memory),
		Warehouse: func(string) (*warehouse.DB, error) { return e.db, nil }}
	outcomes := checks.Run(t.Context(), env, e.name, jobs)
	scorer := &agent.Scorer{Store: memory}
	var batch store.Batch
	for _, o := range outcomes {
		for i, c := range o.Job.Checks {
			if watched := c.Common().Anomaly; watched != nil {
				states, err := scorer.Score(t.Context(), *watched, &o.Results[i])
				if err != nil {
					t.Fatal(err)
				}
				batch.States = append(batch.States, states...)
			}
			states, err := agent.SegmentStates(c.Common().ID, o.Segments, &o.Results[i])
			if err != nil {
				t.Fatal(err)
			}
			batch.States = append(batch.States, states...)
		}
		batch.Results = append(batch.Results, o.Results...)
	}
	if _, err := memory.Record(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return outcomes
}

func configureStories(t *testing.T, e *engine, batch []*story) *config.Config {
	t.Helper()
	var datasets []any
	for _, s := range batch {
		var list []any
		for i, rule := range s.rules {
			c := rule.config(e, s)
			for _, options := range c {
				options.(map[string]any)["id"] = fmt.Sprintf("%s_%d", s.name, i)
			}
			list = append(list, c)
		}
		datasets = append(datasets, map[string]any{
			"table": fmt.Sprintf("%s.%s.%s", e.name, e.database.Schema, s.name), "timezone": "Europe/Berlin", "checks": list,
		})
	}
	data, err := json.Marshal(map[string]any{
		"warehouses": map[string]any{e.name: map[string]any{"dialect": e.name, "dsn": e.database.Warehouse}},
		"datasets":   datasets, "defaults": map[string]any{"schedule": "0 6 * * *"}})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("story.yaml", data, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	return cfg
}
