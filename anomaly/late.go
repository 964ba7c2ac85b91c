package anomaly

import (
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// lateness learns how long a closed bucket goes on to grow. It can do so where checks
// run more often than buckets close. Before that time has passed, a bucket is neither
// judged nor learnt, so that rows that are still to come do not look like a drop.
type lateness struct {
	usual  time.Duration  // how long rows usually arrive late
	bucket sentinel.Point // the newest bucket
	first  time.Time      // tick of the bucket's first count
	grew   time.Duration  // time from the first count to the last growth
	counts int            // number of times the bucket was counted
	judged bool           // the bucket was judged
}

// grown is the smallest factor by which a count must increase to have grown.
const grown = 1.01

// count takes in one count of a bucket. It returns the points that can be judged now:
// the bucket before if it was not judged yet, and this one unless late rows are usual.
func (l *lateness) count(p sentinel.Point, tick time.Time) (ready []sentinel.Point) {
	if !p.Time.Equal(l.bucket.Time) {
		if l.counts > 0 && !l.judged {
			ready = append(ready, l.bucket)
		}
		l.learn(tick.Sub(l.first))
		*l = lateness{usual: l.usual, first: tick}
	} else if p.Value > l.bucket.Value*grown {
		l.grew = tick.Sub(l.first)
	}
	l.bucket = p
	l.counts++
	if l.waits(tick) > 0 {
		return ready
	}
	l.judged = true
	return append(ready, p)
}

// learn adapts the usual lateness to that of the last bucket: quickly up, slowly down.
// It stays below half the gap between buckets.
func (l *lateness) learn(gap time.Duration) {
	if l.counts < 2 {
		return
	}
	if l.grew > l.usual {
		l.usual += (l.grew - l.usual + 1) / 2
	} else {
		l.usual -= (l.usual - l.grew) / 20
	}
	l.usual = min(l.usual, gap/2)
}

// waits returns how long after tick the newest bucket is still not judged.
func (l *lateness) waits(tick time.Time) time.Duration {
	if l.counts == 0 || l.judged {
		return 0
	}
	return max(0, l.usual-tick.Sub(l.first))
}

// waitMessage says that a bucket is not judged for another d.
func waitMessage(d time.Duration) string {
	return fmt.Sprintf("late rows usually come for another %s: not judged yet", max(d.Round(time.Minute), time.Minute))
}
