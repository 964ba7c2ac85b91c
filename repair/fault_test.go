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
	"github.com/sentinel-dq/sentinel/warehouse"
)

func TestC16ATableThatIsAnotherOneNowIsNotTouched(t *testing.T) {
	t.Parallel()
	at := map[string]string{"postgres": "timestamptz", "mysql": "datetime", "sqlite": "text"}
	for name, change := range map[string]func(b *bench){
		"dropped and made anew": func(b *bench) {
			b.exec("DROP TABLE orders", "CREATE TABLE orders (id integer NOT NULL PRIMARY KEY, amount numeric(10,2), note varchar(20), at "+at[b.engine]+" NOT NULL)",
				"INSERT INTO orders VALUES (900, 1, 'mine', '2026-03-11 09:00:00')")
		},
		"a column renamed": func(b *bench) { b.exec("ALTER TABLE orders RENAME COLUMN note TO remark") },
		"a column added":   func(b *bench) { b.exec("ALTER TABLE orders ADD COLUMN extra integer") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, b *bench) {
				b.orders()
				a := b.fromStaging()
				r := b.planned(a, b.target())
				b.must(a.Stage(t.Context(), r))
				change(b)
				before := b.content("orders")
				var changed *repair.ChangedError
				if err := a.Apply(t.Context(), r); !errors.As(err, &changed) || b.content("orders") != before {
					t.Errorf("%v\n%s", err, b.content("orders"))
				}
			})
		})
	}
}

func TestC28AReloadOfTheConfigurationLeavesWhatIsUnderWayAsItWasPlanned(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		b.exec("CREATE TABLE other AS SELECT * FROM staging", "UPDATE other SET note = 'other'")
		r := b.repaired(b.reload(repair.Manual), b.incident(tuesday))
		hash := r.Plan.Hash()
		b.policy("reload_partition", &repair.ReloadPartition{From: []sentinel.Table{b.table("other")}}, repair.Manual)
		_, err := repair.Decisions{Store: b.store, Now: clock, Who: "ann"}.Approve(t.Context(), r.ID, hash, 0)
		b.must(err)
		r = b.advanced(r.ID)
		if got := b.content("orders"); r.State != sentinel.RepairSucceeded || r.Plan.Hash() != hash || strings.Count(got, "new") != 8 || strings.Contains(got, "other") {
			t.Errorf("%s: %s\n%s", r.State, r.Message, got)
		}
		next := b.repaired(b.repair.PoliciesFor(b.incident(tuesday).Incident)[0], b.incident("missing_partition:2026-03-11"))
		if do := strings.Join(next.Plan.Steps[0].Do, " ") + string(next.Plan.Details); !strings.Contains(do, "other") {
			t.Errorf("the next plan is not of the new configuration: %s", do)
		}
	})
}

// lockState keeps everybody else from writing to the state until it is told to
// let go.
func (b *bench) lockState() (unlock func()) {
	b.t.Helper()
	db, err := sql.Open("sqlite", b.state)
	b.must(err)
	conn, err := db.Conn(b.t.Context())
	b.must(err)
	_, err = conn.ExecContext(b.t.Context(), "BEGIN IMMEDIATE")
	b.must(err)
	return func() {
		_, err := conn.ExecContext(context.Background(), "ROLLBACK")
		b.must(err, conn.Close(), db.Close())
	}
}

func TestC29WithoutAStateNothingIsRepaired(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite")
	a := &act{}
	p := b.policy("act", a, repair.Auto)
	why := b.incident("x")
	unlock := b.lockState()
	if r, err := b.repair.Consider(t.Context(), p, why); err == nil {
		t.Errorf("planned %+v", r)
	}
	unlock()
	r, err := b.repair.Consider(t.Context(), p, why)
	b.must(err)
	unlock = b.lockState()
	if err := b.repair.Advance(t.Context()); err == nil || a.applied.Load() != 0 {
		t.Errorf("%v; applied %d times", err, a.applied.Load())
	}
	unlock()
	b.stands(b.advanced(r.ID), sentinel.RepairSucceeded, "")
}

