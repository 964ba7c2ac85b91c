package agent_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// on makes an agent that compares a table or view of an engine with its baseline.
func on(t *testing.T, dialect, name string) (h *hourly, exec func(...string)) {
	t.Helper()
	h = hourlyOf(t, &checks.Schema{})
	database := testenv.NewDatabase(t, dialect)
	h.dsn, h.table = database.Warehouse, sentinel.Table{Warehouse: "w", Schema: database.Schema, Name: name}
	return h, func(statements ...string) {
		t.Helper()
		testenv.Exec(t, database.Driver, database.Owner, statements...)
	}
}

// memory opens the state between two ticks.
func (h *hourly) memory(do func(*store.Store) error) {
	h.t.Helper()
	s, err := store.Open(h.t.Context(), "sqlite:"+filepath.Join(h.dir, "state.db"))
	if err != nil {
		h.t.Fatal(err)
	}
	if err := do(s); err != nil {
		h.t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		h.t.Fatal(err)
	}
}

// upgradeServer makes the baseline that of an earlier major version of the server.
func (h *hourly) upgradeServer() {
	h.t.Helper()
	h.memory(func(s *store.Store) error {
		known, _, err := s.Baseline(h.t.Context(), "rows")
		if err != nil {
			return err
		}
		table, err := checks.DecodeSnapshot(known.Data)
		if err != nil {
			return err
		}
		table.Server = "PostgreSQL 9"
		known.Data = checks.EncodeSnapshot(table)
		return s.AcceptBaselines(h.t.Context(), map[string]store.Snapshot{"rows": known}, store.AuditEntry{})
	})
}

// wants wants exactly these findings to be open after a tick.
func (h *hourly) wants(when string, status sentinel.Status, open ...string) {
	h.t.Helper()
	got, keys := h.tick()
	slices.Sort(open)
	if got != status || !slices.Equal(keys, open) {
		h.t.Errorf("%s: %s, open %q; want %s, open %q", when, got, keys, status, open)
	}
}

// TestAnUpgradeEndsNoDrift: after an upgrade of the server texts cannot be compared with the
// baseline. A drift of one is neither seen again nor gone, whether others are still seen or
// not, until somebody accepts the table.
func TestAnUpgradeEndsNoDrift(t *testing.T) {
	t.Parallel()
	t.Run("a text", func(t *testing.T) {
		t.Parallel()
		h, exec := on(t, "postgres", "t")
		exec("CREATE TABLE t (id int, note text DEFAULT 'a')")
		h.wants("baseline", sentinel.Pass)
		exec("ALTER TABLE t ALTER note SET DEFAULT 'b'")
		h.wants("drift", sentinel.Warn, "default_changed:note")
		h.upgradeServer()
		h.wants("upgraded", sentinel.Unknown, "default_changed:note")
		h.wants("and again", sentinel.Unknown, "default_changed:note")
	})
	t.Run("a text beside a column", func(t *testing.T) {
		t.Parallel()
		h, exec := on(t, "postgres", "t")
		exec("CREATE TABLE t (id int, old int, note text DEFAULT 'a')")
		h.wants("baseline", sentinel.Pass)
		exec("ALTER TABLE t ALTER note SET DEFAULT 'b'", "ALTER TABLE t DROP old")
		h.wants("drift", sentinel.Fail, "column_removed:old", "default_changed:note")
		h.upgradeServer()
		h.wants("upgraded", sentinel.Fail, "column_removed:old", "default_changed:note")
	})
	t.Run("no drift", func(t *testing.T) {
		t.Parallel()
		h, exec := on(t, "postgres", "t")
		exec("CREATE TABLE t (id int, note text DEFAULT 'a')")
		h.wants("baseline", sentinel.Pass)
		h.upgradeServer()
		h.wants("upgraded", sentinel.Pass)
		exec("ALTER TABLE t ALTER note SET DEFAULT 'b'")
		h.wants("drift from the texts taken anew", sentinel.Warn, "default_changed:note")
	})
}

