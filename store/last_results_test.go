package store_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// TestLastResultsInParts reads the results of 600 datasets, some of which have two schedules
// and 30 checks, in parts: every one comes once, and no dataset is divided.
func TestLastResultsInParts(t *testing.T) {
	t.Parallel()
	s := openNew(t)
	want := map[string]bool{}
	var b store.Batch
	for i := range 600 {
		table := sentinel.Table{Warehouse: "w", Schema: fmt.Sprintf("s%d", i%7), Name: fmt.Sprintf("Table %d", i)}
		b.Ticks = append(b.Ticks, store.TickRecord{Schedule: fmt.Sprintf("every-%d", i%2), Table: table, Tick: at(0)})
		for k := range 1 + 30*(i%50/49) {
			r := sentinel.Result{Check: fmt.Sprintf("%d/%d", i, k), Kind: "row_count", Table: table, Tick: at(0)}
			b.Results, want[r.Check] = append(b.Results, r), true
		}
	}
	record(t, s, b)
	by := sentinel.Result{Check: "7/once", Kind: "row_count", Table: b.Results[7].Table, Tick: at(1)}
	record(t, s, store.Batch{Results: []sentinel.Result{by}})
	want[by.Check] = true

	all, err := s.LastResults(t.Context(), store.Filter{})
	if err != nil || len(all) != len(want) {
		t.Fatalf("%d results, %v, want %d", len(all), err, len(want))
	}
	seen, datasets := map[string]bool{}, map[sentinel.Table]bool{}
	for after, parts := (sentinel.Table{}), 0; ; parts++ {
		part, err := s.LastResultsAfter(t.Context(), store.Filter{}, after, 100)
		if err != nil || len(part) > 130 || parts > 20 {
			t.Fatalf("a part of %d, %v, after %d", len(part), err, parts)
		}
		if len(part) == 0 {
			break
		}
		of := map[sentinel.Table]bool{}
		for _, r := range part {
			if seen[r.Check] || datasets[r.Table] {
				t.Errorf("%s comes twice, or its dataset is divided", r.Check)
			}
			seen[r.Check], of[r.Table] = true, true
			after = r.Table
		}
		for table := range of {
			datasets[table] = true
		}
	}
	if len(seen) != len(want) {
		t.Errorf("%d of %d results came", len(seen), len(want))
	}

	narrow := store.Filter{Dataset: "w.*.*599", Check: "599/4"}
	part, err := s.LastResultsAfter(t.Context(), narrow, sentinel.Table{}, 100)
	if err != nil || len(part) != 1 || part[0].Check != "599/4" {
		t.Errorf("narrowed: %v, %v", part, err)
	}
	if !slices.IsSortedFunc(all, func(a, b sentinel.Result) int { return a.Table.Compare(b.Table) }) {
		t.Error("the whole is not sorted")
	}
}
