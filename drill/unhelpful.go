package drill

import (
	"context"
	"fmt"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// makeDeliveries makes a table with a hundred rows for each of five days, and an archive
// that has ten of each hundred.
func (d *drilling) makeDeliveries(ctx context.Context) error {
	return d.warehouse.Exec(ctx,
		`CREATE TABLE deliveries (id INTEGER PRIMARY KEY, at TEXT)`,
		`CREATE TABLE deliveries_archive (id INTEGER PRIMARY KEY, at TEXT)`,
		`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 499)
			INSERT INTO deliveries SELECT i, datetime('now', 'start of day', '-' || (i / 100) || ' days', '+1 hours') FROM n`,
		`INSERT INTO deliveries_archive SELECT * FROM deliveries WHERE id % 10 = 0`)
}

// sourceUnhelpful loses a day whose source has a tenth of it. The check would still fail,
// so nothing is applied and a person is notified. Once the source is whole, the day is
// reloaded.
func (d *drilling) sourceUnhelpful(ctx context.Context) (o Outcome, err error) {
	const lost = "date(at) = date('now', '-1 days')"
	o.Name = "the source would not help"
	before := d.count(ctx, "deliveries", lost)
	if err := d.warehouse.Exec(ctx, `CREATE TABLE kept AS SELECT * FROM deliveries`,
		"DELETE FROM deliveries WHERE "+lost); err != nil {
		return o, err
	}
	if o.Detected, err = d.seen(ctx, "deliveries", 0); err != nil {
		return o, fmt.Errorf("not detected: %w", err)
	}
	if err := until(ctx, func() (bool, error) {
		found, err := d.memory.Repairs(ctx, store.RepairFilter{Check: "deliveries", State: sentinel.WouldNotHelp})
		return len(found) > 0, err
	}); err != nil {
		return o, fmt.Errorf("nobody says that the source would not help: %w", err)
	}
	o.Twice = d.count(ctx, "deliveries", lost) // rows that were applied and did not help
	if err := d.warehouse.Exec(ctx, `INSERT OR IGNORE INTO deliveries_archive SELECT * FROM kept`,
		`DROP TABLE kept`); err != nil {
		return o, err
	}
	if o.Repaired, err = d.gone(ctx, "deliveries"); err != nil {
		return o, fmt.Errorf("not repaired once the source is whole: %w", err)
	}
	done, err := d.memory.Repairs(ctx, store.RepairFilter{Check: "deliveries"})
	for _, r := range done {
		if r.State == sentinel.RolledBack {
			o.Twice++
		}
	}
	after := d.count(ctx, "deliveries", lost)
	o.Lost, o.Twice = max(0, before-after), o.Twice+max(0, after-before)
	o.Note = fmt.Sprintf("not applied; %d rows reloaded once it was whole", after)
	return o, err
}
