package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ url, want string }{
		"unknown kind": {"redis://user:secret@x", `unknown kind "redis": want sqlite:PATH`},
		"no path":      {"sqlite:", "want sqlite:PATH"},
		"missing directory": {
			"sqlite:" + filepath.Join(dir, "no", "s.db"),
			"there is no directory " + filepath.Join(dir, "no"),
		},
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

// older is what versions before wrote: a tick, two runs of a check, its last
// result, and an accepted schema. %[1]s and %[2]s write bytes.
const older = `
INSERT INTO tick (schedule, dataset, tick%[3]s)
VALUES ('* * * * *', 'shop.public.orders', 1800000180000000%[4]s);

INSERT INTO result (check_id, tick, status, duration, message)
VALUES ('rows', 1800000120000000, 1, 2500, 'a "few"'), ('rows', 1800000180000000, 0, 1500, 'fine');

INSERT INTO last_result (check_id, dataset, tick, body)
VALUES ('rows', 'shop.public.orders', 1800000180000000, %[1]s{
  "check": "rows", "kind": "row_count", "dataset": "shop.public.orders", "tick": "2027-01-15T08:03:00Z",
  "status": "pass", "message": "fine", "duration_seconds": 0.0015}%[2]s);

INSERT INTO baseline (check_id, taken_at, accepted_by, why, data)
VALUES ('schema', 1, 'ann', 'first', %[1]sone%[2]s), ('schema', 2, 'ann', 'second', %[1]stwo%[2]s)`

// What an older version recorded stays.
func stillThere(t *testing.T, s *store.Store) {
	t.Helper()
	if dropped := record(t, s, batch(3)); dropped != 1 {
		t.Error("the tick of the older version is forgotten")
	}
	if ticks, err := s.Ticks(t.Context(), orders, 9); err != nil || len(ticks) != 1 || ticks[0].Skipped != "" {
		t.Errorf("ticks %+v, %v", ticks, err)
	}
	last, err := s.LastResults(t.Context(), store.Filter{})
	if err != nil || len(last) != 1 || last[0].Message != "fine" || !last[0].Tick.Equal(at(3)) ||
		last[0].Duration != 1500*time.Microsecond {
		t.Errorf("last results %+v, %v", last, err)
	}
	want := []store.Run{
		{Check: "rows", Tick: at(3), Duration: 1500 * time.Microsecond, Message: "fine"},
		{Check: "rows", Tick: at(2), Status: 1, Duration: 2500 * time.Microsecond, Message: `a "few"`},
	}
	if runs, err := s.Runs(t.Context(), "rows", time.Time{}, 9); err != nil || !slices.Equal(runs, want) {
		t.Errorf("runs %+v, %v", runs, err)
	}
	digests, err := s.BaselineDigests(t.Context(), []string{"schema"})
	if sum := sha256.Sum256([]byte("two")); err != nil || !bytes.Equal(digests["schema"], sum[:]) {
		t.Errorf("digests %x, %v", digests, err)
	}
	record(t, s, batch(4))
	last, err = s.LastResults(t.Context(), store.Filter{})
	if err != nil || len(last) != 1 || !last[0].Tick.Equal(at(4)) {
		t.Errorf("last results after the next tick %+v, %v", last, err)
	}
}

func TestOlderStateIsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("sqlite/migrations/001_start.sql")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(string(script) + "; PRAGMA user_version = 1; " + fmt.Sprintf(older, "CAST('", "' AS BLOB)", "", ""))
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	stillThere(t, open(t, path))
}

func TestOlderStateInPostgresIsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	url := testenv.Postgres(t)
	statements := []string{
		"CREATE TABLE sentinel_state_version (version INTEGER NOT NULL)",
		"INSERT INTO sentinel_state_version VALUES (2)",
	}
	for _, name := range []string{"postgres/migrations/001_start.sql", "postgres/migrations/002_recent.sql"} {
		script, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		statements = append(statements, string(script))
	}
	statements = append(statements, fmt.Sprintf(older, "convert_to('", "', 'UTF8')", ", skipped", ", ''"))
	testenv.Exec(t, "pgx", url, statements...)
	stillThere(t, openURL(t, url))
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
// is space again.
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
	if !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), "free some space") ||
		strings.Contains(err.Error(), "rolling back") {
		t.Fatalf("after %d batches: %v", n, err)
	}
	if got := values(t, s, "ratio", "", 10_000); len(got) != n {
		t.Errorf("%d points of %d batches", len(got), n)
	}
	if err := s.LimitPages(t.Context(), 1_000_000); err != nil {
		t.Fatal(err)
	}
	if dropped := record(t, s, batch(n)); dropped != 0 {
		t.Error("a part of the batch that found no space was recorded")
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
