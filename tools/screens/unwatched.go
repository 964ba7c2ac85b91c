package main

import (
	"context"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/web/page"
)

// sampleUnwatched are tables of the sample that nobody watches.
type sampleUnwatched struct{}

func (sampleUnwatched) Known() ([]page.UnwatchedWarehouse, bool) {
	w := page.UnwatchedWarehouse{Name: "shop", Read: now.Add(-2 * time.Hour), Relations: 31, Excluded: 4}
	add := func(schema, name, kind string, rows int64, read bool, checks string) {
		t := sentinel.Table{Warehouse: "shop", Schema: schema, Name: name}
		one := page.UnwatchedTable{
			Table: t, Kind: kind, Rows: rows, Bytes: -1,
			Proposal: "  - table: '" + t.String() + "'\n" + checks,
		}
		if read {
			one.RowsRead = now.Add(-time.Hour)
		}
		w.Tables = append(w.Tables, one)
		w.Count++
	}
	const few = "    checks:\n      - schema\n      - row_count > 0\n"
	add("mart", "customer_scores", "table", 41_210, false, few)
	add("mart", "weekly_margin", "materialized_view", 1_204, false, few)
	add("public", "refunds", "table", 88_420, true, "    time_column: 'created_at'\n"+few+
		"      - freshness: {warn: 3h, fail: 5h}   # rows come every 2h; would have warned 0 times in 6 weeks\n"+
		"      - row_count: {bucket: day, delay: 1h, anomaly: {}}   # about 310 a day; would have raised 1 alarm in 6 weeks\n"+
		"      - missing_count(order_id) = 0   # holds for the 88420 rows that were read\n")
	add("public", "vouchers", "table", 5_003, false, few)
	add("public", "v_refunds_open", "view", -1, false, "    checks:\n      - schema\n")
	return []page.UnwatchedWarehouse{w}, true
}

func (sampleUnwatched) Look(context.Context, string) error { return nil }

func (sampleUnwatched) Propose(context.Context, sentinel.Table, string) error { return nil }
