package sqlpool

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestAPanicIsTheErrorOfItsStatement: the other statements are answered.
func TestAPanicIsTheErrorOfItsStatement(t *testing.T) {
	t.Parallel()
	query := func(st warehouse.Statement, _ func()) (warehouse.Rows, error) {
		if st.SQL == "bug" {
			panic("a bug")
		}
		return warehouse.Rows{{{Text: st.SQL}}}, nil
	}
	statements := []warehouse.Statement{{SQL: "a"}, {SQL: "bug"}, {SQL: "b"}, {SQL: "bug"}}
	var mu sync.Mutex
	answered := 0
	Each(warehouse.NewQueue(nil, statements, 2), statements, query, func(i int, rows warehouse.Rows, err error) {
		mu.Lock()
		defer mu.Unlock()
		answered++
		if bug := errors.As(err, new(*panics.Error)); bug != (statements[i].SQL == "bug") || bug == (len(rows) == 1) {
			t.Errorf("%s: %v, %v", statements[i].SQL, rows, err)
		}
	})
	if answered != len(statements) {
		t.Errorf("%d answers to %d statements", answered, len(statements))
	}
}

// TestAllConnectionsAreUsed: as many statements are under way at once as there may be, and
// never more.
func TestAllConnectionsAreUsed(t *testing.T) {
	t.Parallel()
	const most = 3
	var calls, running, peak atomic.Int32
	all := make(chan struct{}) // closed when as many run as may
	query := func(warehouse.Statement, func()) (warehouse.Rows, error) {
		now := running.Add(1)
		defer running.Add(-1)
		for p := peak.Load(); now > p && !peak.CompareAndSwap(p, now); p = peak.Load() {
		}
		if calls.Add(1) == most {
			close(all)
		}
		select {
		case <-all:
		case <-t.Context().Done():
		}
		return nil, nil
	}
	statements := make([]warehouse.Statement, 4*most)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		Each(warehouse.NewQueue(nil, statements, most), statements, query, func(int, warehouse.Rows, error) {})
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatalf("only %d statements run at once", running.Load())
	}
	if peak := peak.Load(); peak != most {
		t.Errorf("%d statements at once, want %d", peak, most)
	}
}
