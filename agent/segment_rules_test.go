package agent_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// hourly runs an agent for one tick at a time, so that it is started anew before each.
type hourly struct {
	t     *testing.T
	dir   string
	check checks.Check
	hour  time.Time // of the last tick

	table sentinel.Table // zero: main.t of the file w.db
	dsn   string         // of its warehouse
	cron  string         // "": 0 * * * *
	every time.Duration  // between ticks, as cron has it; 0: an hour
	risk  *agent.Risk

	incidents []sentinel.Incident // those that are open after the tick
}

// Datasets implements agent.Resolver.
func (h *hourly) Datasets(context.Context) ([]agent.Dataset, []error) {
	s, err := schedule.Parse(cmp.Or(h.cron, "0 * * * *"), time.UTC)
	if err != nil {
		return nil, []error{err}
	}
	return []agent.Dataset{{
		Table:    cmp.Or(h.table, sentinel.Table{Warehouse: "w", Schema: "main", Name: "t"}),
		Location: time.UTC,
		Checks:   []agent.Check{{Check: h.check, Schedule: s}},
		Risk:     h.risk,
	}}, nil
}

// tick runs the next tick, and returns its status and the keys of the open findings.
func (h *hourly) tick() (status sentinel.Status, open []string) {
	h.t.Helper()
	ctx, stop := context.WithCancel(h.t.Context())
	defer stop()
	every := cmp.Or(h.every, time.Hour)
	h.hour = h.hour.Add(every)
	started := time.Now()
	// The agent starts when the tick has passed, and catches up with it.
	clock := sentinel.ClockFunc(func() time.Time { return h.hour.Add(time.Since(started) + every/6) })
	memory, err := store.Open(ctx, "sqlite:"+filepath.Join(h.dir, "state.db"))
	if err != nil {
		h.t.Fatal(err)
	}
	db, err := warehouse.Open(warehouse.Config{Name: "w", Clock: clock,
		DSN: sentinel.NewSecret(cmp.Or(h.dsn, "sqlite:"+filepath.Join(h.dir, "w.db")))})
	if err != nil {
		h.t.Fatal(err)
	}
	a := agent.New(agent.Config{
		Store: memory, Metrics: exporters.NewPrometheus("test"), Clock: clock, Log: slog.New(slog.DiscardHandler),
	})
	done := make(chan error, 1)
	go func() {
		done <- a.Run(ctx, agent.Plan{Warehouses: map[string]*warehouse.DB{"w": db}, Resolver: h, Resources: db})
	}()
	var last sentinel.Result
	deadline, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for !last.Tick.Equal(h.hour) {
		if !wait.For(deadline, 5*time.Millisecond) {
			h.t.Fatalf("no tick of %s within a minute", h.hour)
		}
		results, err := memory.LastResults(ctx, store.Filter{Check: h.check.Common().ID})
		if err != nil {
			h.t.Fatal(err)
		}
		if len(results) == 1 {
			last = results[0]
		}
	}
	stop()
	if err := <-done; err != nil {
		h.t.Fatal(err)
	}
	incidents, err := memory.OpenIncidents(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	h.incidents = incidents
	for _, i := range incidents {
		for _, f := range i.Findings {
			if f.Resolved.IsZero() {
				open = append(open, f.Key)
			}
		}
	}
	if err := memory.Close(); err != nil {
		h.t.Fatal(err)
	}
	slices.Sort(open)
	return last.Status, open
}

// segmentRules says by plain arithmetic what becomes of each segment.
type segmentRules struct {
	fail, clear  int // bad below fail; an incident lasts until at least clear; 0: until it is not bad
	failures, of int // an incident needs so many bad runs of the last ones; 0: one
	open         map[string]bool
	bad          map[string][]bool // by segment, oldest first
	remembered   map[string]bool
	status       sentinel.Status
}

func (s *segmentRules) tick(rows map[string]int) (open []string) {
	s.status = sentinel.Pass
	note := func(status sentinel.Status) {
		if status.Worse(s.status) {
			s.status = status
		}
	}
	for segment := range rows {
		s.remembered[segment] = true
	}
	for segment := range s.remembered {
		n := rows[segment]
		status := sentinel.Pass
		switch {
		case n < s.fail:
			status = sentinel.Fail
		case s.open[segment] && n < s.clear:
			status = sentinel.Warn
		}
		s.bad[segment] = append(s.bad[segment], status.Bad())
		runs := s.bad[segment]
		count := 0
		for _, b := range runs[max(0, len(runs)-max(1, s.of)):] {
			if b {
				count++
			}
		}
		switch {
		case status.Bad() && count < s.failures:
			status = sentinel.Unknown // the incident stays as it is
		default:
			s.open[segment] = status.Bad()
		}
		note(status)
		if s.open[segment] {
			open = append(open, segment)
		}
	}
	slices.Sort(open)
	return open
}

// TestClearAndConfirmOfSegments lets the segments of a table grow, shrink, vanish and come
// back. Each has a history of its own: no segment opens, keeps or ends the incident of
// another one.
func TestClearAndConfirmOfSegments(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string]segmentRules{
		"clear":                  {fail: 10, clear: 14},
		"confirm":                {fail: 10, failures: 2, of: 3},
		"confirm twice in a row": {fail: 10, failures: 2, of: 2},
		"clear and confirm":      {fail: 10, clear: 14, failures: 3, of: 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules.open, rules.bad, rules.remembered = map[string]bool{}, map[string][]bool{}, map[string]bool{}
			c := &checks.RowCount{By: []string{"country"}, Fail: boundOf(t, fmt.Sprintf("< %d", rules.fail))}
			c.ID = "rows"
			if rules.clear > 0 {
				c.Clear = boundOf(t, fmt.Sprintf(">= %d", rules.clear))
			}
			if rules.failures > 0 {
				c.Confirm = &checks.Confirm{Failures: rules.failures, Of: rules.of}
			}
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
			h := &hourly{t: t, dir: t.TempDir(), check: c, hour: time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)}
			file := filepath.Join(h.dir, "w.db")
			testenv.Exec(t, "sqlite", file, "CREATE TABLE t (country text)")
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			random := rand.New(rand.NewPCG(seed, 0))
			states := map[string]bool{}
			for range 14 {
				rows := drawSegments(random)
				testenv.Exec(t, "sqlite", file, fillSegments(rows)...)
				status, open := h.tick()
				want := rules.tick(rows)
				if status != rules.status || !slices.Equal(open, want) {
					t.Fatalf("seed %d, %s with %v: %s, open %q; want %s, open %q\nbefore: %v", seed,
						h.hour.Format("15:04"), rows, status, open, rules.status, want, rules.bad)
				}
				states[status.String()] = true
			}
			if len(states) < 2 {
				t.Errorf("all ticks were %v", states)
			}
		})
	}
}

// drawSegments draws the rows of three segments; one without rows is left out.
func drawSegments(r *rand.Rand) map[string]int {
	rows := map[string]int{"country=IT": 20}
	for _, country := range []string{"DE", "FR", "ES"} {
		if n := []int{0, 4, 9, 10, 12, 13, 14, 18}[r.IntN(8)]; n > 0 {
			rows["country="+country] = n
		}
	}
	return rows
}

func fillSegments(rows map[string]int) []string {
	statements := []string{"DELETE FROM t"}
	for segment, n := range rows {
		value := "('" + strings.TrimPrefix(segment, "country=") + "')"
		statements = append(statements, "INSERT INTO t VALUES "+strings.Repeat(value+", ", n-1)+value)
	}
	return statements
}

func boundOf(t *testing.T, text string) checks.Bound {
	t.Helper()
	b, err := checks.ParseBound(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
