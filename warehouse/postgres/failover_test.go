package postgres

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
	"github.com/sentinel-dq/sentinel/warehouse/dialecttest"
)

// shiftedClock is the wall clock, put forward by a test.
type shiftedClock struct{ by atomic.Int64 }

func (c *shiftedClock) now() time.Time          { return time.Now().Add(time.Duration(c.by.Load())) }
func (c *shiftedClock) advance(d time.Duration) { c.by.Add(int64(d)) }

// breakerStates records the states of circuit breakers by server.
type breakerStates struct {
	warehouse.NopObserver
	mu     sync.Mutex
	states map[string][]int
}

// Breaker implements warehouse.Observer.
func (b *breakerStates) Breaker(server string, state int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.states[server] = append(b.states[server], state)
}

// countRows counts the rows of the table t, and returns which server answered.
func countRows(t *testing.T, db *warehouse.DB) (rows, server string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	statements := []warehouse.Statement{{SQL: "SELECT count(*) FROM t"}, {SQL: "SELECT broken"}}
	db.Run(ctx, statements, func(i int, r warehouse.Rows, failed error) {
		switch {
		case i == 0 && failed == nil:
			rows = r[0][0].Text
		case i == 0:
			err = failed
		case warehouse.KindOf(failed) == warehouse.Unreachable && err == nil:
			err = failed
		}
	})
	return rows, db.Server(), err
}

// TestC02FailoverToTheStandbyAndBack runs on a real primary with a streaming standby.
func TestC02FailoverToTheStandbyAndBack(t *testing.T) {
	t.Parallel()
	primary := testenv.NewPostgres(t)
	testenv.ExecOn(t, primary, "CREATE TABLE t (id int)", "INSERT INTO t VALUES (1), (2)")
	standby := testenv.NewStandby(t, primary)
	clock := &shiftedClock{}
	breakers := &breakerStates{states: map[string][]int{}}
	db := dialecttest.OpenConfig(t, warehouse.Config{
		DSN:        sentinel.NewSecret(primary.DSN),
		StandbyDSN: []sentinel.Secret{sentinel.NewSecret(standby.DSN)},
		Clock:      sentinel.ClockFunc(clock.now),
		Observer:   breakers,
	})
	if rows, server, err := countRows(t, db); rows != "2" || server != "" || err != nil {
		t.Fatalf("both run: %q at %q, %v", rows, server, err)
	}
	primary.Halt(true)
	// The last backend of the primary may still answer.
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		rows, server, err := countRows(t, db)
		if rows != "2" || err != nil || time.Now().After(deadline) {
			t.Fatalf("the primary is dead: %q at %q, %v", rows, server, err)
		}
		if server == "standby 1" {
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
	for probe := range 4 {
		clock.advance(11 * time.Second)
		_, server, err := countRows(t, db)
		if err != nil {
			t.Fatal(err)
		}
		if back := server == ""; back != (probe >= 3) {
			t.Errorf("%d s after the primary came back: at %q", 11*(probe+1), server)
		}
	}
	breakers.mu.Lock()
	defer breakers.mu.Unlock()
	if got := breakers.states["primary"]; len(got) < 2 || got[0] != 2 || got[len(got)-1] != 0 {
		t.Errorf("breaker %v", got)
	}
}

// TestBreakerOfTheOnlyServer checks that a dead server is not asked for a while, that the
// error says so, and that the server is used again after the pause.
func TestBreakerOfTheOnlyServer(t *testing.T) {
	t.Parallel()
	server := testenv.NewPostgres(t)
	testenv.ExecOn(t, server, "CREATE TABLE t (id int)", "INSERT INTO t VALUES (1)")
	clock := &shiftedClock{}
	db := dialecttest.OpenConfig(t, warehouse.Config{DSN: sentinel.NewSecret(server.DSN), Clock: sentinel.ClockFunc(clock.now)})
	if rows, _, err := countRows(t, db); rows != "1" || err != nil {
		t.Fatal(rows, err)
	}
	server.Halt(true)
	// The last backend of the server may still answer.
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, _, err := countRows(t, db); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a dead server answers")
		}
	}
	for try := range 2 {
		_, _, err := countRows(t, db)
		if warehouse.KindOf(err) != warehouse.Unreachable || strings.Contains(err.Error(), "not asked again") {
			t.Fatalf("try %d: %v", try, err)
		}
	}
	const want = "primary did not answer 3 times in a row and is not asked again before"
	if _, _, err := countRows(t, db); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v", err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	clock.advance(10 * time.Second)
	if rows, _, err := countRows(t, db); rows != "1" || err != nil {
		t.Errorf("after the pause: %q, %v", rows, err)
	}
}
