package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

var guarded = sentinel.Table{Warehouse: "w", Schema: "main", Name: "t"}

// recordTick records one tick and an incident of it.
func recordTick(t *testing.T, s *store.Store, n int) {
	t.Helper()
	at := time.Unix(1_800_000_000+int64(n), 0).UTC()
	_, err := s.Record(t.Context(), store.Batch{
		Ticks: []store.TickRecord{{Schedule: "s", Table: guarded, Tick: at}},
		Incidents: []sentinel.Incident{{
			ID: "i", Check: "c", Table: guarded, State: sentinel.Open, Severity: sentinel.Fail, Opened: at,
		}},
		States: []store.State{{Kind: "silence", Key: "k", Data: []byte("{}")}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// holds compares what a state holds with the number of ticks that were recorded in it.
func holds(t *testing.T, s *store.Store, ticks int) {
	t.Helper()
	all, err := s.Ticks(t.Context(), guarded, 100)
	if err != nil || len(all) != ticks {
		t.Errorf("%d ticks, want %d: %v", len(all), ticks, err)
	}
	open, err := s.OpenIncidents(t.Context())
	if err != nil || len(open) != 1 {
		t.Errorf("open incidents %v, %v", open, err)
	}
	if _, ok, err := s.State(t.Context(), "silence", "k"); !ok || err != nil {
		t.Errorf("the silence is gone: %v", err)
	}
}

func openState(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDeletedStateIsWrittenAgain: whichever of its files are deleted under it, a state
// holds afterwards what was recorded before and after, and stays locked.
func TestDeletedStateIsWrittenAgain(t *testing.T) {
	t.Parallel()
	for _, deleted := range []string{
		".db", ".db .db-wal .db-shm", ".db .db-wal .db-shm .db.lock", ".db.lock", ".db .db-wal",
		".db-wal", ".db-shm", ".db-wal .db-shm",
	} {
		t.Run(deleted, func(t *testing.T) {
			t.Parallel()
			base := filepath.Join(t.TempDir(), "state")
			s := openState(t, base+".db")
			recordTick(t, s, 1)
			if rewritten, err := s.Guard(t.Context()); rewritten || err != nil {
				t.Fatalf("a state in its place: %t, %v", rewritten, err)
			}
			for round := range 2 {
				for _, suffix := range strings.Fields(deleted) {
					if err := os.Remove(base + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
						t.Fatal(err)
					}
				}
				recordTick(t, s, 2+2*round) // before anybody has noticed
				rewritten, err := s.Guard(t.Context())
				if err != nil || rewritten != (deleted != ".db.lock") {
					t.Fatalf("rewritten %t, %v", rewritten, err)
				}
				recordTick(t, s, 3+2*round)
				holds(t, s, 3+2*round)
			}
			if _, err := store.Open(t.Context(), "sqlite:"+base+".db"); !errors.Is(err, store.ErrLocked) {
				t.Errorf("a second writer: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			again := openState(t, base+".db")
			holds(t, again, 5)
			if err := errors.Join(again.Verify(t.Context()), again.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestReplacedStateIsNotTouched: the file that somebody put in the place of the state stays
// as it is, with its log, and what was recorded in the old one is kept beside it.
func TestReplacedStateIsNotTouched(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, other := filepath.Join(dir, "state.db"), filepath.Join(dir, "other.db")
	s := openState(t, path)
	recordTick(t, s, 1)
	recordTick(t, s, 2)
	older := openState(t, other)
	recordTick(t, older, 1)
	if err := older.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Guard(t.Context()); !errors.Is(err, store.ErrReplaced) || !strings.Contains(err.Error(), path) {
		t.Fatalf("a replaced state: %v", err)
	}
	_, err := s.Record(t.Context(), store.Batch{States: []store.State{{Kind: "k", Key: "k"}}})
	if !errors.Is(err, store.ErrReplaced) {
		t.Errorf("a record after that: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	found := openState(t, path)
	holds(t, found, 1)
	kept, err := filepath.Glob(path + ".replaced-*")
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept: %v, %v", kept, err)
	}
	old := openState(t, kept[0])
	holds(t, old, 2)
	if err := errors.Join(found.Verify(t.Context()), found.Close(), old.Verify(t.Context()), old.Close()); err != nil {
		t.Error(err)
	}
}

// TestQueriesAfterARewriteSeeTheNewFile: also those that come after a query that was open
// meanwhile, whose connection has the deleted file.
func TestQueriesAfterARewriteSeeTheNewFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	s := openState(t, path)
	recordTick(t, s, 1)
	guard := func(want bool) {
		if rewritten, err := s.Guard(t.Context()); rewritten != want || err != nil {
			t.Errorf("rewritten %t, want %t: %v", rewritten, want, err)
		}
	}
	err := s.Reading(t.Context(), func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
		guard(true)
		guard(false) // the query is still open
	})
	if err != nil {
		t.Fatal(err)
	}
	recordTick(t, s, 2)
	for range 3 {
		holds(t, s, 2)
		guard(false)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAStateIsWrittenAgainWhenItCloses: nobody has looked since its file was deleted.
func TestAStateIsWrittenAgainWhenItCloses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	s := openState(t, path)
	recordTick(t, s, 1)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil {
			t.Fatal(err)
		}
	}
	recordTick(t, s, 2)
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	again := openState(t, path)
	holds(t, again, 2)
	if err := errors.Join(again.Verify(t.Context()), again.Close()); err != nil {
		t.Error(err)
	}
}

// TestAReplacedStateIsKeptWhenItCloses: nobody has looked since another file is in its
// place, and files that were kept before have all names of the next minute.
func TestAReplacedStateIsKeptWhenItCloses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, other := filepath.Join(dir, "state.db"), filepath.Join(dir, "other.db")
	s := openState(t, path)
	recordTick(t, s, 1)
	recordTick(t, s, 2)
	if err := os.WriteFile(other, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	before := map[string]bool{}
	for now, i := time.Now().Unix(), int64(-1); i < 60; i++ {
		name := fmt.Sprintf("%s.replaced-%d", path, now+i)
		before[name] = true
		if err := os.WriteFile(name, []byte("kept before"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); !errors.Is(err, store.ErrReplaced) {
		t.Errorf("closing a state that was replaced: %v", err)
	}
	if data, err := os.ReadFile(path); string(data) != "another" || err != nil {
		t.Errorf("the other file holds %q, %v", data, err)
	}
	kept, err := filepath.Glob(path + ".replaced-*")
	if err != nil || len(kept) != len(before)+1 {
		t.Fatalf("%d files are kept, %v", len(kept), err)
	}
	for _, name := range kept {
		if before[name] {
			if data, err := os.ReadFile(name); string(data) != "kept before" || err != nil {
				t.Errorf("%s holds %q, %v", name, data, err)
			}
			continue
		}
		old := openState(t, name)
		holds(t, old, 2)
		if err := errors.Join(old.Verify(t.Context()), old.Close()); err != nil {
			t.Error(err)
		}
	}
}
