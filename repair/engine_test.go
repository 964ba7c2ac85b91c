package repair_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

var engines = []string{"postgres", "mysql", "sqlite"}

var (
	day0  = time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	clock = time.Now
)

// bench is one warehouse of one engine with a table `orders` and its source
// `staging`, a store, and an engine of repairs.
type bench struct {
	t      *testing.T
	engine string
	driver string
	dsn    string // for testenv.Exec and database/sql
	schema string
	state  string
	read   *warehouse.DB
	write  *repair.Writer
	store  *store.Store
	repair *repair.Engine
	bad    func(ctx context.Context) (bool, error) // whether the check still fails
}

func newBench(t *testing.T, engine string) *bench {
	t.Helper()
	switch engine {
	case "postgres":
		return newBenchAt(t, engine, testenv.Postgres(t))
	case "mysql":
		return newBenchAt(t, engine, testenv.MySQL(t))
	}
	return newBenchAt(t, engine, "")
}

// newBenchAlone has a server of its own: for tests that change its accounts
// while others would read its catalogs.
func newBenchAlone(t *testing.T, engine string) *bench {
	t.Helper()
	if engine != "mysql" {
		return newBench(t, engine)
	}
	s, err := testenv.StartMySQL()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	name := fmt.Sprintf("alone_%x", rand.Uint32())
	testenv.Exec(t, "mysql", s.DSN, "CREATE DATABASE "+name)
	return newBenchAt(t, engine, s.DSN+name)
}

func newBenchAt(t *testing.T, engine, dsn string) *bench {
	t.Helper()
	b := &bench{t: t, engine: engine, state: filepath.Join(t.TempDir(), "state.db")}
	switch engine {
	case "postgres":
		b.driver, b.dsn, b.schema = "pgx", dsn, "public"
	case "mysql":
		_, name, _ := strings.Cut(dsn, "/")
		b.driver, b.dsn, b.schema = "mysql", dsn, name
	case "sqlite":
		path := filepath.Join(t.TempDir(), "w.db")
		b.driver, b.dsn, b.schema, dsn = "sqlite", path, "main", "sqlite:"+path
		b.exec("PRAGMA journal_mode=WAL")
	}
	if err := b.open(dsn); err != nil {
		t.Fatal(err)
	}
	b.store = reopened(t, b)
	t.Cleanup(func() {
		if err := errors.Join(b.store.Close(), b.read.Close(), b.write.Close()); err != nil {
			t.Error(err)
		}
	})
	b.repair = b.newEngine("agent-1")
	return b
}

func (b *bench) open(dsn string) error {
	cfg := warehouse.Config{Name: "w", Dialect: b.engine, DSN: sentinel.Secret(dsn), RepairDSN: sentinel.Secret(dsn), LockTimeout: time.Second, Now: clock}
	read, err := warehouse.Open(cfg)
	if err != nil {
		return err
	}
	write, err := repair.OpenWriter(cfg)
	b.read, b.write = read, write
	return err
}

func reopened(t *testing.T, b *bench) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+b.state)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// leaseOfKilled is short, so that the next agent need not wait long for what a killed
// one has taken up, and long enough for it to get there on a busy machine.
const leaseOfKilled = 500 * time.Millisecond

// benchOf is what a child process works on.
func benchOf(ctx context.Context, c child) (*bench, error) {
	b := &bench{engine: c.Engine, driver: c.Driver, dsn: c.DSN, schema: c.Schema, state: c.State}
	dsn := c.DSN
	if c.Engine == "sqlite" {
		dsn = "sqlite:" + dsn
	}
	if err := b.open(dsn); err != nil {
		return nil, err
	}
	var err error
	if b.store, err = store.Open(ctx, "sqlite:"+b.state); err != nil {
		return nil, err
	}
	b.repair = b.newEngine("child")
	return b, nil
}

func (b *bench) newEngine(holder string) *repair.Engine {
	e := &repair.Engine{
		Store: b.store, Holder: holder, Now: clock,
		Target: func(context.Context, sentinel.Table) (*repair.Target, error) {
			return &repair.Target{Read: b.read, Write: b.write, Now: clock, Warehouse: func(string) (*warehouse.DB, error) { return b.read, nil }}, nil
		},
		Check: func(ctx context.Context, r sentinel.Repair) (sentinel.Result, error) {
			bad, err := b.bad(ctx)
			result := sentinel.Result{Check: r.Check, Status: sentinel.Pass, Message: "fine"}
			if bad {
				result.Status, result.Message = sentinel.Fail, "still bad"
				result.Findings = []sentinel.Finding{{Key: r.Plan.Finding, Status: sentinel.Fail, Message: "still bad"}}
			}
			return result, err
		},
	}
	b.bad = func(context.Context) (bool, error) { return false, nil }
	return e
}

