package demo

import (
	"context"
	"strings"

	"github.com/sentinel-dq/sentinel"
)

// incident is one thing that the demo does to the warehouse.
type incident struct {
	name  string
	check string // the check that must see it
	key   string // prefix of the finding's key
	cause change
	mend  change // nil: the agent repairs it
	// unhelpful is set if the source of the agent's repair would not help. Then mend is
	// used.
	unhelpful bool
}

// is reports whether a finding is the one that must be seen.
func (i incident) is(f sentinel.IncidentFinding) bool {
	return f.Check == i.check && strings.HasPrefix(f.Key, i.key) && !f.Monitor
}

// change changes the warehouse.
type change func(context.Context, *Warehouse) error

func execute(statements ...string) change {
	return func(ctx context.Context, w *Warehouse) error { return w.Exec(ctx, statements...) }
}

func pause(paused bool) change {
	return func(_ context.Context, w *Warehouse) error {
		w.Pause(paused)
		return nil
	}
}

// repairState is the end of the incident's repair; "" if a person mends it.
func (i incident) repairState() sentinel.RepairState {
	switch {
	case i.unhelpful:
		return sentinel.WouldNotHelp
	case i.mend == nil:
		return sentinel.RepairSucceeded
	}
	return ""
}

var incidents = []incident{
	{
		name:  "the loader is late",
		check: "shop.orders/freshness",
		cause: pause(true),
		mend:  pause(false),
	},
	{
		name:  "a partition is missing",
		check: "orders-by-day",
		key:   "missing_partition:",
		cause: execute(
			`INSERT OR IGNORE INTO orders_archive SELECT id, customer_id, amount, created_at FROM orders`,
			`DELETE FROM orders WHERE date(created_at) = date('now', '-2 days')`,
		),
	},
	{
		name:  "half the rows are gone",
		check: "sales-volume",
		key:   "change",
		cause: execute(
			`CREATE TABLE kept AS SELECT * FROM daily_sales WHERE id % 2 = 0`,
			`DELETE FROM daily_sales WHERE id % 2 = 0`,
		),
		mend: execute(`INSERT INTO daily_sales SELECT * FROM kept`, `DROP TABLE kept`),
	},
	{
		name:  "a column is empty",
		check: "shop.orders/missing:customer_id",
		cause: execute(`UPDATE orders SET customer_id = NULL WHERE id BETWEEN 6000 AND 6400`),
		mend:  execute(`UPDATE orders SET customer_id = id % 200 WHERE id BETWEEN 6000 AND 6400`),
	},
	{
		name:  "values have the wrong sign",
		check: "shop.orders/invalid:amount:range",
		cause: execute(`UPDATE orders SET amount = -amount WHERE id BETWEEN 5000 AND 5300`),
		mend:  execute(`UPDATE orders SET amount = -amount WHERE amount < 0`),
	},
	{
		name:  "rows are loaded twice",
		check: "shop.orders/duplicate:customer_id,created_at",
		cause: execute(
			`INSERT INTO orders (customer_id, amount, created_at)
			SELECT customer_id, amount, created_at FROM orders WHERE id BETWEEN 4000 AND 4200`,
		),
		mend: execute(
			`DELETE FROM orders WHERE id NOT IN (SELECT min(id) FROM orders GROUP BY customer_id, created_at)`,
		),
	},
	{
		name:  "a column is added",
		check: "shop.orders/schema",
		key:   "column_added",
		cause: execute(`ALTER TABLE orders ADD COLUMN coupon TEXT`),
		mend:  execute(`ALTER TABLE orders DROP COLUMN coupon`),
	},
	{
		name:  "a column is removed",
		check: "shop.customers/schema:like:shop.crm_customers",
		key:   "column_added:email",
		cause: execute(`ALTER TABLE customers DROP COLUMN email`),
	},
	{
		name:  "the source has a new column",
		check: "shop.customers/schema:like:shop.crm_customers",
		key:   "column_added:segment",
		cause: execute(`ALTER TABLE crm_customers ADD COLUMN segment varchar(20)`),
	},
	{
		name:      "a reload would not help",
		check:     "paid-invoices",
		cause:     execute(`UPDATE invoices SET amount = NULL WHERE day = date('now', '-1 day')`),
		mend:      execute(`UPDATE invoices SET amount = 10 WHERE day = date('now', '-1 day')`),
		unhelpful: true,
	},
}
