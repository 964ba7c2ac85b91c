package server

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/backup"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/store"
)

// backingUp is a state with backups in a directory, at a time that tests move.
type backingUp struct {
	backups
	dir string
	now time.Time
	log bytes.Buffer
}

func newBackingUp(t *testing.T) *backingUp {
	t.Helper()
	folder := t.TempDir()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(folder, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &backingUp{dir: filepath.Join(folder, "kept"), now: time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)}
	clock := sentinel.ClockFunc(func() time.Time { return b.now })
	b.term = &term{
		Options: Options{Clock: clock, Log: slog.New(slog.NewTextHandler(&b.log, nil))},
		state:   s, metrics: exporters.NewPrometheus("test"),
	}
	k := &backup.Keeper{Config: &backup.Config{To: b.dir, Keep: 1}, Scratch: folder, Clock: clock}
	if err := k.Config.Validate(); err != nil {
		t.Fatal(err)
	}
	b.changed = make(chan struct{}, 1)
	b.put(k)
	return b
}

// step takes a backup if one is due, and checks what the page says then.
func (b *backingUp) step(t *testing.T, when, says string) {
	t.Helper()
	b.try(t.Context(), b.keeper.Load())
	if got := strings.Join(b.problems(), " "); (got == "") != (says == "") || !strings.HasPrefix(got, says) {
		t.Errorf("%s the page says %q, want %q", when, got, says)
	}
}

// The page says what failed, for as long as it does: a list that fails once is no failed backup.
func TestThePageSaysWhatFailedOfABackup(t *testing.T) {
	t.Parallel()
	b := newBackingUp(t)
	away := b.dir + ".away"
	instead := func() {
		t.Helper()
		if err := os.Rename(b.dir, away); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(b.dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	back := func() {
		t.Helper()
		if err := os.Remove(b.dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(away, b.dir); err != nil {
			t.Fatal(err)
		}
	}
	b.step(t, "after the first", "")
	first := b.now
	if kept, ok := b.known(); !ok || !kept.Newest.Equal(first) || !kept.Due.After(first) {
		t.Errorf("the page knows of %+v, %t", kept, ok)
	}
	instead()
	b.now = b.now.Add(time.Hour)
	b.step(t, "while nothing can be listed", "The backups of the state cannot be listed: backup to "+b.dir)
	back()
	b.step(t, "when the next look succeeds", "")
	b.now = b.now.Add(24 * time.Hour)
	next := filepath.Join(b.dir, "sentinel-"+b.now.Format("20060102T150405Z")+".db")
	if err := os.MkdirAll(filepath.Join(next, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	b.step(t, "while its name is taken", "The last backup of the state failed: ")
	if kept, _ := b.known(); !kept.Newest.Equal(first) || kept.Due.After(b.now) {
		t.Errorf("after a failure the page knows of %+v", kept)
	}
	b.now = b.now.Add(5 * time.Minute)
	b.step(t, "after the next try", "")
}

// A backup is tried also where nothing can be cleaned: what then fails is the backup itself.
func TestWhatCannotBeCleanedStopsNoBackup(t *testing.T) {
	t.Parallel()
	b := newBackingUp(t)
	k := *b.keeper.Load()
	k.Scratch = filepath.Join(t.TempDir(), "none")
	b.put(&k)
	b.step(t, "without a scratch directory", "The last backup of the state failed: stat "+k.Scratch)
	if !strings.Contains(b.log.String(), `level=WARN msg="removing what earlier backups have left"`) {
		t.Errorf("the log: %s", &b.log)
	}
}

// What a reload removes from the configuration is due no more: the alert of overdue backups would
// fire for ever.
func TestBackupsThatAreSwitchedOffAreNotDue(t *testing.T) {
	t.Parallel()
	b := newBackingUp(t)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { b.run(ctx) })
	defer running.Wait()
	defer cancel()
	exported := func() bool {
		answer := httptest.NewRecorder()
		b.metrics.ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
		return strings.Contains(answer.Body.String(), "\nsentinel_backup_due_timestamp_seconds ")
	}
	await := func(want bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		for exported() != want {
			if !wait.For(ctx, 10*time.Millisecond) {
				t.Fatalf("the next backup is exported: %t", !want)
			}
		}
	}
	await(true)
	b.put(nil)
	await(false)
	if kept, known := b.known(); known {
		t.Errorf("the page knows of %+v", kept)
	}
}
