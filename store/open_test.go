package store_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/store"
)

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ url, want string }{
		"unknown kind":       {"redis://user:secret@x", `unknown kind "redis": want sqlite:PATH`},
		"no path":            {"sqlite:", "want sqlite:PATH"},
		"missing directory":  {"sqlite:" + filepath.Join(dir, "no", "s.db"), "there is no directory " + filepath.Join(dir, "no")},
		"not a database":     {"sqlite:" + text, "not a sentinel state"},
		"a directory":        {"sqlite:" + dir, "is a directory"},
		"another program's":  {"sqlite:" + foreign(t), "the database of another program"},
		"of a newer version": {"sqlite:" + versioned(t, 999), "written by a newer sentinel"},
	} {
		_, err := store.Open(t.Context(), c.url)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := store.Open(t.Context(), "sqlite:"+versioned(t, 999)); !errors.Is(err, store.ErrNewer) {
		t.Errorf("a newer version: %v", err)
	}
	if left, err := os.ReadFile(text); err != nil || !strings.HasPrefix(string(left), "not a database") {
		t.Errorf("a file that is no state was changed: %v", err)
	}
}

// foreign makes a SQLite database that is not Sentinel's.
func foreign(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec("CREATE TABLE orders (id INTEGER)")
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// versioned makes a state whose schema says another version.
func versioned(t *testing.T, version int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s.db")
	s, err := store.Open(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.SetVersion(t.Context(), version), s.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReaderSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, want string }{
		"missing":            {filepath.Join(t.TempDir(), "none.db"), "run `sentinel run` or `sentinel check` first"},
		"empty":              {empty, "older version"},
		"of an older one":    {versioned(t, 1), "start `sentinel run` once"},
		"of a newer version": {versioned(t, 999), "newer"},
		"another program's":  {foreign(t), "another program"},
	} {
		if _, err := store.OpenReader(t.Context(), "sqlite:"+c.path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// Version 1 had no reason for skipped ticks; what it recorded stays.
func TestOlderStateIsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("migrations/001_start.sql")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(string(script) + `; PRAGMA user_version = 1; INSERT INTO tick VALUES ('* * * * *', 'shop.public.orders', ` + strconv.FormatInt(at(3).UnixMicro(), 10) + `)`)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	if dropped := record(t, s, batch(3)); dropped != 1 {
		t.Error("the tick of the older version is forgotten")
	}
	if ticks, err := s.Ticks(t.Context(), orders, 9); err != nil || len(ticks) != 1 || ticks[0].Skipped != "" {
		t.Errorf("ticks %+v, %v", ticks, err)
	}
}

// The file holds table names and messages: it is its owner's alone, and so are
// the log and the lock beside it.
func TestFilesAreTheOwnersAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	record(t, open(t, filepath.Join(dir, "s.db")), batch(0))
	files, err := os.ReadDir(dir)
	if err != nil || len(files) < 3 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
}

// Commands read while the agent writes; they cannot write.
func TestReadersBesideAWriter(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.db")
	s := open(t, path)
	record(t, s, batch(0))
	r, err := store.OpenReader(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		record(t, s, batch(n+1))
		if got := values(t, r, "ratio", "", 99); len(got) != n+2 {
			t.Errorf("the reader sees %d points, want %d", len(got), n+2)
		}
	}
	if _, err := r.Record(t.Context(), batch(9)); err == nil || !strings.Contains(err.Error(), "reading only") {
		t.Errorf("a reader wrote: %v", err)
	}
	if err := errors.Join(r.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	after, err := store.OpenReader(t.Context(), "sqlite:"+path) // the agent is gone, and its log with it
	if err != nil {
		t.Fatal(err)
	}
	if got := values(t, after, "ratio", "", 99); len(got) != 4 {
		t.Errorf("after the agent: %v", got)
	}
	if err := after.Close(); err != nil {
		t.Error(err)
	}
}

// A full disk loses nothing that was recorded, says so, and is over when there
// is room again.
func TestC29AFullDiskLosesNothing(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	if err := s.LimitPages(t.Context(), 40); err != nil {
		t.Fatal(err)
	}
	n := 0
	var err error
	for ; err == nil && n < 10_000; n++ {
		_, err = s.Record(t.Context(), batch(n))
	}
	n--
	if !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), "free some space") || strings.Contains(err.Error(), "rolling back") {
		t.Fatalf("after %d batches: %v", n, err)
	}
	if got := values(t, s, "ratio", "", 10_000); len(got) != n {
		t.Errorf("%d points of %d batches", len(got), n)
	}
	if err := s.LimitPages(t.Context(), 1_000_000); err != nil {
		t.Fatal(err)
	}
	if dropped := record(t, s, batch(n)); dropped != 0 {
		t.Error("the batch that found no room was half recorded")
	}
}

// A batch whose context ends is recorded as a whole or not at all, and the
// store goes on.
func TestCancelledRecord(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	for n := range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*50*time.Microsecond)
		_, err := s.Record(ctx, batch(n))
		cancel()
		ticks, readErr := s.Ticks(t.Context(), orders, 1000)
		if readErr != nil {
			t.Fatal(readErr)
		}
		if recorded := len(ticks) > 0 && ticks[0].Tick.Equal(at(n)); recorded != (err == nil) {
			t.Errorf("batch %d: recorded %v, error %v", n, recorded, err)
		}
		if dropped := record(t, s, batch(n)); (dropped == 1) != (err == nil) {
			t.Errorf("batch %d again: %d dropped after %v", n, dropped, err)
		}
	}
}
