package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/store"
)

// An older copy in the place of a state is reported, whether it is one of an hour ago or an
// empty one. The same state, and one that a power cut took some seconds from, is not.
func TestARolledBackStateIsTold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	remembers := rememberedOf("sqlite:" + filepath.Join(dir, "state.db"))
	begin := func(s *store.Store) *rollback {
		t.Helper()
		r := &rollback{memory: remembers, term: &term{
			Options: Options{
				Clock: sentinel.ClockFunc(func() time.Time { return now }), Log: slog.New(slog.DiscardHandler),
			},
			state: s, metrics: exporters.NewPrometheus("test"),
		}}
		r.begin(t.Context())
		return r
	}
	open := func(name string, ticks ...time.Time) *store.Store {
		t.Helper()
		s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		for _, at := range ticks {
			tick := store.TickRecord{Schedule: "@hourly", Table: sentinel.Table{Warehouse: "w", Name: "t"}, Tick: at}
			batch := store.Batch{Ticks: []store.TickRecord{tick}}
			if _, err := s.Record(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	state := open("state.db", now.Add(-2*time.Hour), now)
	if r := begin(state); len(r.problems()) != 0 {
		t.Errorf("nothing is remembered yet: %v", r.problems())
	}
	if err := remembers.write(memory{newest: now.Add(30 * time.Second)}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		state *store.Store
		told  string
	}{
		"the same":     {state, ""},
		"an hour less": {open("old.db", now.Add(-time.Hour)), "its newest tick was of 2026-11-30 11:00 UTC"},
		"an empty one": {open("empty.db"), "its newest tick was of no time"},
	} {
		if got := strings.Join(begin(c.state).problems(), " "); (got == "") != (c.told == "") || !strings.Contains(got, c.told) {
			t.Errorf("%s: %q, want %q", name, got, c.told)
		}
	}
	// It is reported for a day, also after restarts: by then the older tick is the newest one.
	old := open("older.db", now.Add(-3*time.Hour))
	for _, address := range []string{"sqlite:" + filepath.Join(dir, "older.db"), "postgres://db/state"} {
		if remembers = rememberedOf(address); remembers.write(memory{newest: now}) != nil {
			t.Fatal("cannot be written")
		}
		at, first := now, ""
		for _, hours := range []int{0, 1, 22, 23, 25, 26} {
			now = at.Add(time.Duration(hours) * time.Hour)
			r := begin(old)
			got := strings.Join(r.problems(), " ")
			if hours == 0 {
				first = got
			}
			if told := hours < 24; told != (got != "") || told && (got != first || !strings.Contains(got, "(3h later)")) {
				t.Errorf("%s after %d hours: %q", address, hours, got)
			}
			r.remember(t.Context())
			if hours == 23 {
				now = at.Add(24*time.Hour + time.Second)
				if r.remember(t.Context()); len(r.problems()) != 0 {
					t.Errorf("%s after a day: %v", address, r.problems())
				}
			}
		}
		now = at
	}
	remembers = rememberedOf("sqlite:" + filepath.Join(dir, "state.db"))
	for _, text := range []string{"soon", "", "2026-11-30T03:00:00Z 2026-11-30T03:00:00Z"} {
		if err := os.WriteFile(remembers.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := remembers.read(); err == nil || !strings.Contains(err.Error(), "want a time") {
			t.Errorf("a damaged memory %q: %v", text, err)
		}
	}
}
