package agent_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// blinded is a check with an open finding whose subject is then taken away.
type blinded struct {
	check            checks.Check
	key              string // of the finding
	bad, blind, good []string
	status           sentinel.Status // while nothing can be judged
}

// TestOnlyWhatWasJudgedEnds opens a finding of each kind, takes away what it is about, and
// gives it back. The finding stays meanwhile, also over restarts, and ends when it is judged.
func TestOnlyWhatWasJudgedEnds(t *testing.T) {
	t.Parallel()
	rows := []string{"DELETE FROM t", "INSERT INTO t VALUES (1, 'DE', datetime('now')), (2, 'DE', datetime('now'))"}
	again := append([]string{"CREATE TABLE t (id integer, country text, at text)"}, rows...)
	drop, empty := []string{"DROP TABLE t"}, []string{"DELETE FROM t"}
	old := []string{"INSERT INTO t VALUES (1, 'DE', datetime('now', '-3 hours'))"}
	hour := checks.Duration(time.Hour)
	other := sentinel.Table{Warehouse: "w", Schema: "main", Name: "other"}
	for name, c := range map[string]blinded{
		"count, no table": {&checks.RowCount{Fail: boundOf(t, "< 2"), OnMissing: "warn"}, "", nil, drop, again, sentinel.Warn},
		"segment, no table": {&checks.RowCount{By: []string{"country"}, Fail: boundOf(t, "< 2"), OnMissing: "warn"},
			"country=DE", old, drop, again, sentinel.Warn},
		"age, no rows": {&checks.Freshness{Column: "at", Fail: hour, OnEmpty: "warn"}, "", old, empty, rows, sentinel.Warn},
		"age of a segment, no rows": {&checks.Freshness{Column: "at", By: []string{"country"}, Fail: hour, OnEmpty: "warn"},
			"country=DE", old, empty, rows, sentinel.Warn},
		"number, NULL": {&checks.SQL{Query: "SELECT sum(id) FROM t", Fail: boundOf(t, "< 2"), OnNull: "warn"},
			"", old, empty, rows, sentinel.Warn},
		"column, no table": {&checks.Schema{Columns: checks.DeclaredColumns{{Name: "id"}, {Name: "country"}, {Name: "at"}},
			OnMissing: "warn"}, "column_removed:at",
			[]string{"ALTER TABLE t DROP COLUMN at"}, drop, again, sentinel.Warn},
		"difference, no other table": {&checks.Reconcile{With: &other}, "", append(old, "CREATE TABLE other AS SELECT * FROM t WHERE false"),
			[]string{"ALTER TABLE other RENAME TO away"}, []string{"ALTER TABLE away RENAME TO other", "DELETE FROM t"}, sentinel.Error},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := hourlyOf(t, c.check)
			file := filepath.Join(h.dir, "w.db")
			testenv.Exec(t, "sqlite", file, append([]string{"CREATE TABLE t (id integer, country text, at text)"}, c.bad...)...)
			h.says("bad", sentinel.Fail, true, c.key)
			testenv.Exec(t, "sqlite", file, c.blind...)
			h.says("blind", c.status, true, c.key)
			testenv.Exec(t, "sqlite", file, c.good...)
			h.says("good", sentinel.Pass, false, c.key)
		})
	}
}

func hourlyOf(t *testing.T, c checks.Check) *hourly {
	t.Helper()
	c.Common().ID = "rows"
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return &hourly{t: t, dir: t.TempDir(), check: c, hour: time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)}
}

// says runs a tick, and compares its status and whether the finding of a key is open.
func (h *hourly) says(when string, want sentinel.Status, open bool, key string) {
	h.t.Helper()
	status, keys := h.tick()
	if status != want || slices.Contains(keys, key) != open {
		h.t.Errorf("%s: %s, open %q; want %s, and %q open: %t", when, status, keys, want, key, open)
	}
}

// TestLearningEndsNothing lets a detector forget what is normal while its finding is open, and
// then removes the rule. Only the removal ends the finding.
func TestLearningEndsNothing(t *testing.T) {
	t.Parallel()
	c := &checks.RowCount{Bucketed: checks.Bucketed{Bucket: "day", Column: "at"}, Fail: boundOf(t, "< 1")}
	c.Anomaly = &anomaly.Config{}
	c.Timezone = "UTC"
	h := hourlyOf(t, c)
	testenv.Exec(t, "sqlite", filepath.Join(h.dir, "w.db"), "CREATE TABLE t (at text)", `
		WITH RECURSIVE d(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM d WHERE n < 99),
			r(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM r WHERE k < 119)
		INSERT INTO t SELECT date('2026-03-01', '-' || n || ' days') || ' 10:00:00' FROM d, r
		WHERE k < 100 + (n * 7) % 20 AND (n > 1 OR k < 5)`)
	h.says("few rows", sentinel.Fail, true, "anomaly")
	memory, err := store.Open(t.Context(), "sqlite:"+filepath.Join(h.dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	label := store.Label{Check: "rows", From: h.hour.AddDate(-1, 0, 0), To: h.hour, Exclude: true, Who: "ann", Why: "test"}
	if err := memory.Label(t.Context(), label); err != nil {
		t.Fatal(err)
	}
	forgotten := store.State{Kind: "anomaly", Key: "rows\x1frow_count\x1f"}
	if _, err := memory.Record(t.Context(), store.Batch{States: []store.State{forgotten}}); err != nil {
		t.Fatal(err)
	}
	if err := memory.Close(); err != nil {
		t.Fatal(err)
	}
	h.says("learning", sentinel.Pass, true, "anomaly")
	c.Anomaly = nil
	h.says("without the rule", sentinel.Pass, false, "anomaly")
}

// TestAPassedPeriodIsNotFilled holds that the finding about a period without rows, which the
// check does not look at any more, ends with that reason.
func TestAPassedPeriodIsNotFilled(t *testing.T) {
	t.Parallel()
	c := &checks.RowCount{Bucketed: checks.Bucketed{Column: "at"}, ExpectedPartitions: &checks.Partitions{Every: "hour", Last: 2}}
	c.Timezone = "UTC"
	h := hourlyOf(t, c)
	testenv.Exec(t, "sqlite", filepath.Join(h.dir, "w.db"), "CREATE TABLE t (at text)", `
		WITH RECURSIVE d(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM d WHERE n < 99)
		INSERT INTO t SELECT datetime('2026-03-01 00:30:00', '+' || n || ' hours') FROM d WHERE n <> 6`)
	const key = "missing_partition:2026-03-01 06:00 UTC"
	_, open := h.tick()
	if !slices.ContainsFunc(open, func(k string) bool { return k == key }) {
		t.Fatalf("open %q, want %q", open, key)
	}
	h.says("the next hour", sentinel.Fail, true, key)
	h.says("two hours later", sentinel.Pass, false, key)
	memory, err := store.OpenReader(t.Context(), "sqlite:"+filepath.Join(h.dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	all, err := memory.Incidents(t.Context(), store.IncidentFilter{Resolved: true})
	if err != nil || len(all) != 1 || all[0].Findings[0].Note != "the period is older than those that the check looks at" {
		t.Errorf("%+v, %v", all, err)
	}
}
