package warehouse_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// ahead is a clock that a test can put forward.
type ahead struct{ by atomic.Int64 }

func (a *ahead) now() time.Time       { return time.Now().Add(time.Duration(a.by.Load())) }
func (a *ahead) skip(d time.Duration) { a.by.Add(int64(d)) }

// ask counts the rows of t, and says where.
func ask(t *testing.T, db *warehouse.DB) (rows, place string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	db.Run(
		ctx,
		[]warehouse.Statement{{SQL: "SELECT count(*) FROM t"}, {SQL: "SELECT broken"}},
		func(i int, r warehouse.Rows, failed error) {
			switch {
			case i == 0 && failed == nil:
				rows = r[0][0].Text
			case i == 0:
				err = failed
			case warehouse.KindOf(failed) == warehouse.Unreachable && err == nil:
				err = failed
			}
		},
	)
	return rows, db.Place(), err
}

// TestC02ChecksMoveToTheStandbyAndBack on a real primary with a real streaming standby.
func TestC02ChecksMoveToTheStandbyAndBack(t *testing.T) {
	t.Parallel()
	primary, err := testenv.StartPostgres("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(primary.Stop)
	testenv.Exec(t, "pgx", primary.DSN, "CREATE TABLE t (id int)", "INSERT INTO t VALUES (1), (2)")
	standby, err := testenv.StartStandby(primary)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(standby.Stop)
	clock := &ahead{}
	var mu sync.Mutex
	states := map[string][]int{}
	db, err := warehouse.Open(warehouse.Config{
		Name:       "w",
		DSN:        sentinel.Secret(primary.DSN),
		StandbyDSN: []sentinel.Secret{sentinel.Secret(standby.DSN)},
		Now:        clock.now,
		Meter: &warehouse.Meter{Breaker: func(place string, state int) {
			mu.Lock()
			defer mu.Unlock()
			states[place] = append(states[place], state)
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if rows, place, err := ask(t, db); rows != "2" || place != "" || err != nil {
		t.Fatalf("well: %q at %q, %v", rows, place, err)
	}
	primary.Halt(true)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) { // its last backend may still answer
		rows, place, err := ask(t, db)
		if rows != "2" || err != nil || time.Now().After(deadline) {
			t.Fatalf("the primary is dead: %q at %q, %v", rows, place, err)
		}
		if place == "standby 1" {
			break
		}
	}
	catalog, err := db.Catalog(t.Context(), warehouse.Scope{})
	if err != nil || !catalog.Standby {
		t.Errorf("the catalog does not say that it is a standby's: %v", err)
	}
	if err := primary.Start(); err != nil {
		t.Fatal(err)
	}
	for probe := range 4 { // well again: not believed at once
		clock.skip(11 * time.Second)
		_, place, err := ask(t, db)
		if err != nil {
			t.Fatal(err)
		}
		if back := place == ""; back != (probe >= 3) {
			t.Errorf("%d s after the primary came back: at %q", 11*(probe+1), place)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if got := states["primary"]; len(got) < 2 || got[0] != 2 || got[len(got)-1] != 0 {
		t.Errorf("breaker %v", got)
	}
}

// TestADeadServerIsLeftAlone: with no other one, what is not asked says why, and
// the server is found again.
func TestADeadServerIsLeftAlone(t *testing.T) {
	t.Parallel()
	server, err := testenv.StartPostgres("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	testenv.Exec(t, "pgx", server.DSN, "CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)")
	clock := &ahead{}
	db, err := warehouse.Open(warehouse.Config{Name: "w", DSN: sentinel.Secret(server.DSN), Now: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if rows, _, err := ask(t, db); rows != "1" || err != nil {
		t.Fatal(rows, err)
	}
	server.Halt(true)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) { // its last backend may still answer
		if _, _, err := ask(t, db); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a dead server answers")
		}
	}
	for try := range 2 {
		if _, _, err := ask(t, db); warehouse.KindOf(err) != warehouse.Unreachable ||
			strings.Contains(err.Error(), "not asked again") {
			t.Fatalf("try %d: %v", try, err)
		}
	}
	if _, _, err := ask(t, db); err == nil ||
		!strings.Contains(err.Error(), "primary did not answer 3 times in a row and is not asked again before") {
		t.Errorf("%v", err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	clock.skip(10 * time.Second)
	if rows, _, err := ask(t, db); rows != "1" || err != nil {
		t.Errorf("after the pause: %q, %v", rows, err)
	}
}
