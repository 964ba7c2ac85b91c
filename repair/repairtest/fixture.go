// Package repairtest provides a real database for tests of repairs. A [Fixture] has a
// table, its source, a state and an engine of repairs.
package repairtest

import (
	"cmp"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
	_ "github.com/sentinel-dq/sentinel/warehouse/all"
)

// Engines are the engines that a fixture supports.
var Engines = []string{"postgres", "mysql", "sqlite"}

// Day0 is the first of the three days for which `orders` has rows. Clock is the clock
// of all agents without one of their own.
var (
	Day0  = time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	Clock = sentinel.ClockFunc(time.Now)
)

// MissingDay is the finding that the second of the three days is bad.
const MissingDay = "missing_partition:2026-03-11"

// Fixture is one warehouse of one engine with a table `orders` and its source
// `staging`, a store, and an agent that repairs.
type Fixture struct {
	testenv.Database
	T        *testing.T
	Engine   string // name of the dialect
	State    string // path of the store
	Read     *warehouse.DB
	Write    *repair.Writer
	Store    *store.Store
	Agent    *Agent
	StillBad func(ctx context.Context) (bool, error) // whether the check still fails

	lockTimeout time.Duration // of the sessions; 0: a second
}

// New returns a fixture with a database of its own.
func New(t *testing.T, engine string) *Fixture {
	t.Helper()
	return newFixture(t, engine, testenv.NewDatabase(t, engine))
}

// NewAlone returns a fixture whose accounts other tests cannot see. It is for tests
// that change accounts, which would disturb other tests that read the catalog.
func NewAlone(t *testing.T, engine string) *Fixture {
	t.Helper()
	return newFixture(t, engine, testenv.EngineOf(engine).Alone(t))
}

// NewAt returns a fixture on an existing database. owner is the DSN of its owner, in
// the form of the driver.
func NewAt(t *testing.T, engine, owner string) *Fixture {
	t.Helper()
	return newFixture(t, engine, testenv.EngineOf(engine).At(owner))
}

func newFixture(t *testing.T, engine string, d testenv.Database) *Fixture {
	t.Helper()
	b := &Fixture{Database: d, T: t, Engine: engine, State: filepath.Join(t.TempDir(), "state.db")}
	if err := b.Open(); err != nil {
		t.Fatal(err)
	}
	b.Store = b.Reopen()
	t.Cleanup(func() {
		if err := errors.Join(b.Store.Close(), b.Read.Close(), b.Write.Close()); err != nil {
			t.Error(err)
		}
	})
	b.Agent = b.NewAgent("agent-1", nil)
	return b
}

// Open opens the sessions for reading and writing.
func (b *Fixture) Open() error {
	dsn := sentinel.NewSecret(b.Warehouse)
	cfg := warehouse.Config{
		Name: "w", Dialect: b.Engine, DSN: dsn, RepairDSN: dsn, LockTimeout: cmp.Or(b.lockTimeout, time.Second),
		Clock: Clock,
	}
	read, err := warehouse.Open(cfg)
	if err != nil {
		return err
	}
	write, err := repair.OpenWriter(cfg)
	b.Read, b.Write = read, write
	return err
}

// Reopen closes the store and opens it again.
func (b *Fixture) Reopen() *store.Store {
	b.T.Helper()
	s, err := store.Open(b.T.Context(), "sqlite:"+b.State)
	if err != nil {
		b.T.Fatal(err)
	}
	return s
}

// Exec runs statements on the database, as its administrator.
func (b *Fixture) Exec(statements ...string) {
	b.T.Helper()
	b.Database.Exec(b.T, statements...)
}

// Table returns a table of the fixture by name.
func (b *Fixture) Table(name string) sentinel.Table {
	return sentinel.Table{Warehouse: "w", Schema: b.Schema, Name: name}
}

// CreateOrders creates the table with five rows for each of three days, and its source
// with eight rows for the second day.
func (b *Fixture) CreateOrders() { b.CreateOrdersAt(b.Instant) }

// CreateOrdersAt does the same with a type of the time column.
func (b *Fixture) CreateOrdersAt(instant string) {
	const columns = " (id integer NOT NULL PRIMARY KEY, amount numeric(10,2), note varchar(20), at "
	b.Exec("CREATE TABLE orders"+columns+instant+" NOT NULL)", "CREATE TABLE staging"+columns+instant+" NOT NULL)")
	b.FillOrders()
}

