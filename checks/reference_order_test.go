package checks_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// events is what warehouses were asked and have answered, in order.
type events struct {
	mu   sync.Mutex
	list []string
}

func (e *events) add(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, what)
}

// noted notes the statements of a warehouse.
type noted struct {
	warehouse.NopObserver
	name   string
	events *events
}

// Trace implements warehouse.Observer.
func (n noted) Trace(context.Context, string) (done func(int, error)) {
	n.events.add(n.name + " asked")
	return func(int, error) { n.events.add(n.name + " answered") }
}

// The keys that are referred to are read after those that refer, or else a pair of rows that is
// inserted meanwhile looks like a row without a partner.
func TestReferenceReadsTheOtherWarehouseLast(t *testing.T) {
	t.Parallel()
	for _, name := range warehouse.Dialects() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := &events{}
			here := newBench(t, name, warehouse.Config{Observer: noted{name: "here", events: seen}})
			there := newBench(t, name, warehouse.Config{Observer: noted{name: "there", events: seen}})
			here.exec("CREATE TABLE source (n bigint)", "INSERT INTO source VALUES (1), (2)")
			there.exec("CREATE TABLE target (n bigint)", "INSERT INTO target VALUES (1)")
			here.env.Warehouse = func(name string) (*warehouse.DB, error) {
				return map[bool]*warehouse.DB{true: there.db, false: here.db}[name == "other"], nil
			}
			here.want("source", here.elsewhere(there, "n", "n"), sentinel.Fail, "1 of 2 rows")
			last := seen.list[max(0, len(seen.list)-4):]
			if !slices.Equal(last, []string{"here asked", "here answered", "there asked", "there answered"}) {
				t.Errorf("the last statements: %q", last)
			}
		})
	}
}

// Warehouses with one connection that refer to each other do not wait for each other.
func TestReferenceOfWarehousesToEachOther(t *testing.T) {
	t.Parallel()
	for _, name := range warehouse.Dialects() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sides [2]*bench
			for i := range sides {
				sides[i] = newBench(t, name, warehouse.Config{MaxConnections: 1, StatementTimeout: 60 * time.Second})
				sides[i].exec("CREATE TABLE target (n bigint)", "INSERT INTO target "+
					"WITH RECURSIVE k(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 900) "+
					"SELECT a.n * 1000 + b.n FROM k a, k b WHERE b.n < 26")
			}
			var running sync.WaitGroup
			for i, here := range sides {
				there := sides[1-i]
				here.env.Warehouse = func(name string) (*warehouse.DB, error) {
					return map[bool]*warehouse.DB{true: there.db, false: here.db}[name == "other"], nil
				}
				jobs := []checks.Job{here.job("target", here.elsewhere(there, "n", "n"))}
				running.Go(func() {
					for range 2 {
						r := checks.Run(t.Context(), here.env, "w", jobs)[0].Results[0]
						if r.Status != sentinel.Pass {
							t.Errorf("%s: %s %s", name, r.Status, r.Message)
						}
					}
				})
			}
			running.Wait()
		})
	}
}
