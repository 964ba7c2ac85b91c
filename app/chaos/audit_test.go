package chaos_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

const everything = 1_000_000

// audit verifies what must hold whatever happened:
//
//   - every tick of every check was run once, or is written down with the reason;
//   - every table has the rows of its source, value for value;
//   - every hook was called once for each plan;
//   - every notice arrived, with one idempotency key;
//   - no data was blamed that was well;
//   - no agent panicked or ended by itself, and the state is sound.
func (w *world) audit() {
	ctx := w.Context()
	s, err := store.OpenReader(ctx, w.state.own())
	if err != nil {
		w.Fatal(err)
	}
	defer s.Close()
	w.auditTables(ctx)
	w.auditTicks(ctx, s)
	w.auditRepairs(ctx, s)
	w.auditNotices(ctx, s)
	w.auditCalm(ctx, s)
	w.auditLogs()
	if err := s.Verify(ctx); err != nil {
		w.violate("the state is not sound: %v", err)
	}
	if _, _, err := s.VerifyAudit(ctx); err != nil {
		w.violate("the audit log is not sound: %v", err)
	}
}

func (w *world) auditTables(ctx context.Context) {
	for _, t := range w.tables {
		different, err := t.differs(ctx)
		w.check(err)
		if different != "" {
			w.count("TABLES THAT DIFFER")
			w.violate("%s differs from its source: %s", t.name, different)
		}
		if strings.Contains(t.key, "IDENTITY") || strings.Contains(t.key, "AUTO_INCREMENT") {
			w.auditNumbers(ctx, t)
		}
	}
}

// auditNumbers verifies that the database still numbers new rows.
func (w *world) auditNumbers(ctx context.Context, t *table) {
	err := t.home.with(ctx, func(db *sql.DB) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // the row is not to stay
		_, err = tx.ExecContext(ctx, "INSERT INTO "+t.name+" (at, cents) VALUES ('2000-01-01', 1)")
		return err
	})
	if err != nil && !strings.Contains(err.Error(), "no partition") {
		w.violate("%s takes no new row: %v", t.name, err)
	}
}

func (w *world) auditTicks(ctx context.Context, s *store.Store) {
	calm := []sentinel.Table{w.pg.table("calm"), w.my.table("calm")}
	checks := map[sentinel.Table][]string{calm[0]: {"calm-usual"}}
	all := calm
	for _, t := range w.tables {
		all = append(all, t.dataset())
		checks[t.dataset()] = t.checkIDs()
	}
	for _, table := range all {
		ticks, err := s.Ticks(ctx, table, everything)
		w.check(err)
		var ran []time.Time
		for k, tick := range ticks { // newest first
			what := "ticks run"
			if tick.Skipped != "" {
				what = "ticks written down: " + tick.Skipped
			} else {
				ran = append(ran, tick.Tick)
			}
			w.count(what)
			if k+1 < len(ticks) && !ticks[k+1].Tick.Add(time.Second).Equal(tick.Tick) {
				w.count("TICKS LOST OR DOUBLED")
				w.violate("%s: after the tick %s came %s", table, ticks[k+1].Tick, tick.Tick)
			}
		}
		for _, check := range checks[table] {
			runs, err := s.Runs(ctx, check, time.Unix(0, 0), everything)
			w.check(err)
			var of []time.Time
			for _, r := range runs {
				if r.Tick.Nanosecond() == 0 { // others are those after a repair
					of = append(of, r.Tick)
				}
			}
			if !slices.EqualFunc(ran, of, time.Time.Equal) {
				w.violate("%s ran %d times in %d ticks", check, len(of), len(ran))
			}
		}
	}
}

