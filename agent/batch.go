package agent

import (
	"time"

	"github.com/sentinel-dq/sentinel/checks"
)

// batch holds the due checks of a warehouse at one tick. The slices have one element
// for each dataset, in the same order.
type batch struct {
	jobs    []checks.Job
	checks  [][]*Check // the checks of a job, in its order
	entries [][]*entry // the entries whose checks a job runs
}

// newBatch makes a batch of due entries. The entries of a dataset must be adjacent.
func newBatch(at time.Time, due []*entry) *batch {
	b := &batch{
		jobs:    make([]checks.Job, 0, len(due)),
		checks:  make([][]*Check, 0, len(due)),
		entries: make([][]*entry, 0, len(due)),
	}
	for len(due) > 0 {
		d := due[0].dataset
		n, size := 0, 0
		for ; n < len(due) && due[n].dataset.Table == d.Table; n++ {
			size += len(due[n].checks)
		}
		job := checks.Job{
			Table: d.Table, TimeColumn: d.TimeColumn, Time: d.Time, Location: d.Location, Tick: at,
			Created: d.Created, Checks: make([]checks.Check, 0, size),
		}
		full := make([]*Check, 0, size)
		for _, e := range due[:n] {
			for k := range e.checks {
				job.Checks = append(job.Checks, e.checks[k].Check)
				full = append(full, &e.checks[k])
			}
		}
		b.jobs = append(b.jobs, job)
		b.checks = append(b.checks, full)
		b.entries = append(b.entries, due[:n])
		due = due[n:]
	}
	return b
}

// slice returns n jobs of the batch, starting at index from.
func (b *batch) slice(from, n int) *batch {
	return &batch{
		jobs:    b.jobs[from : from+n],
		checks:  b.checks[from : from+n],
		entries: b.entries[from : from+n],
	}
}
