package repair_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestC02NoRepairFromStandby: the primary is gone, and checks
// read its standby. Once that is promoted, and repair_dsn leads to it, repairs
// go on.
func TestC02NoRepairFromStandby(t *testing.T) {
	t.Parallel()
	b, p := newPair(t)
	primary, standby, read, write := p.primary, p.standby, p.read, p.write
	other := repairtest.New(t, "postgres") // a second server that can be written to
	primary.Halt(true)
	if _, err := read.Catalog(t.Context(), warehouse.Scope{}); err != nil || read.Server() != "standby 1" {
		t.Fatalf("%v at %q", err, read.Server())
	}
	b.Owner = standby.DSN
	use := func(w *repair.Writer) {
		b.Agent.Target = func(context.Context, sentinel.Table) (*repair.Target, error) {
			return p.target(w), nil
		}
	}
	refused := func(why string) {
		t.Helper()
		before := b.Rows("orders")
		r, err := b.Agent.PlanRepair(t.Context(), b.ReloadPolicy(repair.Auto), b.OpenIncident(repairtest.MissingDay))
		b.Must(err, b.Agent.Advance(t.Context()))
		if r == nil || r.Plan.Class != sentinel.ClassRefused || !strings.Contains(r.Plan.Why, why) || b.Rows("orders") != before {
			t.Errorf("%+v", r)
		}
	}
	use(write)
	refused("nothing is repaired by what a standby says")

	b.Must(standby.Exec("SELECT pg_promote(true, 30)"))
	use(other.Write)
	refused("repair_dsn leads to another server")
	use(write)
	if r := b.RunRepair(b.ReloadPolicy(repair.Auto), b.OpenIncident(repairtest.MissingDay)); r.State != sentinel.RepairSucceeded || strings.Count(b.Rows("orders"), "new") != 8 {
		t.Errorf("after the promotion: %s %s\n%s", r.State, r.Message, b.Rows("orders"))
	}
}

// pair is a primary with a streaming standby, and what reads and writes on
// whichever of them is there.
type pair struct {
	primary, standby *testenv.Server
	read             *warehouse.DB
	write            *repair.Writer
}

func newPair(t *testing.T) (*repairtest.Fixture, *pair) {
	t.Helper()
	p := &pair{}
	var err error
	p.primary = testenv.NewPostgres(t)
	b := repairtest.NewAt(t, "postgres", p.primary.DSN)
	b.CreateOrders()
	p.standby = testenv.NewStandby(t, p.primary)
	host := func(dsn string) string {
		_, rest, _ := strings.Cut(dsn, "@")
		at, _, _ := strings.Cut(rest, "/")
		return at
	}
	cfg := warehouse.Config{Name: "w", DSN: sentinel.NewSecret(p.primary.DSN),
		StandbyDSN: []sentinel.Secret{sentinel.NewSecret(p.standby.DSN)}, Clock: repairtest.Clock}
	cfg.RepairDSN = sentinel.NewSecret("postgres://postgres@" + host(p.primary.DSN) + "," + host(p.standby.DSN) + "/postgres?sslmode=disable&target_session_attrs=read-write")
	p.read, err = warehouse.Open(cfg)
	b.Must(err)
	p.write, err = repair.OpenWriter(cfg)
	b.Must(err)
	t.Cleanup(func() { b.Must(p.read.Close(), p.write.Close()) })
	return b, p
}

func (p *pair) target(w *repair.Writer) *repair.Target {
	return &repair.Target{Read: p.read, Write: w, Clock: repairtest.Clock, Sources: repairtest.Sources{"": p.read}}
}

// TestC54CommitLostInFailoverIsRedone: a repair was committed on the
// primary, which died before its standby had it. The ledger of the new primary
// does not know of it, and it is carried out there.
func TestC54CommitLostInFailoverIsRedone(t *testing.T) {
	t.Parallel()
	b, p := newPair(t)
	b.Agent.Target = func(context.Context, sentinel.Table) (*repair.Target, error) { return p.target(p.write), nil }
	policy := b.ReloadPolicy(repair.Auto)
	r, err := b.Agent.PlanRepair(t.Context(), policy, b.OpenIncident(repairtest.MissingDay))
	b.Must(err)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	b.Agent.Failpoint = func(name string) {
		switch name {
		case "before_applying": // fence, ledger and staging are on the standby; what follows is not
			written := strings.Trim(repairtest.Query(t, "pgx", p.primary.DSN, "SELECT pg_current_wal_flush_lsn()::text"), "|\n")
			eventually(t, func() bool {
				return repairtest.Query(t, "pgx", p.standby.DSN, "SELECT pg_last_wal_replay_lsn() >= '"+written+"'") == "true|\n"
			})
			b.Must(p.standby.Exec("ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()"))
			eventually(t, func() bool {
				return repairtest.Query(t, "pgx", p.standby.DSN, "SELECT count(*) FROM pg_stat_wal_receiver") == "0|\n"
			})
		case "after_apply_commit":
			stop()
		}
	}
	if err := b.Agent.Advance(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if got := b.Rows("orders"); strings.Count(got, "new") != 8 {
		t.Fatalf("committed on the primary:\n%s", got)
	}
	p.primary.Halt(true)
	b.Must(p.standby.Exec("SELECT pg_promote(true, 30)"))
	b.Owner = p.standby.DSN
	if got := b.Rows("orders"); strings.Contains(got, "new") {
		t.Fatalf("the standby has the commit:\n%s", got)
	}
	next := b.NewAgent("agent-2", nil)
	next.Target = b.Agent.Target
	next.SetPolicies([]*repair.Policy{policy})
	var later time.Duration
	next.Clock = sentinel.ClockFunc(func() time.Time { return repairtest.Clock.Now().Add(later) })
	for range 5 { // connections to the dead primary are given up one by one
		later += 16 * time.Minute
		b.Must(next.Advance(t.Context()))
	}
	if done := b.Get(r.ID); done.State != sentinel.RepairSucceeded || strings.Count(b.Rows("orders"), "new") != 8 || strings.Count(b.Rows("orders"), "old") != 10 {
		t.Errorf("%s: %s\n%s", done.State, done.Message, b.Rows("orders"))
	}
}

func eventually(t *testing.T, met func() bool) {
	t.Helper()
	for deadline := repairtest.Clock.Now().Add(30 * time.Second); !met(); {
		if repairtest.Clock.Now().After(deadline) {
			t.Fatal("the condition was not met in time")
		}
	}
}