// FillOrders inserts the rows.
func (b *Fixture) FillOrders() {
	b.T.Helper()
	var rows []string
	for d := range 3 {
		for i := range 5 {
			rows = append(rows, fmt.Sprintf("(%d, %d, 'old', '%s')", 100*d+i, i, Day0.AddDate(0, 0,
				d).Add(time.Duration(i)*time.Hour).Format(time.DateTime)))
		}
	}
	b.Exec("INSERT INTO orders VALUES " + strings.Join(rows, ", "))
	rows = nil
	for i := range 8 {
		rows = append(rows, fmt.Sprintf("(%d, %d, 'new', '%s')", 100+i, 10*i, Day0.AddDate(0, 0,
			1).Add(time.Duration(i)*time.Hour).Format(time.DateTime)))
	}
	b.Exec("INSERT INTO staging VALUES " + strings.Join(rows, ", "))
}

// Rows returns all rows of a table, in order.
func (b *Fixture) Rows(table string) string {
	b.T.Helper()
	return Query(b.T, b.Driver, b.Owner, "SELECT * FROM "+table+" ORDER BY 1")
}

// Query returns the result of a query: one line per row, with | after each cell.
func Query(t *testing.T, driver, dsn, query string) string {
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

// OpenIncident stores an open incident, and returns the trigger of its repair.
func (b *Fixture) OpenIncident(key string) repair.Trigger {
	b.T.Helper()
	i := sentinel.Incident{ID: "i-" + key, Check: "orders/check", Kind: "row_count", Key: key,
		Table: b.Table("orders"), State: sentinel.Open, Severity: sentinel.Fail, Opened: Clock(), Updated: Clock(),
		Message: "bad"}
	stored := i
	if others, err := b.Store.OpenIncidents(b.T.Context()); err != nil {
		b.T.Fatal(err)
	} else if len(others) > 0 && others[0].ID != i.ID {
		stored.Table.Name = key // a dataset has one open incident; the engine finds one by its id
	}
	if _, err := b.Store.Record(b.T.Context(), store.Batch{Incidents: []sentinel.Incident{stored}}); err != nil {
		b.T.Fatal(err)
	}
	like := b.Table("staging")
	return repair.Trigger{Incident: i, TimeColumn: "at", Location: time.UTC, Like: &like}
}

// ReloadPolicy sets a policy that reloads orders from staging.
func (b *Fixture) ReloadPolicy(mode repair.Mode) *repair.Policy {
	return b.Policy("reload_partition", &reload.Partition{From: []sentinel.Table{b.Table("staging")}}, mode)
}

// Policy makes a policy the only one of the agent, and returns it.
func (b *Fixture) Policy(kind string, a repair.Action, mode repair.Mode) *repair.Policy {
	b.T.Helper()
	p := &repair.Policy{ID: "orders/" + kind, Table: b.Table("orders"), On: []string{"row_count"}, Mode: mode,
		Action: a, Kind: kind}
	if err := p.Validate(); err != nil {
		b.T.Fatal(err)
	}
	b.Agent.SetPolicies([]*repair.Policy{p})
	return p
}

// RunRepair plans a repair, carries it out, and returns it afterwards.
func (b *Fixture) RunRepair(p *repair.Policy, trigger repair.Trigger) sentinel.Repair {
	b.T.Helper()
	r, err := b.Agent.PlanRepair(b.T.Context(), p, trigger)
	if err != nil || r == nil {
		b.T.Fatalf("planned %v, %v", r, err)
	}
	return b.AdvanceRepair(r.ID)
}

// AdvanceRepair advances the agent's repairs, and returns one of them afterwards.
func (b *Fixture) AdvanceRepair(id string) sentinel.Repair {
	b.T.Helper()
	if err := b.Agent.Advance(b.T.Context()); err != nil {
		b.T.Fatal(err)
	}
	return b.Get(id)
}

// Get returns a repair as it is stored.
func (b *Fixture) Get(id string) sentinel.Repair {
	b.T.Helper()
	found, err := b.Store.Repairs(b.T.Context(), store.RepairFilter{ID: id})
	if err != nil || len(found) != 1 {
		b.T.Fatalf("%v, %v", found, err)
	}
	return found[0]
}

// Each runs a test on every engine.
func Each(t *testing.T, test func(t *testing.T, b *Fixture)) {
	for _, engine := range Engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			test(t, New(t, engine))
		})
	}
}

