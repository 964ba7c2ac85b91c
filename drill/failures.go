package drill

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// repair breaks something that a policy repairs, and waits for the end of the repair.
func (d *drilling) repair(
	ctx context.Context, name, check string, stage func(context.Context) error,
) (o Outcome, err error) {
	o.Name = name
	had, err := d.quiet(ctx, check)
	if err != nil {
		return o, err
	}
	before, err := d.memory.Repairs(ctx, store.RepairFilter{Check: check, State: sentinel.RepairSucceeded})
	if err != nil {
		return o, err
	}
	if err := stage(ctx); err != nil {
		return o, err
	}
	if o.Detected, err = d.seen(ctx, check, had); err != nil {
		return o, fmt.Errorf("not detected: %w", err)
	}
	if o.Repaired, err = d.gone(ctx, check); err != nil {
		return o, fmt.Errorf("not repaired: %w", err)
	}
	done, err := d.memory.Repairs(ctx, store.RepairFilter{Check: check, State: sentinel.RepairSucceeded})
	o.Twice = max(0, len(done)-len(before)-1)
	return o, err
}

// quiet waits until a check has no open incident and no repair is under way, and returns how
// many incidents it has had: a loader that was slow for some seconds makes one of its own.
func (d *drilling) quiet(ctx context.Context, check string) (had int, err error) {
	err = until(ctx, func() (bool, error) {
		open, all, err := d.alarms(ctx, check)
		if err != nil || open > 0 {
			return false, err
		}
		had = all
		active, err := d.memory.Repairs(ctx, store.RepairFilter{Active: true, Limit: 1})
		return len(active) == 0, err
	})
	if err != nil {
		err = fmt.Errorf("not well before: %w", err)
	}
	return had, err
}

// executes is a stage that sends statements to the warehouse.
func (d *drilling) executes(statements ...string) func(context.Context) error {
	return func(ctx context.Context) error { return d.warehouse.Exec(ctx, statements...) }
}

func (d *drilling) loaderStops(ctx context.Context) (Outcome, error) {
	o, err := d.repair(ctx, "the loader stops", "fresh", func(context.Context) error {
		d.warehouse.Pause(true)
		return nil
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.starts {
		o.Twice += n - 1
	}
	o.Note = "started again by a webhook"
	return o, err
}

func (d *drilling) partitionLost(ctx context.Context) (Outcome, error) {
	const lost = "date(created_at) = date('now', '-2 days')"
	before := d.count(ctx, "orders", lost)
	o, err := d.repair(ctx, "a partition is lost", "by-day", d.executes("DELETE FROM orders WHERE "+lost))
	after := d.count(ctx, "orders", lost)
	o.Lost, o.Note = max(0, before-after), fmt.Sprintf("%d rows reloaded", after)
	o.Twice += max(0, after-before)
	return o, err
}

func (d *drilling) sourceGrows(ctx context.Context) (Outcome, error) {
	const change = `ALTER TABLE crm_customers ADD COLUMN segment varchar(20)`
	o, err := d.repair(ctx, "the source has a new column", "follows", d.executes(change))
	o.Note = "the table follows"
	return o, err
}

// receiverDead stages an incident while the receiver of notices is down.
func (d *drilling) receiverDead(ctx context.Context) (o Outcome, err error) {
	o.Name = "the receiver of notices is dead"
	d.setDead(true)
	if err := d.warehouse.Exec(ctx, `CREATE TABLE kept AS SELECT * FROM invoices`, `DELETE FROM invoices`); err != nil {
		return o, err
	}
	if o.Detected, err = d.seen(ctx, "invoices", 0); err != nil {
		return o, fmt.Errorf("not detected: %w", err)
	}
	if err := d.warehouse.Exec(ctx, `INSERT INTO invoices SELECT * FROM kept`, `DROP TABLE kept`); err != nil {
		return o, err
	}
	if _, err := d.gone(ctx, "invoices"); err != nil {
		return o, err
	}
	d.setDead(false)
	begin := d.clock.Now()
	found, err := d.memory.Incidents(ctx, store.IncidentFilter{Check: "invoices", Resolved: true})
	if err != nil || len(found) == 0 {
		return o, fmt.Errorf("no incident: %w", err)
	}
	id := found[0].ID
	err = until(ctx, func() (bool, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.arrived[id+"/opened"] > 0 && d.arrived[id+"/recovered"] > 0, nil
	})
	o.Repaired = d.clock.Now().Sub(begin)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, what := range []string{"/opened", "/recovered"} {
		if d.arrived[id+what] == 0 {
			o.Lost++
		}
		o.Twice += max(0, d.arrived[id+what]-1)
	}
	o.Note = "sent once it answered again, in order"
	return o, err
}

func (d *drilling) setDead(dead bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = dead
}

// databaseAway locks the file of a warehouse and moves it away. The checks cannot read
// it, which says nothing about the data.
func (d *drilling) databaseAway(ctx context.Context) (o Outcome, err error) {
	o.Name = "the database is away"
	begin := d.clock.Now()
	path := filepath.Join(d.dir, "till.db")
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return o, err
	}
	defer conn.Close()
	if err := until(ctx, func() (bool, error) { // the agent may be reading just now
		_, err := conn.ExecContext(ctx, "BEGIN EXCLUSIVE")
		return err == nil, ctx.Err()
	}); err != nil {
		return o, err
	}
	if err := os.Rename(path, path+".away"); err != nil {
		return o, err
	}
	if o.Detected, err = d.says(ctx, "sales", isError); err != nil {
		return o, fmt.Errorf("not detected: %w", err)
	}
	if _, err := d.says(ctx, "sales", leftAlone); err != nil {
		return o, err
	}
	if err := os.Rename(path+".away", path); err != nil {
		return o, err
	}
	if _, err := conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		return o, err
	}
	if o.Repaired, err = d.says(ctx, "sales", passes); err != nil {
		return o, fmt.Errorf("not well again: %w", err)
	}
	o.Note = "in error, and left alone for a while"
	return o, d.account(ctx, &o, begin, "sales", sentinel.Table{Warehouse: "till", Schema: "main", Name: "sales"})
}

