// Package repairtest has what the tests of repairs share: a [Bench] is one real
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

// Engines are those that a bench can be of.
var Engines = []string{"postgres", "mysql", "sqlite"}

// Day0 is the first of the three days that `orders` has rows of. Clock is the
// clock of all agents that have none of their own.
var (
	Day0  = time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	Clock = time.Now
)

// Tuesday is the finding that the second of the three days is bad.
const Tuesday = "missing_partition:2026-03-11"

// Bench is one warehouse of one engine with a table `orders` and its source
// `staging`, a store, and an agent that repairs.
type Bench struct {
	T      *testing.T
	Engine string
	Driver string
	DSN    string // for testenv.Exec and database/sql
	Schema string
	State  string // path of the store
	Read   *warehouse.DB
	Write  *repair.Writer
	Store  *store.Store
	Repair *Agent
	Bad    func(ctx context.Context) (bool, error) // whether the check still fails
}

// New makes a bench with a database of its own.
func New(t *testing.T, engine string) *Bench {
	t.Helper()
	switch engine {
	case "postgres":
		return NewAt(t, engine, testenv.Postgres(t))
	case "mysql":
		return NewAt(t, engine, testenv.MySQL(t))
	}
	return NewAt(t, engine, "")
}

// NewAlone has a server of its own: for tests that change its accounts
// while others would read its catalogs.
func NewAlone(t *testing.T, engine string) *Bench {
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

// NewAt makes a bench on a database that is there.
func NewAt(t *testing.T, engine, dsn string) *Bench {
	t.Helper()
	b := &Bench{T: t, Engine: engine, State: filepath.Join(t.TempDir(), "state.db")}
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
	b.Repair = b.NewAgent("agent-1", nil)
	return b
}

// Open opens the sessions that read and write.
func (b *Bench) Open(dsn string) error {
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
func (b *Bench) Reopen() *store.Store {
	b.T.Helper()
	s, err := store.Open(b.T.Context(), "sqlite:"+b.State)
	if err != nil {
		b.T.Fatal(err)
	}
	return s
}

// Exec runs statements on the database, as its administrator.
func (b *Bench) Exec(statements ...string) {
	b.T.Helper()
	testenv.Exec(b.T, b.Driver, b.DSN, statements...)
}

// Table is a table of the bench.
func (b *Bench) Table(name string) sentinel.Table {
	return sentinel.Table{Warehouse: "w", Schema: b.Schema, Name: name}
}

// Orders makes the table with five rows a day on three days, and its source
// with eight rows on the middle one.
func (b *Bench) Orders() {
	at := map[string]string{"postgres": "timestamptz", "mysql": "datetime", "sqlite": "text"}[b.Engine]
	b.Exec("CREATE TABLE orders (id integer NOT NULL PRIMARY KEY, amount numeric(10,2), note varchar(20), at "+at+" NOT NULL)",
		"CREATE TABLE staging (id integer NOT NULL PRIMARY KEY, amount numeric(10,2), note varchar(20), at "+at+" NOT NULL)")
	b.FillOrders()
}

// FillOrders puts the rows in.
func (b *Bench) FillOrders() {
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

// Content is everything in a table, in order.
func (b *Bench) Content(table string) string {
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

// Incident is one that is open in the store.
func (b *Bench) Incident(key string) repair.Trigger {
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

// Reload is a policy that reloads orders from staging.
func (b *Bench) Reload(mode repair.Mode) *repair.Policy {
	return b.Policy("reload_partition", &reload.Partition{From: []sentinel.Table{b.Table("staging")}}, mode)
}

// Policy makes a policy the only one of the agent.
func (b *Bench) Policy(kind string, a repair.Action, mode repair.Mode) *repair.Policy {
	b.T.Helper()
	p := &repair.Policy{ID: "orders/" + kind, Table: b.Table("orders"), On: []string{"row_count"}, Mode: mode,
		Action: a, Kind: kind}
	if err := p.Validate(); err != nil {
		b.T.Fatal(err)
	}
	b.Repair.SetPolicies([]*repair.Policy{p})
	return p
}

// Repaired plans and carries out, and returns the repair as it is then.
func (b *Bench) Repaired(p *repair.Policy, trigger repair.Trigger) sentinel.Repair {
	b.T.Helper()
	r, err := b.Repair.PlanRepair(b.T.Context(), p, trigger)
	if err != nil || r == nil {
		b.T.Fatalf("planned %v, %v", r, err)
	}
	return b.Advanced(r.ID)
}

// Advanced carries on, and returns a repair as it is then.
func (b *Bench) Advanced(id string) sentinel.Repair {
	b.T.Helper()
	if err := b.Repair.Advance(b.T.Context()); err != nil {
		b.T.Fatal(err)
	}
	return b.Get(id)
}

// Get is a repair as it is stored.
func (b *Bench) Get(id string) sentinel.Repair {
	b.T.Helper()
	found, err := b.Store.Repairs(b.T.Context(), store.RepairFilter{ID: id})
	if err != nil || len(found) != 1 {
		b.T.Fatalf("%v, %v", found, err)
	}
	return found[0]
}

// Each runs a test on every engine.
func Each(t *testing.T, test func(t *testing.T, b *Bench)) {
	for _, engine := range Engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			test(t, New(t, engine))
		})
	}
}

// Sweep removes what was staged, and holds nothing to be left.
func (b *Bench) Sweep() {
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

// Planned is a reload of Tuesday that is about to be staged, outside of an
// engine, so that a test can act between its steps.
func (b *Bench) Planned(a *reload.Partition, target *repair.Target) *repair.Run {
	b.T.Helper()
	if err := a.Validate(); err != nil {
		b.T.Fatal(err)
	}
	plan, err := a.Plan(b.T.Context(), target, b.Incident(Tuesday))
	if err != nil {
		b.T.Fatal(err)
	}
	return &repair.Run{Target: target, Repair: sentinel.Repair{ID: "r1", Key: "k1", Table: b.Table("orders"),
		Plan: plan, Fence: 1, Attempts: 1}}
}

// Target is where a repair of orders acts.
func (b *Bench) Target() *repair.Target {
	b.T.Helper()
	t, err := b.Repair.Target(b.T.Context(), b.Table("orders"))
	if err != nil {
		b.T.Fatal(err)
	}
	return t
}

// Must ends the test on an error.
func (b *Bench) Must(errs ...error) {
	b.T.Helper()
	if err := errors.Join(errs...); err != nil {
		b.T.Fatal(err)
	}
}

// FromStaging is a reload of orders.
func (b *Bench) FromStaging() *reload.Partition {
	return &reload.Partition{From: []sentinel.Table{b.Table("staging")}}
}

// Partitions makes orders by day, and its source, without rows.
func (b *Bench) Partitions() {
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

// Stands holds a repair to a state, and its message to a part of it.
func (b *Bench) Stands(r sentinel.Repair, want sentinel.RepairState, says string) {
	b.T.Helper()
	if r.State != want || !strings.Contains(r.Message, says) {
		b.T.Errorf("%s: %s; want %s: %s", r.State, r.Message, want, says)
	}
}

// Reading is a target that is read with a DSN of its own.
func (b *Bench) Reading(dsn string) *repair.Target {
	b.T.Helper()
	read, err := warehouse.Open(warehouse.Config{Name: "w", Dialect: b.Engine, DSN: sentinel.Secret(dsn), Now: Clock})
	b.Must(err)
	b.T.Cleanup(func() { b.Must(read.Close()) })
	return &repair.Target{Read: read, Write: b.Write, Now: Clock, Sources: Sources{"": read}}
}

// As is the DSN of another user of the same database.
func (b *Bench) As(user string) string {
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
func (b *Bench) DatabaseName() string {
	if b.Engine == "mysql" {
		return b.Schema
	}
	u, err := url.Parse(b.DSN)
	b.Must(err)
	return strings.TrimPrefix(u.Path, "/")
}
