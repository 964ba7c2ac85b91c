package agent

import (
	"time"

	"github.com/sentinel-dq/sentinel/checks"
)

// work is what is due at one tick: one job a dataset. Its lists run parallel to jobs.
type work struct {
	jobs    []checks.Job
	checks  [][]*Check // the checks of each job, in the job's order
	entries [][]*entry // the entries that each job comes from
}

// newWork merges the entries of each dataset, which stand together, into one job.
func newWork(at time.Time, due []*entry) *work {
	w := &work{}
	for len(due) > 0 {
		d, n := due[0].dataset, 1
		for n < len(due) && due[n].dataset.Table == d.Table {
			n++
		}
		w.add(at, due[:n])
		due = due[n:]
	}
	return w
}

// add appends the job of one dataset's entries.
func (w *work) add(at time.Time, entries []*entry) {
	d := entries[0].dataset
	j := checks.Job{Table: d.Table, TimeColumn: d.TimeColumn, Location: d.Location, Tick: at}
	var full []*Check
	for _, e := range entries {
		for k := range e.checks {
			j.Checks = append(j.Checks, e.checks[k].Check)
			full = append(full, &e.checks[k])
		}
	}
	w.jobs = append(w.jobs, j)
	w.checks = append(w.checks, full)
	w.entries = append(w.entries, entries)
}