func TestC33AnAgentThatCannotHoldItsLeaseRollsBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		before := b.content("orders")
		var held time.Duration
		a := &act{plan: sentinel.Plan{Guarantee: sentinel.ExactlyOnce}}
		a.apply = func(ctx context.Context, r *repair.Run) error {
			if got := b.content("orders"); got != before {
				t.Errorf("what was begun under the lost lease was kept:\n%s", got)
			}
			began := clock()
			_, err := r.Target.Write.Commit(ctx, r, "apply", func(ctx context.Context, tx *sql.Tx) (int64, error) {
				if _, err := tx.ExecContext(ctx, "UPDATE orders SET note = 'new' WHERE id = 101"); err != nil || a.applied.Load() > 1 {
					return 1, err
				}
				unlock := b.lockState() // the target is within reach, the state is not
				defer unlock()
				<-ctx.Done() // as soon as the lease is not to be trusted any more
				held = clock().Sub(began)
				return 1, ctx.Err()
			})
			return err
		}
		p := b.policy("act", a, repair.Auto)
		b.repair.Lease = 300 * time.Millisecond
		r, err := b.repair.Consider(t.Context(), p, b.incident("x"))
		b.must(err)
		b.must(b.repair.Advance(t.Context()))
		if held == 0 || held > 2*time.Second { // a state that does not answer would be waited for for five
			t.Errorf("a lease of 300ms was trusted for %s", held)
		}
		next := b.newEngine("agent-2")
		next.SetPolicies([]*repair.Policy{p})
		next.Now = func() time.Time { return clock().Add(time.Minute) }
		b.must(next.Advance(t.Context()))
		b.stands(b.get(r.ID), sentinel.RepairSucceeded, "")
		if got := b.content("orders"); strings.Count(got, "new") != 1 {
			t.Errorf("the table holds\n%s", got)
		}
	})
}

func TestC45AnAgentThatIsStoppedLeavesItsRepairToTheNext(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		before := b.content("orders")
		p := b.reload(repair.Auto)
		r, err := b.repair.Consider(t.Context(), p, b.incident(tuesday))
		b.must(err)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		b.repair.Failpoint = func(name string) {
			if name == "in_apply_txn" {
				stop()
			}
		}
		if err := b.repair.Advance(ctx); err != nil {
			t.Errorf("an agent that stops has nothing to complain of: %v", err)
		}
		if got := b.content("orders"); got != before {
			t.Fatalf("a transaction that was not committed is seen:\n%s", got)
		}
		if left := b.get(r.ID); left.State.Final() || !left.Applied.IsZero() {
			t.Errorf("left as %s: %s", left.State, left.Message)
		}
		next := b.newEngine("agent-2")
		next.SetPolicies([]*repair.Policy{p})
		next.Now = func() time.Time { return clock().Add(12 * time.Second) } // sooner than the lease would have run out
		b.must(next.Advance(t.Context()))
		b.stands(b.get(r.ID), sentinel.RepairSucceeded, "")
		if got := b.content("orders"); strings.Count(got, "new") != 8 || strings.Count(got, "old") != 10 {
			t.Errorf("the table holds\n%s", got)
		}
	})
}

func TestC15ATableThatIsGoneIsNotReloaded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.orders()
		p := b.reload(repair.Auto)
		planned, err := b.repair.Consider(t.Context(), p, b.incident(tuesday))
		b.must(err)
		b.exec("DROP TABLE orders")
		if r := b.advanced(planned.ID); r.State == sentinel.RepairSucceeded || !r.Applied.IsZero() {
			t.Errorf("planned before: %s %s", r.State, r.Message)
		}
		r, err := b.repair.Consider(t.Context(), p, b.incident("missing_partition:2026-03-10"))
		b.must(err)
		if r == nil || r.Plan.Class != sentinel.ClassRefused || !strings.Contains(r.Plan.Why, "does not exist") {
			t.Errorf("planned after: %+v", r)
		}
	})
}

func TestC18DoctorWarnsOfRowSecurity(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres")
	b.orders()
	b.exec("ALTER TABLE orders ENABLE ROW LEVEL SECURITY", "CREATE ROLE c18doctor LOGIN PASSWORD 'x'", "GRANT SELECT ON orders TO c18doctor")
	t.Cleanup(func() { b.exec("DROP OWNED BY c18doctor", "DROP ROLE c18doctor") })
	read, err := warehouse.Open(warehouse.Config{Name: "w", DSN: sentinel.Secret(b.as("c18doctor")), Now: clock})
	b.must(err)
	t.Cleanup(func() { b.must(read.Close()) })
	for _, d := range repair.Doctor(t.Context(), read, nil) {
		if d.Level == "warn" && strings.Contains(d.Text, "1 tables have row security") {
			return
		}
	}
	t.Error("the doctor says nothing")
}