// TestLostPrivilegesEndNoDrift: what the user may no longer read is not as it was.
func TestLostPrivilegesEndNoDrift(t *testing.T) {
	t.Parallel()
	h, exec := on(t, "mysql", "v")
	reader := "lost_" + h.table.Schema
	exec("CREATE TABLE t (id int, note int)", "CREATE VIEW v AS SELECT id FROM t",
		"CREATE USER '"+reader+"'@'%'", "GRANT SELECT, SHOW VIEW ON "+h.table.Schema+".* TO '"+reader+"'@'%'")
	t.Cleanup(func() { exec("DROP USER '" + reader + "'@'%'") })
	h.dsn = strings.Replace(h.dsn, "root@", reader+"@", 1)
	h.wants("baseline", sentinel.Pass)
	exec("CREATE OR REPLACE VIEW v AS SELECT id FROM t WHERE id > 0")
	h.wants("drift", sentinel.Fail, "view_changed")
	exec("REVOKE SHOW VIEW ON " + h.table.Schema + ".* FROM '" + reader + "'@'%'")
	h.wants("blind", sentinel.Error, "view_changed")
	exec("CREATE OR REPLACE VIEW v AS SELECT note AS id FROM t WHERE id > 0")
	h.wants("blind still", sentinel.Error, "view_changed")
	exec("GRANT SHOW VIEW ON " + h.table.Schema + ".* TO '" + reader + "'@'%'")
	h.wants("seen again", sentinel.Fail, "view_changed")
	exec("CREATE OR REPLACE VIEW v AS SELECT id FROM t")
	h.wants("as it was", sentinel.Pass)
}

// loads are arrivals at 05:20 of the days before, as the state remembers them.
func (h *hourly) loads(days int) {
	h.t.Helper()
	var batch store.Batch
	for at := h.hour.AddDate(0, 0, -days); at.Before(h.hour); at = at.Add(30 * time.Minute) {
		newest := at.Truncate(24 * time.Hour).Add(5*time.Hour + 20*time.Minute)
		if newest.After(at) {
			newest = newest.AddDate(0, 0, -1)
		}
		batch.Results = append(batch.Results, sentinel.Result{
			Check: "rows", Kind: "freshness", Table: sentinel.Table{Warehouse: "w", Schema: "main", Name: "t"},
			Tick: at, Status: sentinel.Pass,
			Observations: []sentinel.Observation{{Metric: "newest_timestamp_seconds", Value: sentinel.Int(newest.Unix())}},
		})
	}
	h.memory(func(s *store.Store) error {
		_, err := s.Record(h.t.Context(), batch)
		return err
	})
}

// TestARestartEndsNoEarlyWarning: an agent that is started anew goes on with the warning. The
// deadline does not end it, and the arrival does.
func TestARestartEndsNoEarlyWarning(t *testing.T) {
	t.Parallel()
	h := hourlyOf(t, &checks.Freshness{Column: "at", Fail: checks.Duration(1e6 * time.Hour)})
	h.cron, h.every = "*/10 * * * *", 10*time.Minute
	h.hour = time.Date(2026, 3, 2, 5, 30, 0, 0, time.UTC)
	due := scheduleOf(t, "30 6 * * *")
	h.risk = &agent.Risk{Check: "rows", Deadline: due, Threshold: 0.5, Clear: 0.4, Status: sentinel.Warn}
	file := filepath.Join(h.dir, "w.db")
	testenv.Exec(t, "sqlite", file, "CREATE TABLE t (at text)", "INSERT INTO t VALUES ('2026-03-01 05:20:00')")
	h.loads(60)
	for len(h.incidents) == 0 && h.hour.Before(time.Date(2026, 3, 2, 6, 10, 0, 0, time.UTC)) {
		h.tick()
	}
	if len(h.incidents) == 0 {
		t.Fatal("no early warning before the deadline")
	}
	first := h.incidents[0]
	for range 5 { // the deadline is among them
		at := h.hour.Format("after 15:04")
		h.wants(at, sentinel.Pass, "early_warning")
		if i := h.incidents[0]; i.ID != first.ID || !i.Opened.Equal(first.Opened) {
			t.Errorf("%s: %s of %s, was %s of %s", at, i.ID, i.Opened, first.ID, first.Opened)
		}
	}
	testenv.Exec(t, "sqlite", file, "INSERT INTO t VALUES ('2026-03-02 06:45:00')")
	h.wants("the arrival", sentinel.Pass)
}

func scheduleOf(t *testing.T, cron string) schedule.Schedule {
	t.Helper()
	s, err := schedule.Parse(cron, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