func (b *bench) exec(statements ...string) {
	b.t.Helper()
	testenv.Exec(b.t, b.driver, b.dsn, statements...)
}

func (b *bench) table(name string) sentinel.Table {
	return sentinel.Table{Warehouse: "w", Schema: b.schema, Name: name}
}

// orders makes the table with five rows a day on three days, and its source
// with eight rows on the middle one.
func (b *bench) orders() {
	at := map[string]string{"postgres": "timestamptz", "mysql": "datetime", "sqlite": "text"}[b.engine]
	b.exec("CREATE TABLE orders (id integer NOT NULL PRIMARY KEY, amount numeric(10,2), note varchar(20), at "+at+" NOT NULL)",
		"CREATE TABLE staging (id integer NOT NULL PRIMARY KEY, amount numeric(10,2), note varchar(20), at "+at+" NOT NULL)")
	b.fillOrders()
}

func (b *bench) fillOrders() {
	b.t.Helper()
	var rows []string
	for d := range 3 {
		for i := range 5 {
			rows = append(rows, fmt.Sprintf("(%d, %d, 'old', '%s')", 100*d+i, i, day0.AddDate(0, 0, d).Add(time.Duration(i)*time.Hour).Format(time.DateTime)))
		}
	}
	b.exec("INSERT INTO orders VALUES " + strings.Join(rows, ", "))
	rows = nil
	for i := range 8 {
		rows = append(rows, fmt.Sprintf("(%d, %d, 'new', '%s')", 100+i, 10*i, day0.AddDate(0, 0, 1).Add(time.Duration(i)*time.Hour).Format(time.DateTime)))
	}
	b.exec("INSERT INTO staging VALUES " + strings.Join(rows, ", "))
}

// content is everything in a table, in order.
func (b *bench) content(table string) string {
	b.t.Helper()
	return queryAll(b.t, b.driver, b.dsn, "SELECT * FROM "+table+" ORDER BY 1")
}

func queryAll(t *testing.T, driver, dsn, query string) string {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for rows.Next() {
		cells := make([]sql.NullString, len(names))
		into := make([]any, len(names))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for _, c := range cells {
			fmt.Fprintf(&out, "%s|", c.String)
		}
		out.WriteString("\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// incident is one that is open in the store.
func (b *bench) incident(key string) repair.Trigger {
	b.t.Helper()
	i := sentinel.Incident{ID: "i-" + key, Check: "orders/check", Kind: "row_count", Key: key, Table: b.table("orders"), State: sentinel.Open, Severity: sentinel.Fail, Opened: clock(), Updated: clock(), Message: "bad"}
	if _, err := b.store.Record(b.t.Context(), store.Batch{Incidents: []sentinel.Incident{i}}); err != nil {
		b.t.Fatal(err)
	}
	like := b.table("staging")
	return repair.Trigger{Incident: i, TimeColumn: "at", Location: time.UTC, Like: &like}
}

func (b *bench) reload(mode repair.Mode) *repair.Policy {
	return b.policy("reload_partition", &repair.ReloadPartition{From: []sentinel.Table{b.table("staging")}}, mode)
}

func (b *bench) policy(kind string, a repair.Action, mode repair.Mode) *repair.Policy {
	b.t.Helper()
	p := &repair.Policy{ID: "orders/" + kind, Table: b.table("orders"), On: []string{"row_count"}, Mode: mode, Action: a, Kind: kind}
	if err := p.Validate(); err != nil {
		b.t.Fatal(err)
	}
	b.repair.SetPolicies([]*repair.Policy{p})
	return p
}

// repaired plans and carries out, and returns the repair as it is then.
func (b *bench) repaired(p *repair.Policy, why repair.Trigger) sentinel.Repair {
	b.t.Helper()
	r, err := b.repair.Consider(b.t.Context(), p, why)
	if err != nil || r == nil {
		b.t.Fatalf("planned %v, %v", r, err)
	}
	return b.advanced(r.ID)
}

func (b *bench) advanced(id string) sentinel.Repair {
	b.t.Helper()
	if err := b.repair.Advance(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return b.get(id)
}

func (b *bench) get(id string) sentinel.Repair {
	b.t.Helper()
	found, err := b.store.Repairs(b.t.Context(), store.RepairFilter{ID: id})
	if err != nil || len(found) != 1 {
		b.t.Fatalf("%v, %v", found, err)
	}
	return found[0]
}

func each(t *testing.T, test func(t *testing.T, b *bench)) {
	for _, engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			test(t, newBench(t, engine))
		})
	}
}

const tuesday = "missing_partition:2026-03-11"

func TestAWindowIsReloadedVerifiedAndLeavesTheRestAlone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		before := b.content("orders")
		p := b.reload(repair.Auto)
		why := b.incident(tuesday)
		planned, err := b.repair.Consider(t.Context(), p, why)
		if err != nil || planned == nil || b.content("orders") != before {
			t.Fatalf("planning: %+v, %v; a plan leaves the table as it is", planned, err)
		}
		if planned.Plan.Rows != 13 || planned.Plan.Guarantee != sentinel.ExactlyOnce || !strings.Contains(planned.Plan.Summary, "8 rows in place of 5") {
			t.Errorf("plan %+v", planned.Plan)
		}
		r := b.advanced(planned.ID)
		if r.State != sentinel.RepairSucceeded {
			t.Fatalf("%s: %s", r.State, r.Message)
		}
		after := b.content("orders")
		if strings.Count(after, "new") != 8 || strings.Count(after, "old") != 10 {
			t.Errorf("the table holds\n%s", after)
		}
		if _, err := (repair.Decisions{Store: b.store, Now: clock, Who: "ann"}).Rollback(t.Context(), r.ID, "to see"); err != nil {
			t.Fatal(err)
		}
		if r := b.advanced(r.ID); r.State != sentinel.RolledBack || b.content("orders") != before {
			t.Errorf("taken back: %s %s\n%s", r.State, r.Message, b.content("orders"))
		}
		b.sweep()
	})
}

