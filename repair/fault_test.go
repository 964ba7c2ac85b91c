package repair_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func TestC16ReplacedTableIsNotChanged(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(b *repairtest.Fixture){
		"dropped and made anew": func(b *repairtest.Fixture) {
			b.Exec("DROP TABLE orders", "CREATE TABLE orders (id integer NOT NULL PRIMARY KEY, amount numeric(10,2), note varchar(20), at "+b.Instant+" NOT NULL)",
				"INSERT INTO orders VALUES (900, 1, 'mine', '2026-03-11 09:00:00')")
		},
		"a column renamed": func(b *repairtest.Fixture) { b.Exec("ALTER TABLE orders RENAME COLUMN note TO remark") },
		"a column added":   func(b *repairtest.Fixture) { b.Exec("ALTER TABLE orders ADD COLUMN extra integer") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
				b.CreateOrders()
				a := b.ReloadFromStaging()
				r := b.NewRun(a, b.Target())
				b.Must(a.Stage(t.Context(), r))
				change(b)
				before := b.Rows("orders")
				var changed *repair.ChangedError
				if err := a.Apply(t.Context(), r); !errors.As(err, &changed) || b.Rows("orders") != before {
					t.Errorf("%v\n%s", err, b.Rows("orders"))
				}
			})
		})
	}
}

func TestC28ConfigReloadKeepsRepairUnderWay(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		b.Exec("CREATE TABLE other AS SELECT * FROM staging", "UPDATE other SET note = 'other'")
		r := b.RunRepair(b.ReloadPolicy(repair.Manual), b.OpenIncident(repairtest.MissingDay))
		hash := r.Plan.Hash()
		b.Policy("reload_partition", &reload.Partition{From: []sentinel.Table{b.Table("other")}}, repair.Manual)
		_, err := repair.Decisions{Store: b.Store, Clock: repairtest.Clock, Who: "ann"}.Approve(t.Context(), r.ID, hash, 0)
		b.Must(err)
		r = b.AdvanceRepair(r.ID)
		if got := b.Rows("orders"); r.State != sentinel.RepairSucceeded || r.Plan.Hash() != hash || strings.Count(got, "new") != 8 || strings.Contains(got, "other") {
			t.Errorf("%s: %s\n%s", r.State, r.Message, got)
		}
		next := b.RunRepair(b.Agent.PoliciesFor(b.OpenIncident(repairtest.MissingDay).Incident)[0], b.OpenIncident("missing_partition:2026-03-11"))
		if do := strings.Join(next.Plan.Steps[0].Do, " ") + string(next.Plan.Details); !strings.Contains(do, "other") {
			t.Errorf("the next plan is not of the new configuration: %s", do)
		}
	})
}

// lockState keeps everybody else from writing to the state until it is told to
// let go.
func lockState(b *repairtest.Fixture) (unlock func()) {
	b.T.Helper()
	db, err := sql.Open("sqlite", b.State)
	b.Must(err)
	conn, err := db.Conn(b.T.Context())
	b.Must(err)
	_, err = conn.ExecContext(b.T.Context(), "BEGIN IMMEDIATE")
	b.Must(err)
	return func() {
		_, err := conn.ExecContext(context.Background(), "ROLLBACK")
		b.Must(err, conn.Close(), db.Close())
	}
}

func TestC29NoRepairWithoutState(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "sqlite")
	a := &act{}
	p := b.Policy("act", a, repair.Auto)
	why := b.OpenIncident("x")
	unlock := lockState(b)
	if r, err := b.Agent.PlanRepair(t.Context(), p, why); err == nil {
		t.Errorf("planned %+v", r)
	}
	unlock()
	r, err := b.Agent.PlanRepair(t.Context(), p, why)
	b.Must(err)
	unlock = lockState(b)
	if err := b.Agent.Advance(t.Context()); err == nil || a.applied.Load() != 0 {
		t.Errorf("%v; applied %d times", err, a.applied.Load())
	}
	unlock()
	b.WantState(b.AdvanceRepair(r.ID), sentinel.RepairSucceeded, "")
}

