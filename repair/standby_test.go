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

// TestNothingIsRepairedByWhatAStandbySays: the primary does not answer, and a
// second server does.
func TestNothingIsRepairedByWhatAStandbySays(t *testing.T) {
	t.Parallel()
	b := newBench(t, "postgres")
	b.orders()
	dead, err := testenv.StartPostgres("fsync=off")
	b.must(err)
	defer dead.Stop()
	read, err := warehouse.Open(warehouse.Config{Name: "w", DSN: sentinel.Secret(dead.DSN), StandbyDSN: []sentinel.Secret{sentinel.Secret(b.dsn)}, Now: clock})
	b.must(err)
	t.Cleanup(func() { b.must(read.Close()) })
	dead.Halt(true)
	if _, err := read.Catalog(t.Context(), warehouse.Scope{}); err != nil || read.Place() != "standby 1" {
		t.Fatalf("%v at %q", err, read.Place())
	}
	b.repair.Target = func(context.Context, sentinel.Table) (*repair.Target, error) {
		return &repair.Target{Read: read, Write: b.write, Now: clock, Warehouse: func(string) (*warehouse.DB, error) { return read, nil }}, nil
	}
	before := b.content("orders")
	r, err := b.repair.Consider(t.Context(), b.reload(repair.Auto), b.incident(tuesday))
	b.must(err, b.repair.Advance(t.Context()))
	if r == nil || r.Plan.Class != sentinel.ClassRefused || !strings.Contains(r.Plan.Why, "nothing is repaired by what a standby says") || b.content("orders") != before {
		t.Errorf("%+v", r)
	}
}
