package dialecttest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// SideBySide checks that as many slow statements run at once as there may be connections, and
// no more of them when two runs share the warehouse. slow spells statement i. Its answer
// is when it began and when it ended, in seconds by the server's clock.
func SideBySide(t *testing.T, dsn string, slow func(i int) string) {
	t.Helper()
	const most, n = 4, 12
	db := OpenConfig(t, warehouse.Config{DSN: sentinel.NewSecret(dsn), MaxConnections: most})
	statements := make([]warehouse.Statement, n)
	for i := range statements {
		statements[i].SQL = slow(i)
	}
	for _, runs := range []int{1, 1, 2} {
		var mu sync.Mutex
		var spans []span
		var running sync.WaitGroup
		for range runs {
			running.Go(func() {
				db.Run(t.Context(), statements, func(i int, rows warehouse.Rows, err error) {
					s, readErr := readSpan(rows, err)
					mu.Lock()
					defer mu.Unlock()
					if spans = append(spans, s); readErr != nil {
						t.Errorf("statement %d: %v", i, readErr)
					}
				})
			})
		}
		running.Wait()
		if got := atOnce(spans); len(spans) != runs*n || got != most {
			t.Errorf("%d runs: %d answers, %d statements at once, want %d", runs, len(spans), got, most)
		}
	}
}

// span is when a statement began and ended, in seconds.
type span struct{ from, to float64 }

func readSpan(rows warehouse.Rows, err error) (s span, _ error) {
	if err != nil {
		return s, err
	}
	from, err := rows[0][0].Number()
	if err != nil {
		return s, err
	}
	to, err := rows[0][1].Number()
	return span{from.Float64(), to.Float64()}, err
}

// atOnce returns the largest number of spans that have a moment in common.
func atOnce(spans []span) (most int) {
	for _, s := range spans {
		n := 0
		for _, other := range spans {
			if other.from <= s.from && s.from < other.to {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// connections counts the connections that are opened.
type connections struct {
	warehouse.NopObserver
	mu     sync.Mutex
	opened int
}

// Connected implements warehouse.Observer.
func (c *connections) Connected() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened++
}

// FewConnections checks that quick statements open two connections at most, of those that
// there may be, and that each is answered once. The clock stands, so that no machine is too
// slow for the test.
func FewConnections(t *testing.T, dsn string) {
	t.Helper()
	var opened connections
	noon := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	db := OpenConfig(t, warehouse.Config{DSN: sentinel.NewSecret(dsn), MaxConnections: 16, Observer: &opened,
		Clock: sentinel.ClockFunc(func() time.Time { return noon })})
	statements := slices.Repeat([]warehouse.Statement{{SQL: "SELECT 1"}}, 250)
	for range 3 {
		var mu sync.Mutex
		answers := map[int]int{}
		db.Run(t.Context(), statements, func(i int, _ warehouse.Rows, err error) {
			mu.Lock()
			defer mu.Unlock()
			if answers[i]++; err != nil {
				t.Errorf("statement %d: %v", i, err)
			}
		})
		if len(answers) != len(statements) {
			t.Errorf("%d answers to %d statements", len(answers), len(statements))
		}
	}
	if opened.opened > 2 {
		t.Errorf("%d connections were opened", opened.opened)
	}
}
