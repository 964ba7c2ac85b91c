package reload_test

import (
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// TestBatchesGrowAgain: after a wide row, batches grow back to batch_rows.
func TestBatchesGrowAgain(t *testing.T) {
	t.Parallel()
	b, from := repairtest.New(t, "sqlite"), repairtest.New(t, "sqlite")
	b.Exec("CREATE TABLE orders (id integer NOT NULL PRIMARY KEY, note text, at timestamp)",
		"INSERT INTO orders VALUES (1, 'old', '2026-03-11 01:00:00')")
	from.Exec("CREATE TABLE staging (id integer NOT NULL PRIMARY KEY, note text, at timestamp)",
		"INSERT INTO staging VALUES (1, hex(zeroblob(17000000)), '2026-03-11 01:00:00')",
		"INSERT INTO staging WITH RECURSIVE n AS (SELECT 2 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 20) "+
			"SELECT i, 'new', '2026-03-11 01:00:00' FROM n")
	a := &reload.Partition{From: []sentinel.Table{{Warehouse: "src", Schema: from.Schema, Name: "staging"}}, BatchRows: 8}
	run := b.NewRun(a, across(b, from))
	batches := 0
	run.Control = repairtest.Control{OnFailpoint: func(place string) {
		if place == "staging_batch" {
			batches++
		}
	}}
	b.Must(a.Stage(t.Context(), run), a.Apply(t.Context(), run))
	if batches != 6 { // of 1, 1, 2, 4, 8 and 4 rows
		t.Errorf("%d batches", batches)
	}
}
