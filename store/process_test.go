package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// TestMain lets the test binary stand in for an agent in another process.
func TestMain(m *testing.M) {
	if path := os.Getenv("SENTINEL_TEST_WRITER"); path != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(path))
		os.Exit(1)
	}
	if path := os.Getenv("SENTINEL_TEST_OPENER"); path != "" {
		s, err := store.Open(context.Background(), "sqlite:"+path)
		if err == nil {
			err = s.Close()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(testenv.Main(m))
}

// observationsATick makes a transaction long enough for kills to land inside.
const observationsATick = 50

// killBatch is what the n-th tick of the other process brings.
func killBatch(n int) store.Batch {
	b := batch(n)
	for i := range observationsATick {
		b.Results[0].Observations = append(
			b.Results[0].Observations,
			sentinel.Observation{Metric: "many", Segment: strconv.Itoa(i), Value: sentinel.Int(int64(n))},
		)
	}
	b.Baselines = map[string]store.Snapshot{fmt.Sprint("schema", n): {Data: []byte(strconv.Itoa(n)), TakenAt: at(n)}}
	return b
}

// writeUntilKilled records ticks and says so after each commit.
func writeUntilKilled(path string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, "sqlite:"+path)
	if err != nil {
		return err
	}
	fmt.Println("open")
	last, err := s.LastTicks(ctx)
	if err != nil {
		return err
	}
	n := 0
	if tick, ok := last[store.TickKey{Schedule: everyMinute, Table: orders}]; ok {
		n = int(tick.Sub(at(0))/time.Minute) + 1
	}
	for ; ; n++ {
		if dropped, err := s.Record(ctx, killBatch(n)); err != nil || dropped > 0 {
			return fmt.Errorf("tick %d: %d dropped: %w", n, dropped, err)
		}
		fmt.Println(n)
	}
}

// other starts the test binary as a writer of path and reads what it says.
func other(t *testing.T, path string) (cmd *exec.Cmd, lines *bufio.Scanner, complaints *strings.Builder) {
	t.Helper()
	cmd, complaints = exec.Command(os.Args[0]), &strings.Builder{}
	cmd.Env = append(os.Environ(), "SENTINEL_TEST_WRITER="+path)
	cmd.Stderr = complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out), complaints
}

// Only one process writes; the other gets an error that names it, and may read.
func TestC29OneProcessWrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "s.db")
	cmd, lines, complaints := other(t, path)
	if !lines.Scan() {
		t.Fatal(complaints)
	}
	link := filepath.Join(dir, "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, link} {
		if _, err := store.Open(t.Context(), "sqlite:"+name); !errors.Is(err, store.ErrLocked) ||
			!strings.Contains(err.Error(), fmt.Sprintf("(process %d)", cmd.Process.Pid)) {
			t.Errorf("a second writer by %s: %v", filepath.Base(name), err)
		}
	}
	r, err := store.OpenReader(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.LastTicks(t.Context()); err != nil {
		t.Error(err)
	}
	if err := errors.Join(r.Close(), cmd.Process.Kill()); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // to the end of what it says
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the writer ended before it was killed")
	}
	open(t, path) // the lock went with the process
}

// TestKillNine kills a writer at random instants, also while it opens: the
// state opens again, no tick is there twice or in part, and nothing that was
// committed is lost.
func TestKillNine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.db")
	random := rand.New(rand.NewPCG(1, 2))
	committed, early := -1, 0
	for kill := range 50 {
		cmd, lines, complaints := other(t, path)
		// The timer, not the test, picks the instant: starting takes some
		// milliseconds, a tick less than one. A third of the kills wait until the
		// state is open, and a third for the first tick: slow machines take long.
		die := func(within int) *time.Timer {
			return time.AfterFunc(time.Duration(random.IntN(within))*time.Microsecond, func() { _ = cmd.Process.Kill() })
		}
		var timer *time.Timer
		if kill%3 == 0 {
			timer = die(40_000)
		}
		said := 0
		for ; lines.Scan(); said++ {
			if timer == nil && (said == 1 || kill%3 == 1) {
				timer = die(20_000)
			}
			if said == 0 {
				continue // "open"
			}
			n, err := strconv.Atoi(lines.Text())
			if err != nil || n <= committed {
				t.Fatalf("kill %d: wrote tick %s after %d", kill, lines.Text(), committed)
			}
			committed = n
		}
		if err := cmd.Wait(); err == nil || complaints.Len() > 0 {
			t.Fatalf("kill %d: the writer ended by itself: %v: %s", kill, err, complaints)
		}
		if timer != nil {
			timer.Stop()
		}
		if said == 0 {
			early++
		}
	}
	t.Logf("50 kills, %d of them before the state was open; %d ticks", early, committed+1)
	if committed < 0 {
		t.Fatal("nothing was ever committed: the kills come too early to tell anything")
	}
	inspectAfterKills(t, path, committed)
}

// TestKillsWhileAStateIsMigrated kills a process at random instants while it brings an older
// state up to date. The next one goes on, and nothing of the state is lost.
func TestKillsWhileAStateIsMigrated(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	path := strings.TrimPrefix(oldFile(t), "sqlite:")
	whole := time.Duration(0) // what it takes without a kill
	killed := 0
	for range 12 {
		complaints := &strings.Builder{}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "SENTINEL_TEST_OPENER="+path)
		cmd.Stderr = complaints
		began := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if whole > 0 {
			die := time.AfterFunc(time.Duration(random.Int64N(int64(whole))), func() { _ = cmd.Process.Kill() })
			defer die.Stop()
		}
		err := cmd.Wait()
		took := time.Since(began)
		if complaints.Len() > 0 {
			t.Fatalf("%v: %s", err, complaints)
		}
		if err != nil {
			killed++
			continue
		}
		wantDump(t, openURL(t, "sqlite:"+path), "old-sqlite.json.gz")
		whole = max(whole, took)
		path = strings.TrimPrefix(oldFile(t), "sqlite:")
	}
	wantDump(t, openURL(t, "sqlite:"+path), "old-sqlite.json.gz")
	t.Logf("%d of 12 were killed", killed)
}

func inspectAfterKills(t *testing.T, path string, committed int) {
	s := open(t, path)
	if err := s.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	ticks, err := s.Ticks(t.Context(), orders, 1_000_000)
	if err != nil || len(ticks) <= committed {
		t.Fatalf("%d ticks of %d committed, %v", len(ticks), committed+1, err)
	}
	for i, tick := range ticks { // newest first
		if want := at(len(ticks) - 1 - i); !tick.Tick.Equal(want) {
			t.Fatalf("tick %v, want %v: one is missing or there twice", tick.Tick, want)
		}
	}
	st, err := s.Stats(t.Context())
	whole := int64(len(ticks))
	if err != nil || st.Results != whole || st.Baselines != whole || st.Observations != whole*(observationsATick+3) {
		t.Errorf("%d ticks, but %+v, %v: a tick is there in part", whole, st, err)
	}
	last, ok, err := s.Baseline(t.Context(), fmt.Sprint("schema", committed))
	if err != nil || !ok || string(last.Data) != strconv.Itoa(committed) {
		t.Errorf("the last committed baseline: %s, %v, %v", last.Data, ok, err)
	}
}
