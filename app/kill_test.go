package app_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// TestKillNine kills the running agent fifty times at random moments: the state
// opens, no tick is recorded twice, and the first baseline stays.
func TestKillNine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testenv.Exec(t, "sqlite", filepath.Join(dir, "shop.db"),
		"PRAGMA journal_mode=WAL", "CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
	const config = `
listen: 127.0.0.1:0
warehouses: {shop: {dsn: "sqlite:shop.db"}}
defaults: {schedule: "@every 1s"}
datasets:
  - {table: shop.main.t, checks: [row_count > 0, schema]}
`
	if err := os.WriteFile(filepath.Join(dir, "sentinel.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The test binary is the command when it is called by its name.
	agent := filepath.Join(dir, "sentinel")
	if err := os.Symlink(self, agent); err != nil {
		t.Fatal(err)
	}
	state := "sqlite:" + filepath.Join(dir, "sentinel.db")
	random := rand.New(rand.NewPCG(1, 2))
	taken := time.Time{}
	// Kills must fall before, in and after the first tick. How soon an agent gets there
	// depends on the machine: the reach grows while no tick is written, and shrinks
	// while some are.
	reach, runs := 400*time.Millisecond, 0
	for kill := range 50 {
		cmd := exec.Command(agent, "run", "-c", filepath.Join(dir, "sentinel.yaml"))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		killed := make(chan struct{})
		time.AfterFunc(50*time.Millisecond+time.Duration(random.Int64N(int64(reach))), func() {
			_ = cmd.Process.Kill() // an error says that it has ended by itself, which Wait tells
			close(killed)
		})
		err := cmd.Wait()
		<-killed
		if err == nil || err.Error() != "signal: killed" {
			t.Fatalf("kill %d: the agent ended by itself: %v", kill, err)
		}
		s, err := store.Open(t.Context(), state)
		if err != nil {
			t.Fatalf("kill %d: %v", kill, err)
		}
		b, ok, err := s.Baseline(t.Context(), "shop.main.t/schema")
		if err != nil || !taken.IsZero() && (!ok || !b.TakenAt.Equal(taken)) {
			t.Fatalf("kill %d: the baseline has moved or is lost: %v %v", kill, b.TakenAt, err)
		}
		if ok {
			taken = b.TakenAt
		}
		written, err := s.Runs(t.Context(), "shop.main.t/row_count", time.Unix(0, 0), 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(written) > runs {
			reach = max(reach*4/5, 400*time.Millisecond)
		} else {
			reach = min(reach*5/4, 10*time.Second)
		}
		runs = len(written)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	holdsEachTickOnce(t, state)
}

// holdsEachTickOnce reads the state of TestKillNine.
func holdsEachTickOnce(t *testing.T, state string) {
	t.Helper()
	s, err := store.Open(t.Context(), state)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	counts, err := s.Runs(t.Context(), "shop.main.t/row_count", time.Unix(0, 0), 1000)
	if err != nil || len(counts) < 5 {
		t.Fatalf("%d runs, %v", len(counts), err)
	}
	schema, err := s.Runs(t.Context(), "shop.main.t/schema", time.Unix(0, 0), 1000)
	if err != nil || len(schema) != len(counts) {
		t.Errorf("a tick was recorded in part: %d and %d runs, %v", len(counts), len(schema), err)
	}
	seen := map[string]bool{}
	for _, r := range counts {
		key := fmt.Sprint(r.Tick.UnixMicro())
		if seen[key] || r.Status.String() != "pass" {
			t.Errorf("tick %v: twice, or %s", r.Tick, r.Status)
		}
		seen[key] = true
	}
}