// sweep removes what was staged, and holds nothing to be left.
func (b *bench) sweep() {
	b.t.Helper()
	dropped, err := b.write.Sweep(b.t.Context(), b.schema, func(string) bool { return false })
	if err != nil || len(dropped) == 0 {
		b.t.Errorf("swept %v, %v", dropped, err)
	}
	if again, err := b.write.Sweep(b.t.Context(), b.schema, func(string) bool { return false }); err != nil || len(again) > 0 {
		b.t.Errorf("left behind: %v, %v", again, err)
	}
}

func TestC44ARepairThatDoesNotHelpIsTakenBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		before := b.content("orders")
		p := b.reload(repair.Auto)
		b.bad = func(context.Context) (bool, error) { return true, nil }
		why := b.incident(tuesday)
		if r := b.repaired(p, why); r.State != sentinel.RolledBack || b.content("orders") != before {
			t.Errorf("%s: %s\n%s", r.State, r.Message, b.content("orders"))
		}
		for range 2 { // two more failures open the breaker, and the budget is three
			b.repaired(p, why)
		}
		if r := b.repaired(p, why); r.State != sentinel.RepairSuppressed {
			t.Errorf("the fourth within the hour: %s %s", r.State, r.Message)
		}
		if _, _, err := b.store.VerifyAudit(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestC49AnEmptyOrShrunkSourceIsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		before := b.content("orders")
		b.exec("DELETE FROM staging WHERE id >= 102")
		p := b.reload(repair.Auto)
		r := b.repaired(p, b.incident(tuesday))
		if r.State != sentinel.DeadLetter || !strings.Contains(r.Message, "its 2 rows are fewer than 90%") || b.content("orders") != before {
			t.Errorf("%s: %s", r.State, r.Message)
		}
		if again, err := b.repair.Consider(t.Context(), p, b.incident(tuesday)); again != nil || err != nil {
			t.Errorf("the same refusal is not said again: %+v, %v", again, err)
		}
		b.exec("DELETE FROM staging")
		if r := b.repaired(p, b.incident("missing_partition:2026-03-12")); r.State != sentinel.DeadLetter || !strings.Contains(r.Message, "no rows for the window") {
			t.Errorf("%s: %s", r.State, r.Message)
		}
	})
}

func TestFallbackSourcesAreTriedInOrder(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		p := b.policy("reload_partition", &repair.ReloadPartition{From: []sentinel.Table{b.table("nowhere"), b.table("staging")}}, repair.Auto)
		r := b.repaired(p, b.incident(tuesday))
		if r.State != sentinel.RepairSucceeded || r.Source != b.table("staging").String() {
			t.Errorf("%s: %s, from %q", r.State, r.Message, r.Source)
		}
	})
}

