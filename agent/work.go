package agent

import (
	"iter"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel/checks"
)

// work is some of what is due at one tick: one job a dataset, with its checks, in the
// job's order, and the entries it comes from. Its memory is used again by merge.
type work struct {
	at      time.Time
	jobs    []checks.Job
	checks  [][]*Check
	entries [][]*entry

	plain []checks.Check // of all jobs, as
	full  []*Check
}

// merge makes entries the work; those of a dataset stand together.
func (w *work) merge(due []*entry) {
	n := 0
	for _, e := range due {
		n += len(e.checks)
	}
	w.jobs, w.checks, w.entries = slices.Grow(w.jobs[:0], len(due)), slices.Grow(w.checks[:0], len(due)), slices.Grow(w.entries[:0], len(due))
	w.plain, w.full = slices.Grow(w.plain[:0], n), slices.Grow(w.full[:0], n)
	for len(due) > 0 {
		d, of, from := due[0].dataset, 1, len(w.plain)
		for of < len(due) && due[of].dataset.Table == d.Table {
			of++
		}
		for _, e := range due[:of] {
			for k := range e.checks {
				w.plain, w.full = append(w.plain, e.checks[k].Check), append(w.full, &e.checks[k])
			}
		}
		w.jobs = append(w.jobs, checks.Job{Table: d.Table, TimeColumn: d.TimeColumn, Location: d.Location, Tick: w.at, Checks: w.plain[from:len(w.plain):len(w.plain)]})
		w.checks, w.entries = append(w.checks, w.full[from:len(w.full):len(w.full)]), append(w.entries, due[:of])
		due = due[of:]
	}
}

// jobsOf are the jobs of entries, each until the next one comes.
func (w *work) jobsOf(due []*entry) iter.Seq[checks.Job] {
	return func(yield func(checks.Job) bool) {
		for part := range parts(due, checks.JobsAtOnce) {
			w.merge(part)
			for _, j := range w.jobs {
				if !yield(j) {
					return
				}
			}
		}
	}
}

// parts cuts entries into parts of about so many, and none between those of a
// dataset.
func parts(due []*entry, size int) iter.Seq[[]*entry] {
	return func(yield func([]*entry) bool) {
		for len(due) > 0 {
			n := min(size, len(due))
			for n < len(due) && due[n].dataset.Table == due[n-1].dataset.Table {
				n++
			}
			if !yield(due[:n]) {
				return
			}
			due = due[n:]
		}
	}
}
