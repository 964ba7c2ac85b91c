package agent

import (
	"slices"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
)

// newTestLoop is a loop without a warehouse, and datasets for it: one check for each
// schedule.
func newTestLoop(t *testing.T, now time.Time) (*loop, func(name string, crons ...string) Dataset) {
	t.Helper()
	l := newLoop(newAgent(nil, func() time.Time { return now }), "w", Plan{CatchUp: "one"})
	return l, func(name string, crons ...string) Dataset {
		d := Dataset{Table: sentinel.Table{Warehouse: "w", Schema: "main", Name: name}}
		for _, cron := range crons {
			s, err := schedule.Parse(cron, time.UTC)
			if err != nil {
				t.Fatal(err)
			}
			c := &checks.RowCount{}
			c.ID = name + " " + cron
			d.Checks = append(d.Checks, Check{Check: c, Schedule: s})
		}
		return d
	}
}

// jobsDue are the checks of each job that is due, by tick.
func jobsDue(l *loop, now time.Time) (jobs map[time.Time][][]string, due map[time.Time][]*entry) {
	jobs, due = map[time.Time][][]string{}, l.due(now, map[store.TickKey]time.Time{})
	for tick, entries := range due {
		w := newBatch(tick, entries)
		for i, j := range w.jobs {
			var ids []string
			for k, c := range j.Checks {
				if w.checks[i][k].Common() != c.Common() {
					ids = append(ids, "not the job's")
				}
				ids = append(ids, c.Common().ID)
			}
			jobs[tick] = append(jobs[tick], ids)
		}
	}
	return jobs, due
}

// TestTicksRunInOrderOfTables: parts of a tick are ranges of table names that do not
// overlap, in whatever order the datasets are configured. The state relies on it to read
// little: BenchmarkRecordParts in package store.
func TestTicksRunInOrderOfTables(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	l, dataset := newTestLoop(t, now)
	l.set([]Dataset{dataset("c", "*/5 * * * *"), dataset("a", "*/5 * * * *", "0 * * * *"), dataset("b", "*/5 * * * *")})
	for tick, entries := range l.due(now, map[store.TickKey]time.Time{}) {
		var names []string
		for _, j := range newBatch(tick, entries).jobs {
			names = append(names, j.Table.Name)
		}
		if !slices.IsSorted(names) || len(names) < 3 {
			t.Errorf("at %v tables run in the order %q", tick, names)
		}
	}
}

// TestADatasetIsInOneBatch: what is due of it at one tick is one job, and another
// schedule of it waits until that is done.
func TestADatasetIsInOneBatch(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	l, dataset := newTestLoop(t, now)
	l.set([]Dataset{dataset("a", "*/5 * * * *", "0 * * * *", "*/10 * * * *"), dataset("b", "*/5 * * * *",
		"30 9 * * *")})
	if due := l.due(now, nil); len(due) != 0 {
		t.Errorf("due before the last ticks are known: %v", due)
	}
	jobs, due := jobsDue(l, now)
	want := [][]string{{"a */5 * * * *", "a 0 * * * *", "a */10 * * * *"}, {"b */5 * * * *"}}
	if len(jobs) != 1 || !slices.EqualFunc(jobs[now], want, slices.Equal) {
		t.Fatalf("due: %v, want %v", jobs, want)
	}
	if again, _ := jobsDue(l, now); len(again) != 0 {
		t.Errorf("due while they run: %v", again)
	}
	l.release(due[now])
	before := now.Add(-30 * time.Minute)
	if jobs, _ = jobsDue(l, now); len(jobs) != 1 || !slices.EqualFunc(jobs[before], [][]string{{"b 30 9 * * *"}},
		slices.Equal) {
		t.Errorf("due after it: %v", jobs)
	}
}

// TestABatchOutlivesItsDatasets: ones that go and come back while they run.
func TestABatchOutlivesItsDatasets(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	l, dataset := newTestLoop(t, now)
	l.set([]Dataset{dataset("a", "*/5 * * * *"), dataset("b", "*/5 * * * *")})
	jobs, due := jobsDue(l, now)
	if len(jobs[now]) != 2 {
		t.Fatal(jobs)
	}
	l.set([]Dataset{dataset("b", "*/5 * * * *"), dataset("a", "0 * * * *")})
	if jobs, _ := jobsDue(l, now); len(jobs) != 0 {
		t.Errorf("due while a schedule of before runs: %v", jobs)
	}
	l.set([]Dataset{dataset("b", "*/5 * * * *")})
	l.set([]Dataset{dataset("b", "*/5 * * * *"), dataset("a", "0 * * * *", "*/5 * * * *")})
	if jobs, _ := jobsDue(l, now); len(jobs) != 0 {
		t.Errorf("due while a runs: %v", jobs)
	}
	l.release(due[now])
	if jobs, _ := jobsDue(l, now); len(jobs) != 1 || !slices.EqualFunc(jobs[now], [][]string{{"a 0 * * * *"}},
		slices.Equal) {
		t.Errorf("due after it: %v", jobs)
	}
}

// TestNextRunOfASlowCheck: a running check is due when it was, two hours later once it has
// run for long, and at its next tick that is not skipped once it has results. A tick that is
// skipped moves it on only then: a check that never ends stays overdue.
func TestNextRunOfASlowCheck(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	at := func(h, m int) time.Time { return time.Date(2026, 11, 20, h, m, 0, 0, time.UTC) }
	l := newLoop(newAgent(nil, func() time.Time { return now }), "w", Plan{CatchUp: "one"})
	_, dataset := newTestLoop(t, now)
	l.set([]Dataset{dataset("a", "0 * * * *")})
	due := func() map[time.Time][]*entry { return l.due(now, map[store.TickKey]time.Time{}) }
	running := due()[at(10, 0)]
	if len(running) != 1 {
		t.Fatal("nothing is due")
	}
	e := running[0]
	step := func(when, want time.Time, do func()) {
		t.Helper()
		now = when
		if do(); !e.due.Equal(want) {
			t.Errorf("at %s it is due at %s, want %s", when.Format("15:04"), e.due, want)
		}
	}
	step(at(10, 10), at(12, 10), func() { l.runsLong(running) })
	step(at(11, 0), at(12, 10), func() { due() }) // skipped
	step(at(12, 0), at(12, 10), func() { due() }) // skipped
	step(at(12, 5), at(13, 0), func() { l.answered(at(10, 0), [][]*entry{running}) })
	step(at(12, 6), at(13, 0), func() { l.runsLong(running) }) // it came too late
	step(at(13, 0), at(14, 0), func() { due() })               // skipped: it still records
	l.release(running)
	step(at(13, 5), at(14, 0), func() { due() })
}
