package store_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// TestOnPostgres runs what the state in SQLite must do on one in PostgreSQL.
func TestOnPostgres(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*testing.T){
		"what is recorded is remembered":      TestWhatIsRecordedIsRemembered,
		"the last result is whole":            TestLastResultIsWhole,
		"last results in parts":               TestLastResultsInParts,
		"a tick is recorded once":             TestATickIsRecordedOnce,
		"schedules that meet":                 TestSchedulesThatMeet,
		"skipped ticks keep their reason":     TestSkippedTicksKeepTheirReason,
		"segments and buckets":                TestSegmentsAndBuckets,
		"the newest values":                   TestNewestValuesAreReadWhereverTheyWait,
		"points":                              TestPointsAreWhatWasRecordedLast,
		"a baseline moves only when accepted": TestBaselineMovesOnlyWhenAccepted,
		"incidents open and resolve":          TestIncidentsOpenAndResolve,
		"labels mark points":                  TestLabelsMarkPoints,
		"the outbox is part of the tick":      TestOutboxIsPartOfTheTick,
		"outbox order":                        TestOutboxOrder,
		"outbox threads":                      TestOutboxThreads,
		"outbox dead letters":                 TestOutboxDeadLetters,
		"outbox notified":                     TestOutboxNotified,
		"outbox orphans":                      TestOutboxOrphans,
		"outbox prune":                        TestOutboxPrune,
		"retention":                           TestRetention,
		"old observations are thinned":        TestOldObservationsAreThinned,
		"absent values are thinned":           TestThinningPassesOverAbsentValues,
		"ticks are what was recorded":         TestTicksAreWhatWasRecorded,
		"retention by size":                   TestRetentionBySize,
		"an empty state":                      TestStatsOfAnEmptyState,
		"a cancelled record":                  TestCancelledRecord,
		"a panic":                             TestPanicInAWrite,
		"a state without data":                TestStateWithoutData,
	} {
		t.Run(name, test)
	}
}

