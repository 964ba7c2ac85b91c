// Package repairtest has what the tests of repairs share: a [Fixture] is one real
// database with a table, its source, a state and an engine of repairs.
package repairtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
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

// Engines are those that a fixture can be of.
var Engines = []string{"postgres", "mysql", "sqlite"}

// Day0 is the first of the three days that `orders` has rows of. Clock is the
// clock of all agents that have none of their own.
var (
	Day0  = time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	Clock = time.Now
)

// MissingDay is the finding that the second of the three days is bad.
const MissingDay = "missing_partition:2026-03-11"

// Fixture is one warehouse of one engine with a table `orders` and its source
// `staging`, a store, and an agent that repairs.
type Fixture struct {
	T        *testing.T
	Engine   string
	Driver   string
	DSN      string // for testenv.Exec and database/sql
	Schema   string
	State    string // path of the store
	Read     *warehouse.DB
	Write    *repair.Writer
	Store    *store.Store
	Agent    *Agent
	StillBad func(ctx context.Context) (bool, error) // whether the check still fails
}

// New makes a fixture with a database of its own.
func New(t *testing.T, engine string) *Fixture {
	t.Helper()
	switch engine {
	case "postgres":
		return NewAt(t, engine, testenv.Postgres(t))
	case "mysql":
		return NewAt(t, engine, testenv.MySQL(t))
	}
	return NewAt(t, engine, "")
}

// NewOnOwnServer makes a fixture on a server of its own: for tests that change its accounts
// while others would read its catalogs.
func NewOnOwnServer(t *testing.T, engine string) *Fixture {
	t.Helper()
	if engine != "mysql" {
		return New(t, engine)
	}
	s, err := testenv.StartMySQL()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	name := fmt.Sprintf("alone_%x", rand.Uint32())
	testenv.Exec(t, "mysql", s.DSN, "CREATE DATABASE "+name)
	return NewAt(t, engine, s.DSN+name)
}

