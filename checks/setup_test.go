package checks_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func TestMain(m *testing.M) { os.Exit(testenv.Main(m)) }

// bench is one engine with an empty database, and what it takes to run checks.
type bench struct {
	tb       testing.TB
	name     string
	database testenv.Database
	driver   string
	admin    string
	schema   string
	db       *warehouse.DB
	env      checks.Env
	tick     time.Time
	loc      *time.Location
	column   string // the dataset's time column
}

func onEveryEngine(t *testing.T, do func(b *bench)) {
	t.Helper()
	for _, name := range warehouse.Dialects() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			do(newBench(t, name, warehouse.Config{}))
		})
	}
}

func newBench(tb testing.TB, name string, cfg warehouse.Config) *bench {
	tb.Helper()
	b := &bench{tb: tb, name: name, tick: time.Now(), loc: time.UTC, column: "at"}
	b.database = testenv.NewDatabase(tb, name)
	b.driver, b.admin, b.schema = b.database.Driver, b.database.Owner, b.database.Schema
	cfg.Name = "w"
	cfg.Dialect = name
	cfg.DSN = sentinel.NewSecret(b.database.Warehouse)
	cfg.Clock = sentinel.ClockFunc(time.Now)
	db, err := warehouse.Open(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	b.db = db
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	b.env = checks.Env{
		Clock:     sentinel.ClockFunc(time.Now),
		Cache:     &checks.Cache{},
		Warehouse: func(string) (*warehouse.DB, error) { return db, nil },
	}
	return b
}

func (b *bench) exec(statements ...string) {
	b.tb.Helper()
	testenv.Exec(b.tb, b.driver, b.admin, statements...)
}

// ago writes a time as a literal that every engine reads as UTC wall clock.
func (b *bench) ago(d time.Duration) string {
	return "'" + b.tick.Add(-d).UTC().Format("2006-01-02 15:04:05") + "'"
}

// atNoon checks at noon of the last day that is over, so that an hour before is the same day.
func (b *bench) atNoon() { b.tick = b.tick.UTC().Truncate(24 * time.Hour).Add(-12 * time.Hour) }

// job puts checks on a table; ids are given in order.
func (b *bench) job(table string, list ...checks.Check) checks.Job {
	b.tb.Helper()
	j := checks.Job{
		Table:      sentinel.Table{Warehouse: "w", Schema: b.schema, Name: table},
		TimeColumn: b.column,
		Location:   b.loc,
		Tick:       b.tick,
	}
	for i, c := range list {
		if c.Common().ID == "" {
			c.Common().ID = fmt.Sprintf("c%d", i)
		}
		if err := c.Validate(); err != nil {
			b.tb.Fatal(err)
		}
		j.Checks = append(j.Checks, c)
	}
	return j
}

func (b *bench) run(table string, list ...checks.Check) []sentinel.Result {
	b.tb.Helper()
	return checks.Run(b.tb.Context(), b.env, "w", []checks.Job{b.job(table, list...)})[0].Results
}

// want runs one check and holds its status and a part of its message.
func (b *bench) want(table string, c checks.Check, status sentinel.Status, message string) sentinel.Result {
	b.tb.Helper()
	r := b.run(table, c)[0]
	if r.Status != status || !strings.Contains(r.Message, message) {
		b.tb.Errorf("%s: %s %q, want %s %q", table, r.Status, r.Message, status, message)
	}
	return r
}

// plain is the type of a time without a zone, which every engine has.
func (b *bench) plain() string { return b.database.Timestamp }

func bound(tb testing.TB, s string) checks.Bound {
	tb.Helper()
	v, err := checks.ParseBound(s)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// history is a checks.History in memory.
type history struct {
	points    []sentinel.Point  // of every series
	baselines map[string][]byte // by check
	digests   bool              // of baselines are known
}

func (h *history) Points(context.Context, string, checks.Series) ([]sentinel.Point, error) {
	return h.points, nil
}

func (h *history) Baselines(context.Context, []string) (map[string][]byte, error) {
	return h.baselines, nil
}

func (h *history) BaselineDigests(context.Context, []string) (map[string][]byte, error) {
	if !h.digests {
		return nil, nil
	}
	digests := map[string][]byte{}
	for id, data := range h.baselines {
		sum := sha256.Sum256(data)
		digests[id] = sum[:]
	}
	return digests, nil
}

func (h *history) IsNew(context.Context, string) bool { return false }

const hour, minute = checks.Duration(time.Hour), checks.Duration(time.Minute)

func (h *history) Segments(context.Context, []string) (map[string]checks.StoredSegments, error) {
	return nil, nil
}
