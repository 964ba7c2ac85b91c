package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	writer, opener := os.Getenv("SENTINEL_TEST_WRITER"), os.Getenv("SENTINEL_TEST_OPENER")
	if writer+opener != "" { // what is written to stderr is a complaint, and a migration logs its steps
		slog.SetDefault(slog.New(slog.DiscardHandler))
	}
	if writer != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(writer))
		os.Exit(1)
	}
	if opener != "" {
		fmt.Println("begin")
		s, err := store.Open(context.Background(), "sqlite:"+opener)
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

// bulk is a dataset of which a state of an older version has many ticks.
var bulk = sentinel.Table{Warehouse: "shop", Schema: "mart", Name: "bulk"}

const bulkTicks = 1000

// oldFileWithBulk is [oldFile] with the ticks of bulk, so that it takes a while to migrate.
func oldFileWithBulk(t *testing.T) (path string) {
	t.Helper()
	path = strings.TrimPrefix(oldFile(t), "sqlite:")
	testenv.Exec(t, "sqlite", path, fmt.Sprintf(`
WITH RECURSIVE v (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM v WHERE i < %d)
INSERT INTO tick (tick, schedule, dataset, skipped, checks, runs)
SELECT (SELECT min(tick) FROM tick) + i, '* * * * *', '%s', '', 1, '[["bulk",0,1000,"fine"]]' FROM v`, bulkTicks, bulk))
	return path
}

// wantOldWithBulk compares a state with that of [oldFileWithBulk].
func wantOldWithBulk(t *testing.T, path string) {
	t.Helper()
	s := openURL(t, "sqlite:"+path)
	wantDump(t, s, "old-sqlite.json.gz", bulkTicks)
	if ticks, err := s.Ticks(t.Context(), bulk, 1<<20); err != nil || len(ticks) != bulkTicks {
		t.Errorf("%d ticks of %s, want %d; %v", len(ticks), bulk, bulkTicks, err)
	}
}

// migrateUntil migrates a state in another process, and kills that some time after it has begun;
// 0: never. It returns what it took from then on.
func migrateUntil(t *testing.T, path string, kill time.Duration) (took time.Duration, killed bool) {
	t.Helper()
	complaints := &strings.Builder{}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SENTINEL_TEST_OPENER="+path)
	cmd.Stderr = complaints
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	began := time.Now()
	if kill > 0 {
		die := time.AfterFunc(kill, func() { _ = cmd.Process.Kill() })
		defer die.Stop()
	}
	for lines.Scan() { // to the end of what it says
	}
	err = cmd.Wait()
	if complaints.Len() > 0 {
		t.Fatalf("%v: %s", err, complaints)
	}
	return time.Since(began), err != nil
}

// TestKillsWhileAStateIsMigrated kills a process at random instants while it brings an older
// state up to date. The next one goes on, and nothing of the state is lost.
func TestKillsWhileAStateIsMigrated(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	path, fresh := oldFileWithBulk(t), true
	whole := time.Duration(0) // what a new file took without a kill
	killed := 0
	for round := 0; round < 6 || killed == 0 && round < 30; round++ {
		kill := time.Duration(0)
		if whole > 0 {
			kill = 1 + time.Duration(random.Int64N(int64(whole)))
		}
		took, dead := migrateUntil(t, path, kill)
		if dead {
			killed++
			fresh = false
			continue
		}
		wantOldWithBulk(t, path)
		if fresh {
			whole = took
		}
		path, fresh = oldFileWithBulk(t), true
	}
	wantOldWithBulk(t, path)
	t.Logf("%d were killed; a migration took %s", killed, whole)
	if killed == 0 {
		t.Error("nothing was killed")
	}
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