func (w *world) auditRepairs(ctx context.Context, s *store.Store) {
	repairs, err := s.Repairs(ctx, store.RepairFilter{Limit: everything})
	w.check(err)
	known := map[string]sentinel.Repair{}
	for _, r := range repairs {
		known[r.ID] = r
		w.count("repairs " + strings.ReplaceAll(string(r.State), "_", " "))
		if r.State == sentinel.DeadLetter {
			w.violate("repair %s of %s waits for a person: %s", r.ID, r.Table, r.Message)
		}
	}
	for id, n := range w.receiver.hooks {
		w.count("hooks called")
		if n > 1 {
			w.count("HOOKS DOUBLED")
			w.violate("the hook of %s was called %d times: %s: %s", id, n, known[id].State, known[id].Message)
		}
		if known[id].Plan.Action != "webhook" {
			w.violate("the hook of %s was called, which is no repair by webhook", id)
		}
	}
	for _, r := range repairs {
		if r.Plan.Action == "webhook" && !r.Applied.IsZero() && w.receiver.hooks[r.ID] != 1 {
			w.violate("the hook of %s was called %d times: %s: %s", r.ID, w.receiver.hooks[r.ID], r.State, r.Message)
		}
	}
}

func (w *world) auditNotices(ctx context.Context, s *store.Store) {
	items, err := s.Outbox(ctx, store.OutboxFilter{Limit: everything})
	w.check(err)
	bundles := map[string]bool{}
	for _, item := range items {
		w.count("notices " + string(item.State))
		bundles[item.Bundle] = true
		if item.State != store.OutboxSent {
			w.violate("the notice %s is %s: %s", item.Key, item.State, item.LastError)
			continue
		}
		if n := w.receiver.notices[item.Bundle]; n == nil || !n.incidents[item.Incident] {
			w.violate("the notice %s was sent as %s, and did not arrive", item.Key, item.Bundle)
		}
	}
	for key, n := range w.receiver.notices {
		w.count("notices arrived")
		if n.times > 1 {
			w.count("notices that came again, with their key")
		}
		if !bundles[key] {
			w.violate("a notice arrived with the key %s, which the outbox does not know", key)
		}
	}
}

// auditCalm verifies that nobody was notified of data that was well all the time.
func (w *world) auditCalm(ctx context.Context, s *store.Store) {
	incidents, err := s.Incidents(ctx, store.IncidentFilter{Resolved: true, Limit: everything})
	w.check(err)
	damaged := map[sentinel.Table]bool{}
	for _, t := range w.tables {
		damaged[t.dataset()] = true
	}
	for _, i := range incidents {
		what := "incidents about data"
		if i.Monitor {
			what = "incidents of checks that could not run"
		}
		w.count(what)
		for _, f := range i.Findings {
			if !f.Monitor && (!damaged[i.Table] || f.Kind == "schema") {
				w.violate("%s was blamed and is well: %s: %s", i.Table, f.Check, f.Message)
			}
		}
	}
}

func (w *world) auditLogs() {
	for _, a := range w.agents {
		text, err := os.ReadFile(a.log)
		w.check(err)
		for line := range strings.Lines(string(text)) {
			for _, word := range []string{"panic", "DATA RACE", "fatal error"} {
				if strings.Contains(line, word) {
					w.violate("%s: %s", a.name, strings.TrimSpace(line))
				}
			}
		}
	}
}

// report prints what was done and what was seen, and fails the test for each violation.
func (w *world) report() {
	var b strings.Builder
	for _, what := range slices.Sorted(maps.Keys(w.counts)) {
		fmt.Fprintf(&b, "%7d  %s\n", w.counts[what], what)
	}
	fmt.Fprintf(&b, "%7d  violations\n", len(w.violations))
	w.Logf("seed %d\n%s", *seed, b.String())
	for _, v := range w.violations {
		w.Error(v)
	}
	if w.Failed() {
		w.explain()
	}
}

// explain prints the end of the agents' logs.
func (w *world) explain() {
	for _, a := range w.agents {
		text, err := os.ReadFile(a.log)
		w.Logf("%s: %v\n%s", a.name, err, text[max(0, len(text)-6000):])
	}
}