// NewAt makes a fixture on a database that is there.
func NewAt(t *testing.T, engine, dsn string) *Fixture {
	t.Helper()
	b := &Fixture{T: t, Engine: engine, State: filepath.Join(t.TempDir(), "state.db")}
	switch engine {
	case "postgres":
		b.Driver, b.DSN, b.Schema = "pgx", dsn, "public"
	case "mysql":
		_, name, _ := strings.Cut(dsn, "/")
		b.Driver, b.DSN, b.Schema = "mysql", dsn, name
	case "sqlite":
		path := filepath.Join(t.TempDir(), "w.db")
		b.Driver, b.DSN, b.Schema, dsn = "sqlite", path, "main", "sqlite:"+path
		b.Exec("PRAGMA journal_mode=WAL")
	}
	if err := b.Open(dsn); err != nil {
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

// Open opens the sessions that read and write.
func (b *Fixture) Open(dsn string) error {
	cfg := warehouse.Config{Name: "w", Dialect: b.Engine, DSN: sentinel.Secret(dsn),
		RepairDSN: sentinel.Secret(dsn), LockTimeout: time.Second, Now: Clock}
	read, err := warehouse.Open(cfg)
	if err != nil {
		return err
	}
	write, err := repair.OpenWriter(cfg)
	b.Read, b.Write = read, write
	return err
}

// Reopen opens the store anew.
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
	testenv.Exec(b.T, b.Driver, b.DSN, statements...)
}

// Table is a table of the fixture.
func (b *Fixture) Table(name string) sentinel.Table {
	return sentinel.Table{Warehouse: "w", Schema: b.Schema, Name: name}
}

// CreateOrders makes the table with five rows a day on three days, and its source
// with eight rows on the middle one.
func (b *Fixture) CreateOrders() {
	at := map[string]string{"postgres": "timestamptz", "mysql": "datetime", "sqlite": "text"}[b.Engine]
	b.Exec("CREATE TABLE orders (id integer NOT NULL PRIMARY KEY, amount numeric(10,2), note varchar(20), at "+at+" NOT NULL)",
		"CREATE TABLE staging (id integer NOT NULL PRIMARY KEY, amount numeric(10,2), note varchar(20), at "+at+" NOT NULL)")
	b.FillOrders()
}

// FillOrders puts the rows in.
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

// Rows is everything in a table, in order.
func (b *Fixture) Rows(table string) string {
	b.T.Helper()
	return Query(b.T, b.Driver, b.DSN, "SELECT * FROM "+table+" ORDER BY 1")
}

// Query is what a query answers: a line for each row, cells ended by |.
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

// OpenIncident is one that is open in the store.
func (b *Fixture) OpenIncident(key string) repair.Trigger {
	b.T.Helper()
	i := sentinel.Incident{ID: "i-" + key, Check: "orders/check", Kind: "row_count", Key: key,
		Table: b.Table("orders"), State: sentinel.Open, Severity: sentinel.Fail, Opened: Clock(), Updated: Clock(),
		Message: "bad"}
	if _, err := b.Store.Record(b.T.Context(), store.Batch{Incidents: []sentinel.Incident{i}}); err != nil {
		b.T.Fatal(err)
	}
	like := b.Table("staging")
	return repair.Trigger{Incident: i, TimeColumn: "at", Location: time.UTC, Like: &like}
}

// ReloadPolicy is a policy that reloads orders from staging.
func (b *Fixture) ReloadPolicy(mode repair.Mode) *repair.Policy {
	return b.Policy("reload_partition", &reload.Partition{From: []sentinel.Table{b.Table("staging")}}, mode)
}

// Policy makes a policy the only one of the agent.
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

// RunRepair plans a repair, carries it out, and returns it as it is then.
func (b *Fixture) RunRepair(p *repair.Policy, trigger repair.Trigger) sentinel.Repair {
	b.T.Helper()
	r, err := b.Agent.PlanRepair(b.T.Context(), p, trigger)
	if err != nil || r == nil {
		b.T.Fatalf("planned %v, %v", r, err)
	}
	return b.AdvanceRepair(r.ID)
}

// AdvanceRepair lets the agent go on, and returns a repair as it is then.
func (b *Fixture) AdvanceRepair(id string) sentinel.Repair {
	b.T.Helper()
	if err := b.Agent.Advance(b.T.Context()); err != nil {
		b.T.Fatal(err)
	}
	return b.Get(id)
}

// Get is a repair as it is stored.
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

// Sweep removes what was staged, and holds nothing to be left.
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

// NewRun is a reload of Tuesday that is about to be staged, outside of an
// engine, so that a test can act between its steps.
func (b *Fixture) NewRun(a *reload.Partition, target *repair.Target) *repair.Run {
	b.T.Helper()
	if err := a.Validate(); err != nil {
		b.T.Fatal(err)
	}
	plan, err := a.Plan(b.T.Context(), target, b.OpenIncident(MissingDay))
	if err != nil {
		b.T.Fatal(err)
	}
	return &repair.Run{Target: target, Repair: sentinel.Repair{ID: "r1", Key: "k1", Table: b.Table("orders"),
		Plan: plan, Fence: 1, Attempts: 1}}
}

// Target is where a repair of orders acts.
func (b *Fixture) Target() *repair.Target {
	b.T.Helper()
	t, err := b.Agent.Target(b.T.Context(), b.Table("orders"))
	if err != nil {
		b.T.Fatal(err)
	}
	return t
}

// Must ends the test when one of the errors is not nil.
func (b *Fixture) Must(errs ...error) {
	b.T.Helper()
	if err := errors.Join(errs...); err != nil {
		b.T.Fatal(err)
	}
}

// ReloadFromStaging is a reload of orders.
func (b *Fixture) ReloadFromStaging() *reload.Partition {
	return &reload.Partition{From: []sentinel.Table{b.Table("staging")}}
}

// CreatePartitionedOrders makes orders by day, and its source, without rows.
func (b *Fixture) CreatePartitionedOrders() {
	b.T.Helper()
	switch b.Engine {
	case "postgres":
		b.Exec("CREATE TABLE orders (id integer NOT NULL, amount numeric(10,2) CHECK (amount >= 0), note "+
			"varchar(20), at timestamptz NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)",
			"CREATE INDEX orders_note ON orders (note)",
			"CREATE TABLE orders_10 PARTITION OF orders FOR VALUES FROM ('2026-03-10 00:00+00') TO ('2026-03-11 "+
				"00:00+00')",
			"CREATE TABLE orders_11 PARTITION OF orders FOR VALUES FROM ('2026-03-11 00:00+00') TO ('2026-03-12 "+
				"00:00+00')",
			"CREATE TABLE orders_rest PARTITION OF orders DEFAULT")
	case "mysql":
		b.Exec(`CREATE TABLE orders (id integer NOT NULL, amount numeric(10,2), note varchar(20), at datetime NOT NULL, PRIMARY KEY (id, at), KEY orders_note (note))
PARTITION BY RANGE COLUMNS (at) (PARTITION orders_10 VALUES LESS THAN ('2026-03-11'), PARTITION orders_11 VALUES LESS THAN ('2026-03-12'), PARTITION orders_rest VALUES LESS THAN (MAXVALUE))`)
	}
	at := map[string]string{"postgres": "timestamptz", "mysql": "datetime"}[b.Engine]
	b.Exec("CREATE TABLE staging (id integer NOT NULL, amount numeric(10,2), note varchar(20), at " + at + " NOT NULL)")
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
	read, err := warehouse.Open(warehouse.Config{Name: "w", Dialect: b.Engine, DSN: sentinel.Secret(dsn), Now: Clock})
	b.Must(err)
	b.T.Cleanup(func() { b.Must(read.Close()) })
	return &repair.Target{Read: read, Write: b.Write, Now: Clock, Sources: Sources{"": read}}
}

// DSNOf returns the DSN of another user of the same database.
func (b *Fixture) DSNOf(user string) string {
	if b.Engine == "mysql" {
		_, server, _ := strings.Cut(b.DSN, "@")
		return user + ":x@" + server
	}
	u, err := url.Parse(b.DSN)
	b.Must(err)
	u.User = url.UserPassword(user, "x")
	return u.String()
}

// DatabaseName is the name of the database, for statements about it.
func (b *Fixture) DatabaseName() string {
	if b.Engine == "mysql" {
		return b.Schema
	}
	u, err := url.Parse(b.DSN)
	b.Must(err)
	return strings.TrimPrefix(u.Path, "/")
}
