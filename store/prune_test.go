package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

const day = 24 * time.Hour

func TestRetention(t *testing.T) {
	t.Parallel()
	s, ctx := openNew(t), t.Context()
	b := batch(0)
	b.Baselines = map[string]store.Snapshot{"schema": {Data: []byte("one")}}
	b.Incidents = []sentinel.Incident{
		{ID: "over", Check: "rows", Key: "a", Table: orders, State: sentinel.Resolved, Opened: at(0), Resolved: at(0)},
		{ID: "open", Check: "rows", Key: "b", Table: orders, State: sentinel.Open, Opened: at(0)},
	}
	record(t, s, b)
	late := batch(0)
	late.Ticks[0].Tick = at(0).Add(30 * day)
	late.Results[0].Tick = at(0).Add(30 * day)
	record(t, s, late)

	if got, err := s.Prune(ctx, at(0).Add(80*day), 90*day); err != nil || got != (store.Pruned{}) {
		t.Errorf("before the retention ends nothing goes: %+v, %v", got, err)
	}
	if got, err := s.Prune(ctx, at(0).Add(100*day), 90*day); err != nil ||
		got != (store.Pruned{Ticks: 1, Observations: 3, Incidents: 1}) {
		t.Errorf("after 100 days: %+v, %v", got, err)
	}
	if got, err := s.Prune(ctx, at(0).Add(300*day), 90*day); err != nil ||
		got != (store.Pruned{Ticks: 1, Observations: 3}) {
		t.Errorf("after 300 days: %+v, %v", got, err)
	}
	ticks, err := s.LastTicks(ctx)
	if err != nil || !ticks[store.TickKey{Schedule: everyMinute, Table: orders}].Equal(at(0).Add(30*day)) {
		t.Errorf("the last tick stays: %v, %v", ticks, err)
	}
	if last, err := s.LastResults(ctx, store.Filter{}); err != nil || len(last) != 1 {
		t.Errorf("the last result stays: %v, %v", last, err)
	}
	if _, ok, err := s.Baseline(ctx, "schema"); err != nil || !ok {
		t.Errorf("the baseline stays: %v, %v", ok, err)
	}
	st, err := s.Stats(ctx)
	st.Bytes = 0
	if want := (store.Stats{Series: 1, Baselines: 1, Incidents: 1, Open: 1}); err != nil || st != want {
		t.Errorf("stats %+v, %v\nwant  %+v", st, err, want)
	}
}

func TestStatsOfAnEmptyState(t *testing.T) {
	t.Parallel()
	st, err := openNew(t).Stats(t.Context())
	if err != nil || st.Bytes == 0 || st.Ticks != 0 || !st.Oldest.IsZero() {
		t.Errorf("%+v, %v", st, err)
	}
}

// A back-up taken beside a writing agent is a state of its own.
func TestBackup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "s.db"))
	record(t, s, batch(0))
	reader, err := store.OpenReader(t.Context(), "sqlite:"+filepath.Join(dir, "s.db"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "copy.db")
	if err := errors.Join(reader.Backup(t.Context(), path), reader.Close()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the back-up is readable by others: %v, %v", info.Mode(), err)
	}
	record(t, s, batch(1))
	backup := open(t, path)
	if err := backup.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	if got := values(t, backup, "ratio", "", 9); len(got) != 1 {
		t.Errorf("the back-up has %v, want what was there when it was taken", got)
	}
	if dropped := record(t, backup, batch(1)); dropped != 0 {
		t.Error("the back-up does not go on where it was taken")
	}
	if err := s.Backup(t.Context(), path); !errors.Is(err, os.ErrExist) {
		t.Errorf("an existing file was overwritten: %v", err)
	}
}

// Verify finds a page that was overwritten behind the engine's back.
func TestVerifyFindsDamage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.db")
	s := open(t, path)
	for n := range 500 {
		record(t, s, batch(n))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(strings.Repeat("x", 4096)), info.Size()-4096); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, path).Verify(t.Context()); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

// Of what is older than two weeks the last, the lowest and the highest of each
// hour stay, once and for all.
func TestOldObservationsAreThinned(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	for n := range 180 { // three hours, every minute: the values go up and down
		b := batch(n)
		b.Results[0].Observations = []sentinel.Observation{
			{Metric: "ratio", Value: sentinel.Float(float64((n*37)%60 + n/60*100))},
		}
		record(t, s, b)
	}
	first := at(0).Truncate(time.Hour)
	if first.Before(at(0)) {
		first = first.Add(time.Hour) // at(0) is in the middle of an hour
	}
	p, err := s.Prune(t.Context(), at(0).Add(14*24*time.Hour+3*time.Hour), 90*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	got := values(t, s, "ratio", "", 1000)
	if p.Thinned == 0 || int64(len(got)) != 180-p.Thinned || len(got) > 4*3+60 {
		t.Errorf("%d thinned, %d left", p.Thinned, len(got))
	}
	full := map[float64]bool{}
	for _, v := range got {
		full[v] = true
	}
	for n := range 180 { // the extremes of each whole hour that was thinned are there
		v := float64((n*37)%60 + n/60*100)
		if h := at(n).Truncate(time.Hour); (v == 0 || v == 259) && !full[v] && !h.Before(first) {
			t.Errorf("%g of %s is gone", v, at(n))
		}
	}
	again, err := s.Prune(t.Context(), at(0).Add(14*24*time.Hour+3*time.Hour), 90*24*time.Hour)
	if err != nil || again.Thinned != 0 || len(values(t, s, "ratio", "", 1000)) != len(got) {
		t.Errorf("thinned again: %+v, %v", again, err)
	}
}

// What is absent is neither the lowest nor the highest of its hour.
func TestThinningPassesOverAbsentValues(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	begin := at(60).Truncate(time.Hour)
	for n := range 60 {
		b := batch(n)
		b.Results[0].Observations = []sentinel.Observation{
			{Metric: "ratio", Bucket: begin.Add(time.Duration(n) * time.Minute), Value: sentinel.Int(int64(5))},
		}
		switch o := &b.Results[0].Observations[0]; n {
		case 0, 10, 30:
			o.Value = sentinel.Number{}
		case 20:
			o.Value = sentinel.Int(9)
		case 40:
			o.Value = sentinel.Int(1)
		}
		record(t, s, b)
	}
	if _, err := s.Prune(t.Context(), begin.Add(14*24*time.Hour+2*time.Hour), 90*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	if got := values(t, s, "ratio", "", 100); !slices.Equal(got, []float64{9, 1, 5}) {
		t.Errorf("left: %v", got)
	}
}
