package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// churned is one tick of a dataset that a churning state must have.
type churned struct {
	table  sentinel.Table
	number int
}

// TestNamesAreForgotten lets datasets come, go and come back for a year. With the retention the
// names and series of those that are gone are forgotten, and the ticks of the others stay as they
// were, also when another process takes over between two ticks.
func TestNamesAreForgotten(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, url string) {
		rng := rand.New(rand.NewPCG(5, 5))
		ctx := t.Context()
		s := openURL(t, url)
		var all []churned
		const retention, days, alive = 30, 365, 4
		for day := range days {
			now := searchNow.AddDate(0, 0, day)
			tables := map[sentinel.Table]bool{{Warehouse: "shop", Schema: "public", Name: "always"}: true}
			for range alive {
				// New ones come all the time, and some come back.
				name := fmt.Sprintf("table_%d", day/5+rng.IntN(40))
				tables[sentinel.Table{Warehouse: "shop", Schema: "public", Name: name}] = true
			}
			var b store.Batch
			for table := range tables {
				check := table.String() + "/row_count"
				b.Ticks = append(b.Ticks, store.TickRecord{Schedule: "@daily", Table: table, Tick: now})
				b.Results = append(b.Results, sentinel.Result{Check: check, Kind: "row_count", Table: table, Tick: now,
					Message:      fmt.Sprint("day ", day),
					Observations: []sentinel.Observation{{Metric: "row_count", Value: sentinel.Int(int64(day))}}})
				all = append(all, churned{table, day})
			}
			record(t, s, b)
			if day%10 == 9 {
				if _, err := s.Prune(ctx, now, retention*24*time.Hour); err != nil {
					t.Fatal(err)
				}
				all = slices.DeleteFunc(all, func(c churned) bool { return c.number < day-retention })
				compareChurned(t, s, all)
			}
			if day%50 == 49 {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = openAgain(t, url)
			}
		}
		datasets := map[sentinel.Table]bool{}
		for _, c := range all {
			datasets[c.table] = true
		}
		db := openRaw(t, url)
		var names, series int
		err := db.QueryRow(`SELECT (SELECT count(*) FROM name), (SELECT count(*) FROM series)`).Scan(&names, &series)
		// Names stay up to two weeks longer, series until a value of theirs is removed.
		if most := 2*(len(datasets)+14*alive) + 1; err != nil || names > most || series > len(datasets)+1 {
			t.Errorf("%d names, want %d at most, and %d series of %d datasets; %v", names, most, series, len(datasets), err)
		}
	})
}

// openAgain opens a state that was closed. A server may learn late that its session has ended.
func openAgain(t *testing.T, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url)
	for n := 0; errors.Is(err, store.ErrLocked) && n < 1000; n++ {
		s, err = store.Open(t.Context(), url)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// compareChurned compares the runs of all checks with those that must be there.
func compareChurned(t *testing.T, s *store.Store, want []churned) {
	t.Helper()
	runs := map[sentinel.Table][]string{}
	for _, c := range want {
		runs[c.table] = append(runs[c.table], fmt.Sprint("day ", c.number))
	}
	for table, messages := range runs {
		slices.Reverse(messages)
		got, err := s.Runs(t.Context(), table.String()+"/row_count", time.Time{}, 1000)
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, r := range got {
			found = append(found, r.Message)
		}
		if !slices.Equal(found, messages) {
			t.Fatalf("%s: got %q, want %q", table, found, messages)
		}
	}
	if err := s.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// openRaw opens the database of a state beside it.
func openRaw(t *testing.T, url string) *sql.DB {
	t.Helper()
	driver, address := "pgx", url
	if path, file := strings.CutPrefix(url, "sqlite:"); file {
		driver, address = "sqlite", path
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// TestYoungestNamesAreTakenBack: another server of PostgreSQL takes over that has not seen the last
// commits. Datasets of which it does not know the numbers get new ones.
func TestYoungestNamesAreTakenBack(t *testing.T) {
	t.Parallel()
	url := testenv.Postgres(t)
	s := openURL(t, url)
	of := func(name string, n int) store.Batch {
		b := batch(n)
		table := sentinel.Table{Warehouse: "shop", Schema: "public", Name: name}
		b.Ticks[0].Table, b.Results[0].Table, b.Results[0].Check = table, table, name
		b.Results[0].Message = fmt.Sprint(name, " ", n)
		return b
	}
	record(t, s, of("old", 1))
	record(t, s, of("young", 2))
	testenv.Exec(t, "pgx", url, `
DELETE FROM tick WHERE id = (SELECT max(id) FROM tick);
DELETE FROM recent WHERE id = (SELECT max(id) FROM recent);
DELETE FROM last_tick WHERE dataset LIKE '%young';
DELETE FROM name WHERE name LIKE '%young';
DELETE FROM series WHERE check_id = 'young';
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	for n := 3; n < 5; n++ {
		for _, name := range []string{"young", "old"} {
			if _, err := s.Record(t.Context(), of(name, n)); err != nil {
				record(t, s, of(name, n)) // the first may have met the session that was cut
			}
		}
	}
	reader, err := store.OpenReader(t.Context(), url) // whose sessions were not cut
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for name, want := range map[string][]string{"old": {"old 4", "old 3", "old 1"}, "young": {"young 4", "young 3"}} {
		runs, err := reader.Runs(t.Context(), name, time.Time{}, 10)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range runs {
			got = append(got, r.Message)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
		points, err := reader.Points(t.Context(), store.Series{Check: name, Metric: "ratio"}, time.Time{}, 10)
		if err != nil || len(points) != len(want) {
			t.Errorf("%s: %d points, want %d, %v", name, len(points), len(want), err)
		}
	}
	if err := reader.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}