// One agent leads. The next takes over when the first has gone, and what the
// first would still write is refused.
func TestOneAgentLeads(t *testing.T) {
	t.Parallel()
	url := testenv.Postgres(t)
	first := openURL(t, url)
	record(t, first, batch(1))
	if _, err := store.Open(t.Context(), url); !errors.Is(err, store.ErrLocked) ||
		!strings.Contains(err.Error(), "(process ") {
		t.Fatalf("a second leader: %v", err)
	}
	reader, err := store.OpenReader(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if got := values(t, reader, "ratio", "", 10); len(got) != 1 {
		t.Errorf("read beside the leader: %v", got)
	}
	if _, err := reader.Record(t.Context(), batch(2)); err == nil {
		t.Error("a reader wrote")
	}

	// Its session is cut: nobody else has led, and it goes on.
	cut := func() {
		testenv.Exec(t, "pgx", url, `
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND pid <> pg_backend_pid()
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	}
	cut()
	eventually(t, func() error { return first.Leading(t.Context()) })
	record(t, first, batch(3))

	// Cut again, and somebody else is quicker.
	cut()
	var second *store.Store
	eventually(t, func() (err error) { second, err = store.Open(t.Context(), url); return err })
	defer second.Close()
	if err := first.Leading(t.Context()); !errors.Is(err, store.ErrLocked) {
		t.Errorf("the first, while the second leads: %v", err)
	}
	if _, err := first.Record(t.Context(), batch(4)); !errors.Is(err, store.ErrOvertaken) {
		t.Errorf("the overtaken one wrote: %v", err)
	}
	record(t, second, batch(4))
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if err := first.Leading(t.Context()); !errors.Is(err, store.ErrOvertaken) {
			return errors.New("the first leads again with an old memory")
		}
		return nil
	})
	if got := values(t, reader, "ratio", "", 10); len(got) != 3 {
		t.Errorf("three ticks were recorded, and there are %d", len(got))
	}
}

func eventually(t *testing.T, ok func() error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestPostgresStateSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	url := testenv.Postgres(t)
	if _, err := store.OpenReader(t.Context(), url); err == nil || !strings.Contains(err.Error(), "sentinel run") {
		t.Errorf("an empty database: %v", err)
	}
	if err := openURL(t, url).Close(); err != nil {
		t.Fatal(err)
	}
	testenv.Exec(t, "pgx", url, "INSERT INTO sentinel_state_version VALUES (999)")
	if _, err := store.Open(t.Context(), url); !errors.Is(err, store.ErrNewer) {
		t.Errorf("a newer schema: %v", err)
	}
	for address, want := range map[string]string{
		"postgres://sentinel:s3cret@127.0.0.1:1/state": "is the server up",
		"postgres://s3cret:s3cret@host:port/x":         "address of PostgreSQL",
	} {
		_, err := store.Open(t.Context(), address)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret@") ||
			strings.Contains(err.Error(), ":s3cret") {
			t.Errorf("%v, want %q and no password", err, want)
		}
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]string{
		"postgres://a:b@h/d":                           "postgres://a@h/d",
		"postgres://a@h:5432/d?password=b":             "postgres://a@h/d",
		"postgres://h/d?sslmode=off&sslpassword=b":     "postgres://h/***",
		"postgres://h/d?x=1;password=b":                "postgres://h/***",
		"postgres://a:b@h1:1,h2:2/d?password=c":        "postgres://a@h1:1,h2:2/d",
		"postgres://a@h/d?application_name=x":          "postgres://a@h/d",
		"postgres://a:12#5ecret@h/d":                   "postgres://***",
		"postgres://a:12/5ecret@h/d":                   "postgres://***",
		"host=h port=6 user=a password='b c' dbname=d": "postgres://a@h:6/d",
		"host=h user=a password=b c dbname=d":          "postgres://***",
		"host=/run/pg user=a password=b dbname=d":      "postgres://a@%2Frun%2Fpg/d",
		"user=a host='h password=b' dbname=d":          "postgres://***",
		"sqlite:s.db":                                  "sqlite:s.db",
	} {
		if got := store.Redact(state); got != want {
			t.Errorf("%s: %s", state, got)
		}
	}
}

// A back-up of a state in PostgreSQL is a SQLite file, and goes into either engine.
func TestPostgresBackupGoesIntoEitherEngine(t *testing.T) {
	t.Parallel()
	s := openURL(t, testenv.Postgres(t))
	for n := range 60 {
		b := batch(n)
		// NUMERIC writes all digits of these.
		value := []float64{1e300, -1e19, 0.1, 5e-324, 3}[n%5]
		b.Results[0].Observations[1].Value = sentinel.Float(value)
		record(t, s, b)
	}
	if err := s.AppendAudit(t.Context(), store.AuditEntry{
		At:      at(1),
		Actor:   "ann",
		What:    "test",
		Subject: "x",
		Detail:  "y",
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Label(t.Context(), store.Label{
		Check:   "rows",
		From:    at(1),
		To:      at(2),
		Exclude: true,
		Who:     "ann",
		Why:     "test",
	}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "backup.db")
	if err := s.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if err := s.Backup(t.Context(), path); err == nil {
		t.Error("a back-up over another")
	}
	if err := s.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	again := openURL(t, testenv.Postgres(t))
	if err := again.Import(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if err := again.Import(t.Context(), path); err == nil || !strings.Contains(err.Error(), "already has a state") {
		t.Errorf("into a state that is used: %v", err)
	}
	for name, restored := range map[string]*store.Store{"the file": open(t, path), "another database": again} {
		for _, metric := range []string{"row_count", "ratio"} {
			want, err := s.Points(t.Context(), store.Series{Check: "rows", Metric: metric}, time.Time{}, 100)
			if err != nil {
				t.Fatal(err)
			}
			got, err := restored.Points(t.Context(), store.Series{Check: "rows", Metric: metric}, time.Time{}, 100)
			if err != nil || !slices.Equal(got, want) || len(got) != 60 || !got[1].Bad {
				t.Errorf("%s: %v, %v; want %v", name, got, err, want)
			}
		}
		if entries, _, err := restored.VerifyAudit(t.Context()); err != nil || entries != 1 {
			t.Errorf("%s: %d audit entries, %v", name, entries, err)
		}
		if dropped := record(t, restored, batch(59)); dropped != 1 {
			t.Errorf("%s: a tick was recorded twice", name)
		}
		record(t, restored, batch(60)) // numbers go on where they were
	}
}
