package store_test

import (
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// Two schedules of a dataset that fall on one instant, and results in another order
// than their ticks: each run is there once, and so is each last result.
func TestSchedulesThatMeet(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	result := func(check string, table sentinel.Table) sentinel.Result {
		return sentinel.Result{Check: check, Kind: "sql", Table: table, Tick: at(1), Message: "of " + check}
	}
	b := store.Batch{
		Ticks: []store.TickRecord{
			{
				Schedule: everyMinute,
				Table:    orders,
				Tick:     at(1),
			}, {Schedule: "@hourly", Table: orders, Tick: at(1)}, {Schedule: everyMinute, Table: customers, Tick: at(1)},
		},
		Results: []sentinel.Result{result("c", customers), result("a", orders), result("b", orders)},
	}
	record(t, s, b)
	if dropped := record(t, s, b); dropped != 3 {
		t.Errorf("%d results dropped the second time", dropped)
	}
	for _, check := range []string{"a", "b", "c"} {
		runs, err := s.Runs(t.Context(), check, time.Time{}, 9)
		if err != nil || len(runs) != 1 || runs[0].Message != "of "+check {
			t.Errorf("runs of %s: %+v, %v", check, runs, err)
		}
	}
	record(
		t,
		s,
		store.Batch{Ticks: []store.TickRecord{{Schedule: everyMinute, Table: customers, Tick: at(2)}}},
	) // without results
	if last, err := s.LastResults(t.Context(), store.Filter{}); err != nil || len(last) != 3 {
		t.Errorf("last results %+v, %v", last, err)
	}
	if ticks, err := s.Ticks(t.Context(), orders, 9); err != nil || len(ticks) != 2 {
		t.Errorf("ticks %+v, %v", ticks, err)
	}
}
