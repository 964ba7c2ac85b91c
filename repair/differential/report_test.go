package differential_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// report counts what became of the repairs.
type report struct {
	mu      sync.Mutex
	ways    map[string]*tally
	reasons map[string]int
	types   map[string]int // applied repairs of tables with the type
	broken  atomic.Int64   // pairs of tables that broke the law
}

// tally counts repairs of one method between one pair.
type tally struct{ all, applied, killed, undone int }

func newReport() *report {
	return &report{ways: map[string]*tally{}, reasons: map[string]int{}, types: map[string]int{}}
}

// add counts an attempt that kept the law.
func (r *report) add(s *scene, a *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := way(sourceNames[s.seed%len(sourceNames)], s.target.Engine, a.Method)
	n := r.ways[name]
	if n == nil {
		n = &tally{}
		r.ways[name] = n
	}
	n.all++
	if a.err != nil {
		r.reasons[plainReason(a.err)]++
	} else {
		n.applied++
		for _, c := range s.target.columns {
			r.types[s.target.Engine+": "+c.sql]++
		}
		if a.undo {
			n.undone++
		}
	}
	if a.killed {
		n.killed++
	}
}

// rounds returns the number of repairs.
func (r *report) rounds() int {
	_, all := r.share()
	return all
}

// share returns how many repairs were applied, of how many.
func (r *report) share() (applied, all int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.ways {
		applied, all = applied+n.applied, all+n.all
	}
	return applied, all
}

// judge fails a run that proves little.
func (r *report) judge(t *testing.T) {
	t.Helper()
	applied, all := r.share()
	killed := 0
	for _, n := range r.ways {
		killed += n.killed
	}
	if all < 50 {
		return
	}
	if applied*2 < all {
		t.Errorf("only %d of %d repairs were applied: the rest proves little", applied, all)
	}
	if killed*12 < all {
		t.Errorf("only %d of %d repairs were killed on the way", killed, all)
	}
	if all >= usualRounds && all >= 400 {
		r.judgeWays(t)
	}
}

// judgeWays fails a run that leaves a way untested: each source and engine with each method,
// and swaps between servers, of which some must be applied.
func (r *report) judgeWays(t *testing.T) {
	t.Helper()
	for _, from := range sourceNames {
		for _, to := range sourceNames[:3] {
			applied := 0
			for _, method := range []string{"delete_insert", "merge", "swap"} {
				n := r.ways[way(from, to, method)]
				server := (from == "postgres" || from == "mysql") && to != "sqlite"
				switch {
				case n == nil && (method != "swap" || server):
					t.Errorf("no %s from %s to %s", method, from, to)
				case n != nil:
					applied += n.applied
				}
				if n != nil && method == "swap" && from == to && n.applied == 0 {
					t.Errorf("no swap from %s to %s was applied", from, to)
				}
			}
			if applied < 3 {
				t.Errorf("%d repairs from %s to %s were applied", applied, from, to)
			}
		}
	}
}

// way names the repairs of one method between one pair.
func way(from, to, method string) string { return fmt.Sprintf("%-9s to %-8s %s", from, to, method) }

// print logs the counts. last is the last seed.
func (r *report) print(t *testing.T, last int) {
	t.Helper()
	var out strings.Builder
	total := &tally{}
	fmt.Fprintf(&out, "%-32s %7s %7s %7s %7s %7s\n", "source, table, method", "rounds", "applied", "refused", "killed",
		"undone")
	line := func(name string, n *tally) {
		fmt.Fprintf(&out, "%-32s %7d %7d %7d %7d %7d\n", name, n.all, n.applied, n.all-n.applied, n.killed, n.undone)
	}
	for _, name := range slices.Sorted(maps.Keys(r.ways)) {
		n := r.ways[name]
		line(name, n)
		total = &tally{total.all + n.all, total.applied + n.applied, total.killed + n.killed, total.undone + n.undone}
	}
	line("all", total)
	reasons := slices.SortedFunc(maps.Keys(r.reasons), func(a, b string) int {
		return cmp.Compare(r.reasons[b], r.reasons[a])
	})
	for _, why := range reasons[:min(len(reasons), 40)] {
		fmt.Fprintf(&out, "%5d refused: %.160s\n", r.reasons[why], why)
	}
	var never []string
	for name, e := range engines {
		for _, c := range e.types {
			if r.types[name+": "+c.sql] == 0 {
				never = append(never, name+": "+c.sql)
			}
		}
	}
	slices.Sort(never)
	fmt.Fprintf(&out, "types of tables that were never repaired: %s\n", strings.Join(never, "; "))
	t.Logf("seeds %d to %d\n%s", *seed, last, out.String())
}