func TestC33LostLeaseRollsBack(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		before := b.Rows("orders")
		var held time.Duration
		a := &act{plan: sentinel.Plan{Guarantee: sentinel.ExactlyOnce}}
		a.apply = func(ctx context.Context, r *repair.Run) error {
			if got := b.Rows("orders"); got != before {
				t.Errorf("what was begun under the lost lease was kept:\n%s", got)
			}
			began := repairtest.Clock.Now()
			_, err := r.Target.Write.ApplyOnce(ctx, r, "apply", func(ctx context.Context, tx *sql.Tx) (int64, error) {
				if _, err := tx.ExecContext(ctx, "UPDATE orders SET note = 'new' WHERE id = 101"); err != nil || a.applied.Load() > 1 {
					return 1, err
				}
				unlock := lockState(b) // the target is within reach, the state is not
				defer unlock()
				<-ctx.Done() // as soon as the lease is not to be trusted any more
				held = repairtest.Clock.Now().Sub(began)
				return 1, ctx.Err()
			})
			return err
		}
		b.Agent = b.NewAgent("agent-1", func(c *repair.Config) { c.Lease = 300 * time.Millisecond })
		p := b.Policy("act", a, repair.Auto)
		r, err := b.Agent.PlanRepair(t.Context(), p, b.OpenIncident("x"))
		b.Must(err)
		b.Must(b.Agent.Advance(t.Context()))
		if held == 0 || held > 2*time.Second { // a state that does not answer would be waited for for five
			t.Errorf("a lease of 300ms was trusted for %s", held)
		}
		next := b.NewAgent("agent-2", nil)
		next.SetPolicies([]*repair.Policy{p})
		next.Clock = sentinel.ClockFunc(func() time.Time { return repairtest.Clock.Now().Add(time.Minute) })
		b.Must(next.Advance(t.Context()))
		b.WantState(b.Get(r.ID), sentinel.RepairSucceeded, "")
		if got := b.Rows("orders"); strings.Count(got, "new") != 1 {
			t.Errorf("the table holds\n%s", got)
		}
	})
}

func TestC45StoppedAgentLeavesRepairToNext(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		before := b.Rows("orders")
		p := b.ReloadPolicy(repair.Auto)
		r, err := b.Agent.PlanRepair(t.Context(), p, b.OpenIncident(repairtest.MissingDay))
		b.Must(err)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		b.Agent.Failpoint = func(name string) {
			if name == "in_apply_txn" {
				stop()
			}
		}
		if err := b.Agent.Advance(ctx); err != nil {
			t.Errorf("an agent that stops has nothing to complain of: %v", err)
		}
		if got := b.Rows("orders"); got != before {
			t.Fatalf("a transaction that was not committed is seen:\n%s", got)
		}
		if left := b.Get(r.ID); left.State.Final() || !left.Applied.IsZero() {
			t.Errorf("left as %s: %s", left.State, left.Message)
		}
		next := b.NewAgent("agent-2", nil)
		next.SetPolicies([]*repair.Policy{p})
		next.Clock = sentinel.ClockFunc(func() time.Time { return repairtest.Clock.Now().Add(12 * time.Second) }) // sooner than the lease would have run out
		b.Must(next.Advance(t.Context()))
		b.WantState(b.Get(r.ID), sentinel.RepairSucceeded, "")
		if got := b.Rows("orders"); strings.Count(got, "new") != 8 || strings.Count(got, "old") != 10 {
			t.Errorf("the table holds\n%s", got)
		}
	})
}

func TestC15DroppedTableIsNotReloaded(t *testing.T) {
	t.Parallel()
	repairtest.Each(t, func(t *testing.T, b *repairtest.Fixture) {
		b.CreateOrders()
		p := b.ReloadPolicy(repair.Auto)
		planned, err := b.Agent.PlanRepair(t.Context(), p, b.OpenIncident(repairtest.MissingDay))
		b.Must(err)
		b.Exec("DROP TABLE orders")
		if r := b.AdvanceRepair(planned.ID); r.State == sentinel.RepairSucceeded || !r.Applied.IsZero() {
			t.Errorf("planned before: %s %s", r.State, r.Message)
		}
		r, err := b.Agent.PlanRepair(t.Context(), p, b.OpenIncident("missing_partition:2026-03-10"))
		b.Must(err)
		if r == nil || r.Plan.Class != sentinel.ClassRefused || !strings.Contains(r.Plan.Why, "does not exist") {
			t.Errorf("planned after: %+v", r)
		}
	})
}

func TestC18DoctorWarnsOfRowSecurity(t *testing.T) {
	t.Parallel()
	b := repairtest.New(t, "postgres")
	b.CreateOrders()
	b.Exec("ALTER TABLE orders ENABLE ROW LEVEL SECURITY", "CREATE ROLE c18doctor LOGIN PASSWORD 'x'", "GRANT SELECT ON orders TO c18doctor")
	t.Cleanup(func() { b.Exec("DROP OWNED BY c18doctor", "DROP ROLE c18doctor") })
	read, err := warehouse.Open(warehouse.Config{Name: "w", DSN: sentinel.NewSecret(b.DSNOf("c18doctor")), Clock: repairtest.Clock})
	b.Must(err)
	t.Cleanup(func() { b.Must(read.Close()) })
	for _, d := range repair.Doctor(t.Context(), read, nil) {
		if d.Level == "warn" && strings.Contains(d.Text, "1 tables have row security") {
			return
		}
	}
	t.Error("the doctor says nothing")
}
