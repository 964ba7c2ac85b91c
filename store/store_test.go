package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	sentinel "github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// TestMain lets the test binary stand in for an agent that is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv("SENTINEL_TEST_WRITER"); path != "" {
		if err := writeUntilKilled(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

var orders = sentinel.Table{Warehouse: "shop", Schema: "public", Name: "orders"}

func open(tb testing.TB, path string) *store.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), "sqlite:"+path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() }) // twice is harmless
	return s
}

func batch(n int) store.Batch {
	tick := time.Unix(int64(1_800_000_000+60*n), 0).UTC()
	return store.Batch{
		Ticks: []store.TickRecord{{Schedule: "* * * * *", Table: orders, Tick: tick}},
		Results: []sentinel.Result{{
			Check: "rows", Kind: "row_count", Table: orders, Tick: tick, Status: sentinel.Pass, Message: "fine",
			Observations: []sentinel.Observation{{Metric: "row_count", Value: sentinel.Int(9007199254740993 + int64(n))}, {Metric: "ratio", Value: sentinel.Float(0.5)}, {Metric: "nothing"}},
		}},
	}
}

func record(tb testing.TB, s *store.Store, b store.Batch) int {
	tb.Helper()
	dropped, err := s.Record(tb.Context(), b)
	if err != nil {
		tb.Fatal(err)
	}
	return dropped
}

