package store_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// The files in testdata were made by an agent of commit 04396a3, the last one
// before both engines had one format: old-sqlite.db.gz is its state in a file,
// old-postgres.sql.gz is its state in PostgreSQL as pg_dump --inserts writes it,
// and old-*.json.gz is what the store of that commit returned for them, as dumpState
// gathers it.

func unzipped(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return data
}

// oldFile unpacks the state in a file, and returns its address.
func oldFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, unzipped(t, "old-sqlite.db.gz"), 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

// oldDatabase fills a database with the state, and returns its address.
func oldDatabase(t *testing.T) string {
	t.Helper()
	url := testenv.Postgres(t)
	testenv.Exec(t, "pgx", url, string(unzipped(t, "old-postgres.sql.gz")))
	return url
}

// wantDump compares what a state holds with what it held before. more is how many ticks with a run
// it holds besides, of datasets without a last one.
func wantDump(t *testing.T, s *store.Store, golden string, more ...int64) {
	t.Helper()
	d, err := dumpState(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	var want dump
	if err := json.Unmarshal(unzipped(t, golden), &want); err != nil {
		t.Fatal(err)
	}
	for _, n := range more {
		want.Stats.Ticks, want.Stats.Results = want.Stats.Ticks+n, want.Stats.Results+n
	}
	joined := oneADataset(t, &want, d.Incidents)
	// What was written and what is read again are compared in the same clothes.
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var got dump
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range g.NumField() {
		if reflect.DeepEqual(g.Field(i).Interface(), w.Field(i).Interface()) {
			continue
		}
		a, errA := json.Marshal(g.Field(i).Interface())
		b, errB := json.Marshal(w.Field(i).Interface())
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		at := 0
		for at < min(len(a), len(b)) && a[at] == b[at] {
			at++
		}
		from := max(0, at-200)
		t.Errorf("%s: got\n%s\nwant\n%s", g.Type().Field(i).Name, a[from:min(len(a), at+200)], b[from:min(len(b), at+200)])
	}
	// The channels that were notified of an incident that was joined are told of its end.
	without, err := s.OutboxWithoutRecovery(t.Context(), time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range want.Outbox {
		notified := slices.ContainsFunc(without, func(n store.Notified) bool {
			return n.Incident == o.Incident && n.Channel == o.Channel
		})
		if slices.Contains(joined, o.Incident) && o.State != store.OutboxDead && o.Kind != "recovered" && !notified {
			t.Errorf("channel %s is not told that incident %s ended", o.Channel, o.Incident)
		}
	}
	if len(want.Points) < 10 || len(want.Incidents) == 0 || len(want.Repairs) == 0 || len(want.Outbox) == 0 ||
		len(want.Audit) == 0 || len(want.Baselines) == 0 || len(want.States["anomaly"]) == 0 || want.Stats.Ticks < 100 {
		t.Errorf("the fixture is poor: %+v", want.Stats)
	}
}

// oneADataset turns the incidents of the format before, one a finding, into those that a
// state must hold now. It takes the instants at which incidents were joined from got, and
// returns the ids of those that were.
func oneADataset(t *testing.T, want *dump, got []sentinel.Incident) (joined []string) {
	t.Helper()
	ended := map[string]time.Time{}
	for _, i := range got {
		ended[i.ID] = i.Resolved
	}
	first := map[sentinel.Table]int{} // the oldest open incident, by dataset
	for n := range want.Incidents {
		i := &want.Incidents[n]
		i.Findings = []sentinel.IncidentFinding{{
			Check: i.Check, Kind: i.Kind, Key: i.Key, Severity: i.Severity, Monitor: i.Monitor, Tier: i.Tier, Owner: i.Owner,
			Runbook: i.Runbook, Message: i.Message, Observed: i.Observed, Expected: i.Expected, Opened: i.Opened,
			Updated: i.Updated, Resolved: i.Resolved, LastGood: i.LastGood, Ticks: i.Ticks, Upstream: i.Upstream, Cause: i.Cause,
		}}
		o, known := first[i.Table]
		if i.State != sentinel.Resolved && (!known || i.Opened.Before(want.Incidents[o].Opened) ||
			i.Opened.Equal(want.Incidents[o].Opened) && i.ID < want.Incidents[o].ID) {
			first[i.Table] = n
		}
	}
	for n := range want.Incidents {
		i := &want.Incidents[n]
		leader := &want.Incidents[first[i.Table]]
		if i.State == sentinel.Resolved || i == leader {
			continue
		}
		leader.Findings = append(leader.Findings, i.Findings[0])
		if unheard(*leader) && !unheard(*i) {
			leader.State, leader.Prior, leader.Note = i.State, i.Prior, i.Note
		}
		for r := range want.Repairs {
			if want.Repairs[r].Incident == i.ID {
				want.Repairs[r].Incident = leader.ID
			}
		}
		at := ended[i.ID]
		if age := time.Since(at); age < -time.Minute || age > time.Hour {
			t.Errorf("incident %s was joined at %s", i.ID, at)
		}
		i.State, i.Resolved, i.Note = sentinel.Resolved, at, "one incident a dataset: it is a finding of "+leader.ID+" now"
		i.Findings = slices.Clone(i.Findings)
		i.Findings[0].Resolved, i.Findings[0].Note = at, i.Note
		joined = append(joined, i.ID)
		want.Stats.Open--
	}
	if len(joined) == 0 {
		t.Error("the fixture has no dataset with two open incidents")
	}
	return joined
}

func unheard(i sentinel.Incident) bool {
	return i.State == sentinel.Acknowledged || i.State == sentinel.Suppressed
}

func TestStateFileOfTheFormatBefore(t *testing.T) {
	t.Parallel()
	url := oldFile(t)
	wantDump(t, openURL(t, url), "old-sqlite.json.gz")
}

func TestStateInPostgresOfTheFormatBefore(t *testing.T) {
	t.Parallel()
	url := oldDatabase(t)
	s := openURL(t, url)
	wantDump(t, s, "old-postgres.json.gz")

	// It moves to a file, and from there to another database.
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := s.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	other := openURL(t, testenv.Postgres(t))
	if err := other.Import(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	wantDump(t, open(t, path), "old-postgres.json.gz")
	wantDump(t, other, "old-postgres.json.gz")
	if err := other.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// A reader leaves an older state as it is, and says what to do.
func TestReaderOfTheFormatBefore(t *testing.T) {
	t.Parallel()
	url := oldFile(t)
	path := strings.TrimPrefix(url, "sqlite:")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.OpenReader(t.Context(), url); err == nil || !strings.Contains(err.Error(), "older version") {
		t.Errorf("a reader opened it: %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("a reader changed it: %v", err)
	}
}

// A panic in a write is that write's error. Nothing of it stays, and the store
// continues.
func TestPanicInAWrite(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	if err := s.Panic(t.Context()); err == nil || !strings.Contains(err.Error(), "injected") {
		t.Errorf("got %v", err)
	}
	if _, ok, err := s.State(t.Context(), "panic", ""); ok || err != nil {
		t.Errorf("what it wrote stays: %v, %v", ok, err)
	}
	record(t, s, batch(1))
}

// A state without data is empty on both engines.
func TestStateWithoutData(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	record(t, s, store.Batch{States: []store.State{{Kind: "anomaly", Key: "reset"}}})
	if data, ok, err := s.State(t.Context(), "anomaly", "reset"); !ok || len(data) != 0 || err != nil {
		t.Errorf("%q, %v, %v", data, ok, err)
	}
}

// Rows that are damaged do not keep an old state from being brought up to date: all others are there.
func TestDamagedRowsOfTheFormatBefore(t *testing.T) {
	t.Parallel()
	url := oldFile(t)
	db := openRaw(t, url)
	var ticks, blocks int
	if err := db.QueryRow(`SELECT (SELECT count(*) FROM tick WHERE checks > 0), (SELECT count(*) FROM block)`).Scan(&ticks, &blocks); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`UPDATE tick SET runs = '{' WHERE (tick, schedule, dataset) IN
(SELECT tick, schedule, dataset FROM tick WHERE checks > 0 ORDER BY tick LIMIT 3)`,
		`UPDATE tick SET runs = '[["c"]]' WHERE (tick, schedule, dataset) IN
(SELECT tick, schedule, dataset FROM tick WHERE checks > 0 ORDER BY tick DESC LIMIT 2)`,
		`UPDATE block SET points = '[[1' WHERE (series, first) IN (SELECT series, first FROM block LIMIT 1)`,
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	s := openURL(t, url)
	if err := s.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	var kept, keptBlocks int
	if err := db.QueryRow(`SELECT (SELECT sum(n) FROM tick WHERE checks > 0), (SELECT count(*) FROM block)`).Scan(&kept, &keptBlocks); err != nil {
		t.Fatal(err)
	}
	if kept != ticks-5 || keptBlocks != blocks-1 {
		t.Errorf("%d ticks are left of %d, and %d blocks of %d", kept, ticks, keptBlocks, blocks)
	}
	st, err := s.Stats(t.Context())
	var want dump
	if err := errors.Join(err, json.Unmarshal(unzipped(t, "old-sqlite.json.gz"), &want)); err != nil {
		t.Fatal(err)
	}
	if st.Ticks != want.Stats.Ticks-5 {
		t.Errorf("%d ticks are left of %d", st.Ticks, want.Stats.Ticks)
	}
}

// A file of which a disk could not hold a second one is left as it is.
func TestNoRoomToRewriteAFile(t *testing.T) {
	t.Parallel()
	url := oldFile(t)
	path := strings.TrimPrefix(url, "sqlite:")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 1<<42); err != nil { // it takes no space itself
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), url); !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), "MB are free") {
		t.Errorf("got %v", err)
	}
	after := make([]byte, len(before))
	f, err := os.Open(path)
	if err == nil {
		_, err = io.ReadFull(f, after)
		err = errors.Join(err, f.Close())
	}
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed: %v", err)
	}
}
