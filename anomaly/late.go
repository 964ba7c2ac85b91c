package anomaly

import (
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// lateness learns for how long after its first look a closed bucket goes on to
// grow, where checks look more often than buckets close. Until then a bucket is
// not judged, and not learnt: half of its rows are no drop.
type lateness struct {
	usual  time.Duration // learnt: how long rows come late
	bucket sentinel.Point
	first  time.Time     // the tick of the first look at it
	grew   time.Duration // until when, after that, it has grown
	looks  int
	told   bool // it was judged
}

// grown is how much larger a count must be to have grown: one in a hundred.
const grown = 1.01

// look takes one look at a bucket. ready are the points that may be judged now:
// the bucket before, if it never was, and this one unless more rows usually come.
func (l *lateness) look(p sentinel.Point, tick time.Time) (ready []sentinel.Point) {
	if !p.Time.Equal(l.bucket.Time) {
		if l.looks > 0 && !l.told {
			ready = append(ready, l.bucket)
		}
		l.learn(tick.Sub(l.first))
		*l = lateness{usual: l.usual, first: tick}
	} else if p.Value > l.bucket.Value*grown {
		l.grew = tick.Sub(l.first)
	}
	l.bucket, l.looks = p, l.looks+1
	if l.waits(tick) > 0 {
		return ready
	}
	l.told = true
	return append(ready, p)
}

// learn moves to what the bucket before has shown: quickly up, slowly down. Each
// bucket is judged before the next has closed for long.
func (l *lateness) learn(gap time.Duration) {
	if l.looks < 2 {
		return
	}
	if l.grew > l.usual {
		l.usual += (l.grew - l.usual + 1) / 2
	} else {
		l.usual -= (l.usual - l.grew) / 20
	}
	l.usual = min(l.usual, gap/2)
}

// waits is for how long after tick the newest bucket is left alone.
func (l *lateness) waits(tick time.Time) time.Duration {
	if l.looks == 0 || l.told {
		return 0
	}
	return max(0, l.usual-tick.Sub(l.first))
}

// wait words it.
func wait(d time.Duration) string {
	return fmt.Sprintf("late rows usually come for another %s: not judged yet", max(d.Round(time.Minute), time.Minute))
}
