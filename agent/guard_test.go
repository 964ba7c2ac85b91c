package agent

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// stopping is an agent whose recorder has a record that waits.
func stopping(t *testing.T) (path string, s *store.Store, r *recorder, rec *record) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "state.db")
	s, err := store.Open(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	r = &recorder{
		agent: newAgent(s, time.Now), wake: make(chan struct{}, 1),
		stopping: make(chan struct{}), ended: make(chan struct{}),
	}
	tick := time.Now().UTC().Truncate(time.Second)
	rec = &record{ctx: t.Context(), at: tick, batch: store.Batch{
		Ticks:   []store.TickRecord{{Schedule: "* * * * *", Table: theTable, Tick: tick}},
		Results: []sentinel.Result{{Check: "rows", Table: theTable, Tick: tick, Status: sentinel.Pass}},
		States:  []store.State{{Kind: "kind", Key: "key", Data: []byte("data")}},
	}}
	rec.unwritten, rec.outcome = rec.batch, make(chan error, 1)
	r.enqueue(rec) // and does not wake it
	return path, s, r, rec
}

// TestAStopWritesADeletedStateAgain: what waits is recorded in a file that has a name.
func TestAStopWritesADeletedStateAgain(t *testing.T) {
	t.Parallel()
	path, s, r, rec := stopping(t)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	go r.run()
	if err := errors.Join(r.stop(), r.wait(t.Context(), rec)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the stop has not written the state again: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := store.Open(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if _, there, err := again.State(t.Context(), "kind", "key"); !there || err != nil {
		t.Errorf("the record is lost: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAStopReportsAReplacedState: what waits is not recorded into a file that has no name
// any more, and the stop is no success.
func TestAStopReportsAReplacedState(t *testing.T) {
	t.Parallel()
	path, s, r, rec := stopping(t)
	if err := os.WriteFile(path+".other", []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".other", path); err != nil {
		t.Fatal(err)
	}
	go r.run()
	err := r.stop()
	if !errors.Is(err, store.ErrReplaced) || !strings.Contains(err.Error(), "1 results and 1 changes were not recorded") {
		t.Errorf("the stop says %v", err)
	}
	if err := r.wait(t.Context(), rec); !errors.Is(err, store.ErrReplaced) {
		t.Errorf("the record's outcome is %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); string(data) != "another" || err != nil {
		t.Errorf("the other file holds %q, %v", data, err)
	}
}
