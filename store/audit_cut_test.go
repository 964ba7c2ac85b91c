package store_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// TestAuditLogStaysVerifiableWhenCut appends and cuts at random. Entries that are young stay, old
// ones go, and the chain is verified after each step and in a backup.
func TestAuditLogStaysVerifiableWhenCut(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{
		"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "s.db"), "postgres": testenv.Postgres(t),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			s, err := store.Open(ctx, url)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			rng := rand.New(rand.NewPCG(1, 1))
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			written := map[int64]time.Time{}
			last := int64(0)
			for range 60 {
				for range rng.IntN(4) {
					now = now.Add(time.Duration(rng.IntN(72)) * time.Hour)
					if err := s.AppendAudit(ctx, store.AuditEntry{At: now, Actor: "ann", What: "x", Subject: fmt.Sprint(last)}); err != nil {
						t.Fatal(err)
					}
					last++
					written[last] = now
				}
				before := now.Add(-20 * 24 * time.Hour)
				removed, err := s.CutAudit(ctx, before, now)
				if err != nil {
					t.Fatal(err)
				}
				if removed > 0 {
					last++ // it tells of the cut
					written[last] = now
				}
				entries, _, err := s.VerifyAudit(ctx)
				if err != nil || entries != last {
					t.Fatalf("%d entries, want %d: %v", entries, last, err)
				}
				kept, err := s.Audit(ctx, "", 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				oldest := last + 1
				for _, e := range kept {
					oldest = min(oldest, e.Seq)
				}
				for seq, at := range written {
					if seq >= oldest != !at.Before(before) && seq != last {
						t.Fatalf("entry %d of %s is there %t, cut before %s", seq, at, seq >= oldest, before)
					}
				}
			}
			backup := filepath.Join(t.TempDir(), "backup.db")
			if err := s.Backup(ctx, backup); err != nil {
				t.Fatal(err)
			}
			copied, err := store.OpenReader(ctx, "sqlite:"+backup)
			if err != nil {
				t.Fatal(err)
			}
			defer copied.Close()
			if n, _, err := copied.VerifyAudit(ctx); err != nil || n != last {
				t.Errorf("the backup has %d entries, want %d: %v", n, last, err)
			}
		})
	}
}

// TestForgedCutsAreFound: who removes entries behind the program's back is found out.
func TestForgedCutsAreFound(t *testing.T) {
	t.Parallel()
	for name, forge := range map[string]string{
		"no anchor":            "DELETE FROM audit_anchor",
		"an anchor further on": "UPDATE audit_anchor SET seq = seq + 1, hash = (SELECT hash FROM audit WHERE seq = 4); DELETE FROM audit WHERE seq <= 4",
		"another hash":         "UPDATE audit_anchor SET hash = 'x'",
	} {
		path := filepath.Join(t.TempDir(), "s.db")
		s, err := store.Open(t.Context(), "sqlite:"+path)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for i := range 6 {
			if err := s.AppendAudit(t.Context(), store.AuditEntry{At: now.AddDate(0, 0, i), What: "x"}); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := s.CutAudit(t.Context(), now.AddDate(0, 0, 3), now); err != nil || n != 3 {
			t.Fatalf("%d, %v", n, err)
		}
		if _, _, err := s.VerifyAudit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("DELETE FROM audit WHERE seq = 5"); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("an entry that is no part of a cut was deleted: %v", err)
		}
		if _, err := db.Exec(forge); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := store.OpenReader(t.Context(), "sqlite:"+path)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := again.VerifyAudit(t.Context()); err == nil {
			t.Errorf("%s is not found", name)
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestOldRepairsGo: those that have ended go, but for the newest of each key, whose fence counts
// on, those that wait for a person, and those that run.
func TestOldRepairsGo(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{
		"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "s.db"), "postgres": testenv.Postgres(t),
	} {
		s, err := store.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		of := sentinel.Table{Warehouse: "w", Schema: "main", Name: "t"}
		old := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
		add := func(id, key string, at time.Time, to sentinel.RepairState) {
			r := sentinel.Repair{ID: id, Key: key, State: sentinel.RepairPlanned, Created: at, Check: "c", Table: of,
				Plan: sentinel.Plan{Table: of}}
			ok, err := s.AddRepair(t.Context(), r, store.AuditEntry{At: at, What: "x"})
			if err != nil || !ok {
				t.Fatalf("%s: %s: %t, %v", name, id, ok, err)
			}
			if to == r.State {
				return
			}
			all, err := s.Repairs(t.Context(), store.RepairFilter{ID: id})
			if err != nil || len(all) != 1 {
				t.Fatal(all, err)
			}
			all[0].State = to
			if _, err := s.MoveRepair(t.Context(), all[0], store.AuditEntry{At: at, What: "x"}); err != nil {
				t.Fatal(err)
			}
		}
		add("a1", "a", old, sentinel.RepairSucceeded)
		add("a2", "a", old, sentinel.DeadLetter)
		add("a3", "a", old, sentinel.RepairSucceeded)
		add("a4", "a", old.AddDate(2, 0, 0), sentinel.RepairSucceeded)
		add("b1", "b", old, sentinel.RepairSucceeded)
		add("c1", "c", old, sentinel.RepairPlanned)
		n, err := s.PruneRepairs(t.Context(), old.AddDate(1, 0, 0))
		if err != nil {
			t.Fatal(err)
		}
		left, err := s.Repairs(t.Context(), store.RepairFilter{})
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, r := range left {
			ids = append(ids, r.ID)
		}
		slices.Sort(ids)
		if want := []string{"a2", "a4", "b1", "c1"}; n != 2 || !slices.Equal(ids, want) {
			t.Errorf("%s: %d removed, %v are left, want %v", name, n, ids, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