// Sweep drops all staging tables. It fails the test if there was none, or if one is
// left.
func (b *Fixture) Sweep() {
	b.T.Helper()
	dropped, err := b.Write.Sweep(b.T.Context(), b.Schema, func(string) bool { return false })
	if err != nil || len(dropped) == 0 {
		b.T.Errorf("swept %v, %v", dropped, err)
	}
	if again, err := b.Write.Sweep(b.T.Context(), b.Schema, func(string) bool { return false }); err != nil ||
		len(again) > 0 {
		b.T.Errorf("left behind: %v, %v", again, err)
	}
}

// NewRun returns a reload of the second day that is about to be staged. It runs outside
// of an engine, so that a test can act between its steps, and may lose rows.
func (b *Fixture) NewRun(a *reload.Partition, target *repair.Target) *repair.Run {
	b.T.Helper()
	return b.NewRunOf(a, target, b.OpenIncident(MissingDay))
}

// NewRunOf does the same for a trigger of the test's own.
func (b *Fixture) NewRunOf(a *reload.Partition, target *repair.Target, trigger repair.Trigger) *repair.Run {
	b.T.Helper()
	if err := a.Validate(); err != nil {
		b.T.Fatal(err)
	}
	plan, err := a.Plan(b.T.Context(), target, trigger)
	if err != nil {
		b.T.Fatal(err)
	}
	return &repair.Run{Target: target, Repair: sentinel.Repair{ID: "r1", Key: "k1", Table: b.Table("orders"),
		Plan: plan, Fence: 1, Attempts: 1}, MayLose: 1000}
}

// Target returns what a repair of orders acts on.
func (b *Fixture) Target() *repair.Target {
	b.T.Helper()
	t, err := b.Agent.Target(b.T.Context(), b.Table("orders"))
	if err != nil {
		b.T.Fatal(err)
	}
	return t
}

// Must fails the test if an error is not nil.
func (b *Fixture) Must(errs ...error) {
	b.T.Helper()
	if err := errors.Join(errs...); err != nil {
		b.T.Fatal(err)
	}
}

// ReloadFromStaging returns the action that reloads orders from staging.
func (b *Fixture) ReloadFromStaging() *reload.Partition {
	return &reload.Partition{From: []sentinel.Table{b.Table("staging")}}
}

// partitioned has one file for each engine that partitions tables.
//
//go:embed partitioned/*.sql
var partitioned embed.FS

// CreatePartitionedOrders creates orders with a partition per day, and its source,
// without rows.
func (b *Fixture) CreatePartitionedOrders() {
	b.T.Helper()
	orders, err := partitioned.ReadFile("partitioned/" + b.Engine + ".sql")
	b.Must(err)
	for statement := range strings.SplitSeq(string(orders), ";\n") {
		if statement != "" {
			b.Exec(statement)
		}
	}
	b.Exec("CREATE TABLE staging (id integer NOT NULL, amount numeric(10,2), note varchar(20), at " +
		b.Instant + " NOT NULL)")
}

// WantState fails the test unless a repair is in a state and its message has a text.
func (b *Fixture) WantState(r sentinel.Repair, want sentinel.RepairState, says string) {
	b.T.Helper()
	if r.State != want || !strings.Contains(r.Message, says) {
		b.T.Errorf("%s: %s; want %s: %s", r.State, r.Message, want, says)
	}
}

// TargetReadBy returns a target whose reading sessions use another DSN.
func (b *Fixture) TargetReadBy(dsn string) *repair.Target {
	b.T.Helper()
	read, err := warehouse.Open(warehouse.Config{Name: "w", Dialect: b.Engine, DSN: sentinel.NewSecret(dsn), Clock: Clock})
	b.Must(err)
	b.T.Cleanup(func() { b.Must(read.Close()) })
	return &repair.Target{Read: read, Write: b.Write, Clock: Clock, Sources: Sources{"": read}}
}

// TargetWrittenBy returns a target whose repairs use another DSN.
func (b *Fixture) TargetWrittenBy(dsn string) *repair.Target {
	b.T.Helper()
	write, err := repair.OpenWriter(warehouse.Config{
		Name: "w", Dialect: b.Engine, DSN: sentinel.NewSecret(b.Warehouse), RepairDSN: sentinel.NewSecret(dsn),
		LockTimeout: time.Second, Clock: Clock,
	})
	b.Must(err)
	b.T.Cleanup(func() { b.Must(write.Close()) })
	target := *b.Target()
	target.Write = write
	return &target
}

// DSNOf returns the DSN of another user of the same database, whose password is x.
func (b *Fixture) DSNOf(user string) string {
	return testenv.EngineOf(b.Engine).As(b.Owner, user, "x")
}