func isError(r sentinel.Result) bool { return r.Status == sentinel.Error }

// leftAlone: the breaker has opened, and says so.
func leftAlone(r sentinel.Result) bool {
	return r.Status == sentinel.Error && strings.Contains(r.Message, "is not asked again before")
}

func (d *drilling) till(ctx context.Context, statements ...string) error {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(d.dir, "till.db"))
	for _, s := range statements {
		if err == nil {
			_, err = db.ExecContext(ctx, s)
		}
	}
	return errors.Join(err, db.Close())
}

// agentKilled kills the agent with SIGKILL and starts another. Every tick must be
// recorded once or counted as missed.
func (d *drilling) agentKilled(ctx context.Context) (o Outcome, err error) {
	o.Name, o.Detected = "the agent is killed", -1
	if err := d.cmd.Process.Kill(); err != nil {
		return o, err
	}
	if err := d.cmd.Wait(); err == nil {
		return o, errors.New("the agent ended by itself")
	}
	begin := d.clock.Now()
	if err := d.start(); err != nil {
		return o, err
	}
	orders := sentinel.Table{Warehouse: "shop", Schema: "main", Name: "orders"}
	var ticks []store.TickRecord
	err = until(ctx, func() (bool, error) {
		ticks, err = d.memory.Ticks(ctx, orders, 100_000)
		return err == nil && len(ticks) > 0 && ticks[0].Tick.After(begin), err
	})
	o.Repaired = d.clock.Now().Sub(begin)
	counted := map[time.Time]int{}
	for _, t := range ticks {
		counted[t.Tick]++
	}
	for _, n := range counted {
		o.Twice += n - 1
	}
	o.Note = fmt.Sprintf("%d ticks recorded", len(counted))
	return o, err
}

func (d *drilling) count(ctx context.Context, table, where string) (n int) {
	if err := d.warehouse.DB.QueryRowContext(ctx, "SELECT count(*) FROM "+table+" WHERE "+where).Scan(&n); err != nil {
		return -1
	}
	return n
}
