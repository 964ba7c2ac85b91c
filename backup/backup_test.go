package backup_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/backup"
	"github.com/sentinel-dq/sentinel/store"
)

// newState returns a state with a tick at each of some instants.
func newState(t *testing.T, ticks ...time.Time) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, at := range ticks {
		record(t, s, at)
	}
	return s
}

func record(t *testing.T, s *store.Store, at time.Time) {
	t.Helper()
	r := sentinel.Result{
		Check: "c", Kind: "row_count", Table: sentinel.Table{Warehouse: "w", Name: "t"}, Tick: at, Status: sentinel.Pass,
	}
	if _, err := s.Record(t.Context(), store.Batch{Results: []sentinel.Result{r}}); err != nil {
		t.Fatal(err)
	}
}

func newest(t *testing.T, path string) time.Time {
	t.Helper()
	s, err := store.OpenReader(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	st, err := s.Stats(t.Context())
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return st.Newest
}

// Each backup holds the state as it was, the newest ones are kept, and what is no backup is
// left alone.
func TestBackupsInADirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "kept")
	now := time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)
	k := &backup.Keeper{
		Config: &backup.Config{To: dir, Keep: 3}, Scratch: t.TempDir(),
		Clock: sentinel.ClockFunc(func() time.Time { return now }),
	}
	if err := k.Config.Validate(); err != nil {
		t.Fatal(err)
	}
	if all, err := k.List(t.Context()); err != nil || len(all) != 0 {
		t.Fatalf("before the first: %v, %v", all, err)
	}
	s := newState(t)
	var at []time.Time
	for n := range 5 {
		record(t, s, now)
		b, err := k.Take(t.Context(), s)
		if err != nil || !b.At.Equal(now) || b.Bytes == 0 {
			t.Fatalf("%+v, %v", b, err)
		}
		at = append(at, now)
		now = now.Add(24 * time.Hour)
		if n == 0 {
			for _, name := range []string{"notes.txt", "sentinel-20261130T030000Z.db.part"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	all, err := k.List(t.Context())
	if err != nil || len(all) != 3 || !all[0].At.Equal(at[4]) || !all[2].At.Equal(at[2]) {
		t.Fatalf("%v, %v, want those of %v", all, err, at[2:])
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 5 {
		t.Errorf("%v, %v, want three backups and two other files", entries, err)
	}
	for n, b := range all {
		path := filepath.Join(t.TempDir(), "restored.db")
		if _, err := k.Fetch(t.Context(), b.Name, path); err != nil {
			t.Fatal(err)
		}
		if err := backup.Verify(t.Context(), path); err != nil || !newest(t, path).Equal(at[4-n]) {
			t.Errorf("%s: newest tick %s, %v, want %s", b.Name, newest(t, path), err, at[4-n])
		}
	}
	if left, err := os.ReadDir(k.Scratch); err != nil || len(left) != 0 {
		t.Errorf("%v is left in the scratch directory, %v", left, err)
	}
	if due := k.Config.Due(at[4]); !due.Equal(at[4].Add(24 * time.Hour)) {
		t.Errorf("the next is due at %s", due)
	}
	if _, err := k.Fetch(t.Context(), "sentinel-20200101T000000Z.db", "x"); err == nil ||
		!strings.Contains(err.Error(), "there is no backup") {
		t.Errorf("%v", err)
	}
}

// What cannot be written or is damaged leaves the backups before as they are.
func TestABackupThatFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)
	k := &backup.Keeper{
		Config: &backup.Config{To: dir, Keep: 1}, Scratch: t.TempDir(),
		Clock: sentinel.ClockFunc(func() time.Time { return now }),
	}
	if err := k.Config.Validate(); err != nil {
		t.Fatal(err)
	}
	s := newState(t, now)
	first, err := k.Take(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	// The name of the next one is a directory: it cannot be put in place.
	next := filepath.Join(dir, "sentinel-"+now.Format("20060102T150405Z")+".db")
	if err := os.MkdirAll(filepath.Join(next, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Take(t.Context(), s); err == nil {
		t.Error("a backup that cannot be written is no error")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("%v, %v, want the first one and the obstacle", entries, err)
	}
	if all, err := k.List(t.Context()); err != nil || len(all) != 1 || all[0].Name != first.Name {
		t.Errorf("%v, %v, want %s", all, err, first.Name)
	}
	// A byte of the one that is kept is changed.
	path := filepath.Join(dir, first.Name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := len(data) / 2; n < len(data); n++ {
		data[n] ^= 0xff
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := backup.Verify(t.Context(), path); err == nil {
		t.Error("a damaged backup passes")
	}
}

func TestMistakesOfBackups(t *testing.T) {
	t.Parallel()
	key := sentinel.NewSecret("key")
	for want, c := range map[string]backup.Config{
		"schedule":               {To: "x", Schedule: "never"},
		"timezone":               {To: "x", Timezone: "Berlin"},
		"keep":                   {To: "x", Keep: -1},
		"to: want s3://bucket":   {To: "s3:///prefix"},
		"endpoint":               {To: "s3://b", Endpoint: "minio:9000"},
		"secret_key: goes":       {To: "s3://b", AccessKey: key},
		"access_key: goes":       {To: "s3://b", SecretKey: key},
		"without a path":         {To: "s3://b", Endpoint: "https://s3.example.com/b"},
		"to: want s3://bucket/p": {To: "s3://user@b/p"},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
}
