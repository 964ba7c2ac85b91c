// Package differential_test holds repairs to one law: afterwards the window of a table holds
// exactly the values of its source and all else is as it was, or the table is what it was and
// the refusal says why. A generator draws tables of all engines and files with the nastiest
// values of their types, damages the table, and repairs it with a drawn method. Some repairs
// are killed on the way and continued by another agent. The tables are read by the plain
// drivers and compared by rules of this package: none of the code that is judged is used.
//
//	go test ./repair/differential                         # 500 rounds, or 100 with -race
//	go test ./repair/differential -rounds 20000 -v        # more, with what became of them
//	go test ./repair/differential -seed 17 -rounds 1 -v   # one pair of tables again
package differential_test

import (
	"flag"
	"sync"
	"testing"

	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

var (
	rounds = flag.Int("rounds", usualRounds, "repairs that are drawn")
	seed   = flag.Int("seed", 1, "seed of the first pair of tables; each pair has the next one")
	lanes  = flag.Int("lanes", 3, "repairs at the same time, each in databases of its own")
	kills  = flag.Int("kills", 40, "of how many repairs one has its process killed")
)

// enough is the number of pairs of tables that break the law after which a run ends.
const enough = 20

// perScene is the most repairs of one pair of tables.
const perScene = 4

func TestMain(m *testing.M) { repairtest.Main(m, nil) }

// TestRepairsKeepValues draws rounds between all pairs of engines, and from files.
func TestRepairsKeepValues(t *testing.T) {
	t.Parallel()
	report := newReport()
	seeds := make(chan int)
	var running sync.WaitGroup
	for range *lanes {
		w := newWorld(t)
		running.Go(func() {
			for s := range seeds {
				playScene(t, w, s, report)
			}
		})
	}
	s, noted := *seed, 0
	for report.rounds() < *rounds && report.broken.Load() < enough {
		seeds <- s
		s++
		if applied, all := report.share(); all >= noted+200 {
			noted = all
			t.Logf("%d repairs, %d of them applied, up to seed %d", all, applied, s)
		}
	}
	close(seeds)
	running.Wait()
	report.print(t, s-1)
	report.judge(t)
}
