package repair_test

import (
	"context"
	"strings"
	"testing"

	sentinel "github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestC02NothingIsRepairedByWhatAStandbySays: the primary is gone, and checks
// read its standby. Once that is promoted, and repair_dsn leads to it, repairs
// go on.
func TestC02NothingIsRepairedByWhatAStandbySays(t *testing.T) {
	t.Parallel()
	primary, err := testenv.StartPostgres("fsync=off")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(primary.Stop)
	b := newBenchAt(t, "postgres", primary.DSN)
	b.orders()
	standby, err := testenv.StartStandby(primary)
	b.must(err)
	t.Cleanup(standby.Stop)
	other := newBench(t, "postgres") // a second server that can be written to
	cfg := warehouse.Config{Name: "w", DSN: sentinel.Secret(primary.DSN), StandbyDSN: []sentinel.Secret{sentinel.Secret(standby.DSN)}, Now: clock}
	host := func(dsn string) string {
		_, rest, _ := strings.Cut(dsn, "@")
		at, _, _ := strings.Cut(rest, "/")
		return at
	}
	cfg.RepairDSN = sentinel.Secret("postgres://postgres@" + host(primary.DSN) + "," + host(standby.DSN) + "/postgres?sslmode=disable&target_session_attrs=read-write")
	read, err := warehouse.Open(cfg)
	b.must(err)
	write, err := repair.OpenWriter(cfg)
	b.must(err)
	t.Cleanup(func() { b.must(read.Close(), write.Close()) })
	primary.Halt(true)
	if _, err := read.Catalog(t.Context(), warehouse.Scope{}); err != nil || read.Place() != "standby 1" {
		t.Fatalf("%v at %q", err, read.Place())
	}
	b.dsn = standby.DSN
	use := func(w *repair.Writer) {
		b.repair.Target = func(context.Context, sentinel.Table) (*repair.Target, error) {
			return &repair.Target{Read: read, Write: w, Now: clock, Warehouse: func(string) (*warehouse.DB, error) { return read, nil }}, nil
		}
	}
	refused := func(why string) {
		t.Helper()
		before := b.content("orders")
		r, err := b.repair.Consider(t.Context(), b.reload(repair.Auto), b.incident(tuesday))
		b.must(err, b.repair.Advance(t.Context()))
		if r == nil || r.Plan.Class != sentinel.ClassRefused || !strings.Contains(r.Plan.Why, why) || b.content("orders") != before {
			t.Errorf("%+v", r)
		}
	}
	use(write)
	refused("nothing is repaired by what a standby says")

	b.must(standby.Exec("SELECT pg_promote(true, 30)"))
	use(other.write)
	refused("repair_dsn leads to another server")
	use(write)
	if r := b.repaired(b.reload(repair.Auto), b.incident(tuesday)); r.State != sentinel.RepairSucceeded || strings.Count(b.content("orders"), "new") != 8 {
		t.Errorf("after the promotion: %s %s\n%s", r.State, r.Message, b.content("orders"))
	}
}