func TestWhatIsRecordedIsRemembered(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.db")
	s := open(t, path)
	for n := range 5 {
		record(t, s, batch(n))
	}
	if dropped := record(t, s, batch(3)); dropped != 1 {
		t.Errorf("the same tick again: %d results dropped, want 1", dropped)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	points, err := s.Points(t.Context(), "rows", "row_count", "", time.Time{}, 3)
	if err != nil || len(points) != 3 || !points[0].Time.Before(points[2].Time) || points[2].Value != 9007199254740997 {
		t.Errorf("points %+v, %v", points, err)
	}
	if none, err := s.Points(t.Context(), "rows", "nothing", "", time.Time{}, 9); err != nil || len(none) != 0 {
		t.Errorf("an absent value is no point: %v, %v", none, err)
	}
	last, err := s.LastResults(t.Context(), store.Filter{Table: orders})
	if err != nil || len(last) != 1 || last[0].Observations[0].Value.String() != "9007199254740997" {
		t.Errorf("last results %+v, %v", last, err)
	}
	ticks, err := s.LastTicks(t.Context())
	if err != nil || !ticks[store.TickKey{Schedule: "* * * * *", Table: orders}].Equal(batch(4).Ticks[0].Tick) {
		t.Errorf("ticks %v, %v", ticks, err)
	}
	runs, err := s.Runs(t.Context(), "rows", time.Time{}.Add(time.Hour), 2)
	if err != nil || len(runs) != 2 || runs[0].Message != "fine" {
		t.Errorf("runs %+v, %v", runs, err)
	}
}

func TestLabelsBaselinesIncidentsAndRetention(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "s.db"))
	ctx := t.Context()
	first := store.Snapshot{Data: []byte("one"), TakenAt: time.Unix(1, 0), AcceptedBy: "sentinel", Why: "first look"}
	b := batch(0)
	b.Baselines = map[string]store.Snapshot{"schema": first}
	b.Incidents = []sentinel.Incident{{ID: "i1", Check: "rows", Key: "k", Table: orders, State: sentinel.Open, Opened: b.Results[0].Tick}}
	b.States = []store.State{{Kind: "confirm", Key: "rows", Data: []byte("{}")}}
	record(t, s, b)
	again := batch(1)
	again.Baselines = map[string]store.Snapshot{"schema": {Data: []byte("two")}}
	record(t, s, again)
	if got, ok, err := s.Baseline(ctx, "schema"); err != nil || !ok || string(got.Data) != "one" {
		t.Errorf("a first look never moves a baseline: %s, %v, %v", got.Data, ok, err)
	}
	if err := s.AcceptBaseline(ctx, "schema", store.Snapshot{Data: []byte("three"), TakenAt: time.Unix(2, 0), AcceptedBy: "ann", Why: "release"}); err != nil {
		t.Fatal(err)
	}
	if got, _, err := s.Baseline(ctx, "schema"); err != nil || string(got.Data) != "three" || got.AcceptedBy != "ann" {
		t.Errorf("accepted: %+v, %v", got, err)
	}
	if open, err := s.OpenIncidents(ctx); err != nil || len(open) != 1 {
		t.Errorf("open incidents %v, %v", open, err)
	}
	done := batch(2)
	done.Incidents = []sentinel.Incident{{ID: "i1", Check: "rows", Key: "k", Table: orders, State: sentinel.Resolved, Opened: b.Results[0].Tick, Resolved: done.Results[0].Tick}}
	record(t, s, done)
	if open, err := s.OpenIncidents(ctx); err != nil || len(open) != 0 {
		t.Errorf("open incidents %v, %v", open, err)
	}
	at := batch(1).Results[0].Tick
	if err := s.Label(ctx, store.Label{Check: "rows", From: at, To: at, Exclude: true, Why: "migration", Who: "ann"}); err != nil {
		t.Fatal(err)
	}
	points, err := s.Points(ctx, "rows", "row_count", "", time.Time{}, 9)
	if err != nil || len(points) != 3 || points[0].Bad || !points[1].Bad || points[2].Bad {
		t.Errorf("labelled points %+v, %v", points, err)
	}
	if n, err := s.Prune(ctx, at.Add(100*24*time.Hour), 90*24*time.Hour); err != nil || n == 0 {
		t.Errorf("pruned %d, %v", n, err)
	}
	ticks, err := s.LastTicks(ctx)
	if err != nil || len(ticks) != 1 {
		t.Errorf("the last tick outlives the retention: %v, %v", ticks, err)
	}
	if err := s.Verify(ctx); err != nil {
		t.Error(err)
	}
	backup := filepath.Join(t.TempDir(), "copy.db")
	if err := s.Backup(ctx, backup); err != nil {
		t.Fatal(err)
	}
	if got, _, err := open(t, backup).Baseline(ctx, "schema"); err != nil || string(got.Data) != "three" {
		t.Errorf("the back-up has %s, %v", got.Data, err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for url, want := range map[string]string{
		"redis://x": "want sqlite:PATH",
		"sqlite:" + filepath.Join(dir, "no/s.db"):                            "no such file",
		"sqlite:" + write("text.db", strings.Repeat("not a database ", 100)): "not a sentinel state",
	} {
		if _, err := store.Open(t.Context(), url); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
	if _, err := store.OpenReader(t.Context(), "sqlite:"+filepath.Join(dir, "none.db")); err == nil {
		t.Error("a reader must not create a state")
	}
	path := filepath.Join(dir, "s.db")
	open(t, path)
	if _, err := store.Open(t.Context(), "sqlite:"+path); !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Errorf("a second writer: %v", err)
	}
	r, err := store.OpenReader(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// writeUntilKilled records ticks and says so after each commit.
func writeUntilKilled(path string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, "sqlite:"+path)
	if err != nil {
		return err
	}
	last, err := s.LastTicks(ctx)
	if err != nil {
		return err
	}
	n := 0
	for _, tick := range last {
		n = int((tick.Unix()-1_800_000_000)/60) + 1
	}
	for ; ; n++ {
		b := batch(n)
		b.Baselines = map[string]store.Snapshot{fmt.Sprint("schema", n): {Data: []byte("x"), TakenAt: b.Results[0].Tick}}
		if _, err := s.Record(ctx, b); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// TestKillNine kills a writer again and again: the state opens, no tick is
// there twice, and nothing that was committed is lost.
func TestKillNine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.db")
	committed := -1
	for kill := range 50 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "SENTINEL_TEST_WRITER="+path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for i := 0; i <= kill%7 && lines.Scan(); i++ {
			n, err := strconv.Atoi(lines.Text())
			if err != nil || n <= committed {
				t.Fatalf("kill %d: wrote tick %s after %d", kill, lines.Text(), committed)
			}
			committed = n
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what was committed before the kill arrived
			if n, err := strconv.Atoi(lines.Text()); err == nil {
				committed = n
			}
		}
		_ = cmd.Wait() // killed
	}
	s := open(t, path)
	if err := s.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	points, err := s.Points(t.Context(), "rows", "row_count", "", time.Time{}, 1_000_000)
	if err != nil || len(points) <= committed {
		t.Errorf("%d points of %d committed ticks, %v", len(points), committed+1, err)
	}
	for i := 1; i < len(points); i++ {
		if points[i].Time.Sub(points[i-1].Time) != time.Minute {
			t.Fatalf("ticks %v and %v follow each other", points[i-1].Time, points[i].Time)
		}
	}
	for n := range committed + 1 {
		if _, ok, err := s.Baseline(t.Context(), fmt.Sprint("schema", n)); err != nil || !ok {
			t.Fatalf("baseline %d is lost: %v", n, err)
		}
	}
}

func BenchmarkRecord100000Observations(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		s := open(b, filepath.Join(b.TempDir(), "s.db"))
		b.StartTimer()
		for n := range 100 {
			v := batch(n)
			v.Results[0].Observations = v.Results[0].Observations[:0]
			for i := range 1000 {
				v.Results[0].Observations = append(v.Results[0].Observations, sentinel.Observation{Metric: "row_count", Segment: strconv.Itoa(i), Value: sentinel.Int(int64(i))})
			}
			record(b, s, v)
		}
	}
	b.ReportMetric(100_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
