package store_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// ranOnce is one run that was recorded, or a tick that was skipped or had no checks.
type ranOnce struct {
	schedule string
	table    sentinel.Table
	check    string // "": the tick alone
	skipped  string
	at       time.Time
	status   sentinel.Status
	message  string
	took     time.Duration
}

// history is what was recorded, in its order. It is the oracle of what must be read.
type history []ranOnce

// ticks are the newest ticks of a dataset that the schedules ran or skipped.
func (h history) ticks(table sentinel.Table) (out []store.TickRecord) {
	for _, r := range h {
		t := store.TickRecord{Schedule: r.schedule, Table: r.table, Tick: r.at, Skipped: r.skipped}
		if r.table == table && r.schedule != "" && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b store.TickRecord) int {
		if c := b.Tick.Compare(a.Tick); c != 0 {
			return c
		}
		if a.Schedule < b.Schedule {
			return -1
		}
		return 1
	})
	return out
}

// runs are the runs of a check, newest first, the last recorded of each instant.
func (h history) runs(check string) (out []store.Run) {
	for _, r := range slices.Backward(h) {
		known := slices.ContainsFunc(out, func(o store.Run) bool { return o.Tick.Equal(r.at) })
		if r.check == check && check != "" && !known {
			out = append(out, store.Run{Check: check, Tick: r.at, Status: r.status, Duration: r.took, Message: r.message})
		}
	}
	slices.SortStableFunc(out, func(a, b store.Run) int { return b.Tick.Compare(a.Tick) })
	return out
}

// thinned is what must stay at an instant. A run stays if no later one of its hour, schedule,
// check and status is there. A tick without runs stays if no later one of its dataset is.
func (h history) thinned(now time.Time) (out history) {
	before := now.Add(-14 * day).Truncate(time.Hour)
	for _, r := range h {
		last := true
		for _, o := range h {
			same := o.schedule == r.schedule && o.table == r.table && (o.skipped == "") == (r.skipped == "") &&
				o.at.Truncate(time.Hour).Equal(r.at.Truncate(time.Hour)) && o.at.After(r.at)
			if same && (r.check == "" || o.check == r.check && o.status == r.status) {
				last = false
			}
		}
		if last || !r.at.Before(before) {
			out = append(out, r)
		}
	}
	return out
}

// lawTables and lawSchedules are few, so that much falls together.
var (
	lawTables    = []sentinel.Table{orders, customers, {Warehouse: "shop", Schema: "a", Name: "ö ? b"}}
	lawSchedules = []string{everyMinute, "*/5 * * * *", "@hourly"}
)

// randomBatch makes a batch of one instant, and adds to h what it brings.
func (h *history) randomBatch(random *rand.Rand, at time.Time, schedule string) (b store.Batch) {
	messages := []string{"", "fine", "1 234 567 rows, expected > 0", "two\nlines", `a "quoted" ü`}
	for n, table := range lawTables {
		if random.IntN(4) == 0 {
			continue
		}
		tick := store.TickRecord{Schedule: schedule, Table: table, Tick: at}
		if random.IntN(6) == 0 {
			tick.Skipped = "the one before was still running"
		}
		b.Ticks = append(b.Ticks, tick)
		checks := random.IntN(4)
		if tick.Skipped != "" || checks == 0 {
			*h = append(*h, ranOnce{schedule: schedule, table: table, skipped: tick.Skipped, at: at})
			continue
		}
		for c := range checks {
			r := ranOnce{
				schedule: schedule, table: table, check: fmt.Sprint("check ", n, " ", c), at: at,
				status: sentinel.Status(random.IntN(5) * random.IntN(2)), message: messages[random.IntN(len(messages))],
				took: time.Duration(random.IntN(1_000_000)) * time.Microsecond,
			}
			*h = append(*h, r)
			b.Results = append(b.Results, sentinel.Result{
				Check: r.check, Kind: "sql", Table: table, Tick: at, Status: r.status, Message: r.message, Duration: r.took,
			})
		}
	}
	return b
}

func (h history) compare(t *testing.T, s *store.Store) {
	t.Helper()
	for n, table := range lawTables {
		got, err := s.Ticks(t.Context(), table, 1<<20)
		if want := h.ticks(table); err != nil || len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("ticks of %s: %d, %v; want %d\n%v\n%v", table, len(got), err, len(want), got, want)
		}
		for c := range 4 {
			check := fmt.Sprint("check ", n, " ", c)
			got, err := s.Runs(t.Context(), check, time.Unix(0, 0), 1<<20)
			if want := h.runs(check); err != nil || len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
				t.Fatalf("runs of %s: %d, %v; want %d\n%v\n%v", check, len(got), err, len(want), got, want)
			}
		}
	}
}

// What is recorded is read, before and after it is thinned, and what is thinned twice is what
// is thinned once.
func TestTicksAreWhatWasRecorded(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(11, 12))
	begin := at(0).Truncate(24 * time.Hour)
	for round := range 2 {
		s := openNew(t)
		var h history
		for n := range 150 {
			// Minutes of a few hours and days, none twice.
			minute := begin.Add(time.Duration(n/25) * 5 * time.Hour).Add(time.Duration(n%25*5+random.IntN(5)) * time.Minute)
			for _, i := range random.Perm(len(lawSchedules))[:1+random.IntN(2)] {
				b := h.randomBatch(random, minute, lawSchedules[i])
				record(t, s, b)
				if random.IntN(5) == 0 && len(b.Ticks) > 0 {
					record(t, s, b) // it is dropped
				}
			}
		}
		h.compare(t, s)
		for _, late := range []time.Duration{6 * time.Hour, 6 * time.Hour, 20*time.Hour + 30*time.Minute, 3 * day} {
			now := begin.Add(14*day + late)
			p, err := s.Prune(t.Context(), now, 90*day)
			if err != nil {
				t.Fatal(err)
			}
			want := h.thinned(now)
			if gone := int64(len(h) - len(want)); p.ThinnedRuns != gone {
				t.Fatalf("round %d, %s: %d runs thinned, want %d", round, late, p.ThinnedRuns, gone)
			}
			h = want
			h.compare(t, s)
		}
		if err := s.Verify(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
