package store_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// A repair of a process that has ended can be taken up once the leases are released, with
// the next fence. One that has ended stays as it is.
func TestReleasedLeases(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Now()
	of := sentinel.Table{Warehouse: "w", Schema: "main", Name: "t"}
	r := sentinel.Repair{ID: "r1", Key: "k", Check: "c", Table: of, Plan: sentinel.Plan{Table: of},
		State: sentinel.RepairStaging, Created: now}
	if _, err := s.AddRepair(t.Context(), r, store.AuditEntry{At: now, Actor: "a", What: "test"}); err != nil {
		t.Fatal(err)
	}
	stored, err := s.Repairs(t.Context(), store.RepairFilter{ID: "r1"})
	if err != nil || len(stored) != 1 {
		t.Fatalf("%v, %v", stored, err)
	}
	held, err := s.ClaimRepair(t.Context(), stored[0], "dead", now, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ClaimRepair(t.Context(), held, "next", now, now.Add(time.Hour)); !errors.Is(err, store.ErrStale) {
		t.Fatalf("taken from a lease that runs: %v", err)
	}
	others := func(holder string) bool { return holder != "dead" }
	if err := s.ReleaseLeases(t.Context(), others); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ClaimRepair(t.Context(), held, "next", now, now.Add(time.Hour)); !errors.Is(err, store.ErrStale) {
		t.Fatalf("taken from a holder that has not ended: %v", err)
	}
	if err := s.ReleaseLeases(t.Context(), func(holder string) bool { return holder == "dead" }); err != nil {
		t.Fatal(err)
	}
	taken, err := s.ClaimRepair(t.Context(), held, "next", now, now.Add(time.Hour))
	if err != nil || taken.Holder != "next" || taken.Fence != held.Fence+1 {
		t.Errorf("%+v, %v", taken, err)
	}
}
