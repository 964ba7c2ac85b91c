package checks

import (
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Spent is what a statement of a warehouse with a budget took.
type Spent struct {
	Warehouse string        `json:"warehouse"` // where it was sent
	Checks    []string      `json:"checks"`    // ids of the checks of one table that it was for
	Took      time.Duration `json:"took"`      // until its answer, or until it took too long
}

// BucketCheck is a check that can look at a single closed period.
type BucketCheck interface {
	// LooksAt returns the unit of the period; "" if the check looks at all rows.
	LooksAt() Period
}

// LooksAt implements [BucketCheck].
func (b *Bucketed) LooksAt() Period { return b.Bucket }

// LooksAt implements [BucketCheck].
func (b *TimeBucket) LooksAt() Period { return b.Bucket }

// Rarest returns the longest stretch of time, up to most, of which a check may run at one tick
// alone. A check of buckets looks at each of them twice. A check of arrivals runs once an hour,
// and twice in the age that it allows.
func Rarest(c Check, most time.Duration) time.Duration {
	if b, ok := c.(BucketCheck); ok {
		switch b.LooksAt() {
		case schedule.Hour:
			most = min(most, 30*time.Minute)
		case schedule.Day:
			most = min(most, 12*time.Hour)
		}
	}
	if d, ok := c.(DeadlineCheck); ok {
		most = min(most, time.Hour)
		if age := d.Deadline().MaxAge; age > 0 {
			most = min(most, age/2)
		}
	}
	return most
}

// noteSent notes what statements took that were sent to a warehouse with a budget.
func (e *executor) noteSent(db *warehouse.DB, sql string, questions []question) {
	if db.Config.Budget == 0 || e.env.Substitute != nil {
		return
	}
	took, known := db.Config.Timings.Took(sql)
	if !known {
		return // the server was not reached
	}
	s := Spent{Warehouse: db.Config.Name, Took: took}
	for _, q := range questions {
		if id := q.from.target.Check; !slices.Contains(s.Checks, id) {
			s.Checks = append(s.Checks, id)
		}
	}
	if e.spent == nil {
		e.spent = map[sentinel.Table][]Spent{}
	}
	t := questions[0].from.target.Table
	e.spent[t] = append(e.spent[t], s)
}