func TestC50DuplicatesInTheSourceFailInStaging(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres")
	b.orders()
	b.exec("ALTER TABLE staging DROP CONSTRAINT staging_pkey", "INSERT INTO staging SELECT * FROM staging WHERE id = 103")
	before := b.content("orders")
	if r := b.repaired(b.reload(repair.Auto), b.incident(tuesday)); r.State != sentinel.DeadLetter || !strings.Contains(r.Message, "more than once") || b.content("orders") != before {
		t.Errorf("%s: %s", r.State, r.Message)
	}
}

func TestC20AWindowThatIsNoDateIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres")
	b.orders()
	r := b.repaired(b.reload(repair.Auto), b.incident("missing_partition:2026-01-01'; DROP TABLE orders;--"))
	if r.State != sentinel.DeadLetter || !strings.Contains(r.Message, "is no date") {
		t.Errorf("%s: %s", r.State, r.Message)
	}
}

func TestC52ApprovalsBindToThePlan(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite")
	b.orders()
	r := b.repaired(b.reload(repair.Manual), b.incident(tuesday))
	if r.State != sentinel.AwaitingApproval {
		t.Fatalf("%s: %s", r.State, r.Message)
	}
	ann := repair.Decisions{Store: b.store, Now: clock, Who: "ann"}
	if _, err := ann.Approve(t.Context(), r.ID, "another", 0); err == nil || !strings.Contains(err.Error(), "changed") {
		t.Errorf("a plan that was not read: %v", err)
	}
	for range 2 {
		if _, err := ann.Approve(t.Context(), r.ID, r.Plan.Hash(), 0); err != nil {
			t.Errorf("approving twice: %v", err)
		}
	}
	if r := b.advanced(r.ID); r.State != sentinel.RepairSucceeded || r.Approval.By != "ann" {
		t.Errorf("%s: %s", r.State, r.Message)
	}
	second := b.repaired(b.reload(repair.Manual), b.incident("missing_partition:2026-03-12"))
	if second.State == sentinel.AwaitingApproval {
		if _, err := ann.Reject(t.Context(), second.ID, "not today"); err != nil {
			t.Error(err)
		}
		if _, err := ann.Approve(t.Context(), second.ID, "", 0); err == nil {
			t.Error("a rejected plan was approved")
		}
	}
}

func TestC31TwoAgentsMakeOneRepair(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		p := b.reload(repair.Auto)
		other := b.newEngine("agent-2")
		other.SetPolicies([]*repair.Policy{p})
		why := b.incident(tuesday)
		done := make(chan error, 2)
		for _, e := range []*repair.Engine{b.repair, other} {
			go func() {
				_, err := e.Consider(t.Context(), p, why)
				if err == nil {
					err = e.Advance(t.Context())
				}
				done <- err
			}()
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if err := b.repair.Advance(t.Context()); err != nil {
			t.Error(err)
		}
		all, err := b.store.Repairs(t.Context(), store.RepairFilter{})
		if err != nil || len(all) == 0 || all[len(all)-1].State != sentinel.RepairSucceeded {
			t.Fatalf("%d repairs, %v: %+v", len(all), err, all)
		}
		if got := b.content("orders"); strings.Count(got, "new") != 8 {
			t.Errorf("the table holds\n%s", got)
		}
	})
}

func TestC32AnOvertakenAgentIsRefusedByTheFence(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		target, err := b.repair.Target(t.Context(), b.table("orders"))
		if err != nil {
			t.Fatal(err)
		}
		run := func(fence int64) error {
			r := &repair.Run{Repair: sentinel.Repair{ID: "r1", Key: "k", Table: b.table("orders"), Fence: fence, Attempts: 1}, Target: target}
			_, err := b.write.Commit(t.Context(), r, fmt.Sprint("step", fence), func(ctx context.Context, tx *sql.Tx) (int64, error) {
				_, err := tx.ExecContext(ctx, "UPDATE orders SET note = 'fence "+fmt.Sprint(fence)+"'")
				return 1, err
			})
			return err
		}
		for _, fence := range []int64{5, 7} {
			if err := run(fence); err != nil {
				t.Fatal(err)
			}
		}
		var fenced *repair.FencedError
		if err := run(6); err == nil || !asFenced(err, &fenced) || !strings.Contains(b.content("orders"), "fence 7") {
			t.Errorf("%v\n%s", err, b.content("orders"))
		}
	})
}
