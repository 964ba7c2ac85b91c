package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// A decision and its entry of the audit log are one transaction: where the entry cannot be
// written, nothing is decided.
func TestDecisionsAreWrittenWithTheirEntries(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.db")
	s := open(t, path)
	if err := s.Enqueue(t.Context(), []store.OutboxItem{notice("a", 1, "opened", "g"), notice("b", 1, "opened", "h")}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		b, _ := claim(t, s, 1)
		if err := s.DeadLetterOutbox(t.Context(), b, at(1), "401"); err != nil {
			t.Fatal(err)
		}
	}
	sample := sentinel.Sample{Incident: "i", Check: "c"}
	kept := []store.State{{Kind: store.SampleState, Key: "i/c", Data: []byte(`{"incident":"i","check":"c"}`)}}
	if _, err := s.Record(t.Context(), store.Batch{States: kept}); err != nil {
		t.Fatal(err)
	}
	dead, err := s.Outbox(t.Context(), store.OutboxFilter{State: store.OutboxDead})
	if err != nil || len(dead) != 2 {
		t.Fatalf("%+v, %v", dead, err)
	}
	why := store.AuditEntry{At: at(2), Actor: "ann", What: "test.decided", Subject: "a", Detail: "why"}
	decisions := map[string]func() error{
		"a state": func() error {
			_, err := s.Record(t.Context(), store.Batch{
				States: []store.State{{Kind: "switch", Key: "k", Data: []byte("on")}}, Audit: []store.AuditEntry{why},
			})
			return err
		},
		"a retry": func() error {
			_, err := s.RetryDead(t.Context(), store.DeadLetters{Numbers: []int64{dead[0].Seq}}, why)
			return err
		},
		"a drop": func() error {
			_, err := s.DropDead(t.Context(), store.DeadLetters{Numbers: []int64{dead[1].Seq}}, why)
			return err
		},
		"samples": func() error {
			_, err := s.ForgetIncident(t.Context(), sample.Incident, why)
			return err
		},
	}
	what := func() (n [3]int) {
		t.Helper()
		states, err := s.States(t.Context(), "switch")
		if err != nil {
			t.Fatal(err)
		}
		samples, err := s.Samples(t.Context(), "i")
		if err != nil {
			t.Fatal(err)
		}
		dead, err := s.Outbox(t.Context(), store.OutboxFilter{State: store.OutboxDead})
		if err != nil {
			t.Fatal(err)
		}
		return [3]int{len(states), len(samples), len(dead)}
	}
	testenv.Exec(t, "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)",
		"CREATE TRIGGER no_entry BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no entry'); END")
	for name, decide := range decisions {
		if err := decide(); err == nil {
			t.Errorf("%s: decided without an entry", name)
		}
	}
	same(t, "states, samples and dead letters without entries", what(), [3]int{0, 1, 2})
	testenv.Exec(t, "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)", "DROP TRIGGER no_entry")
	for name, decide := range decisions {
		if err := decide(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	same(t, "states, samples and dead letters with entries", what(), [3]int{1, 0, 0})
	if log, err := s.Audit(t.Context(), "", 10); err != nil || len(log) != len(decisions) {
		t.Errorf("%d entries of %d decisions, %v", len(log), len(decisions), err)
	}
}

// TestForgottenSamplesLeaveTheFile: whatever was deleted of the samples of an incident before, nothing
// of them is in the files afterwards, and those of other incidents stay.
func TestForgottenSamplesLeaveTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.db")
	s := open(t, path)
	var kept []store.State
	for _, key := range []string{"é/a", "é/b", "éx/c"} {
		data := fmt.Sprintf(`{"incident":%q,"check":"secret %s"}`, key[:len(key)-2], key)
		kept = append(kept, store.State{Kind: store.SampleState, Key: key, Data: []byte(data)})
	}
	if _, err := s.Record(t.Context(), store.Batch{States: kept}); err != nil {
		t.Fatal(err)
	}
	testenv.Exec(t, "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=secure_delete(on)",
		"DELETE FROM state WHERE key = 'é/a'")
	for want := int64(1); want >= 0; want-- {
		n, err := s.ForgetIncident(t.Context(), "é", store.AuditEntry{At: at(1), Actor: "ann", What: "incident.forget"})
		if err != nil || n != want {
			t.Errorf("%d were removed, want %d: %v", n, want, err)
		}
		for _, suffix := range []string{"", "-wal"} {
			data, err := os.ReadFile(path + suffix)
			if err != nil || strings.Contains(string(data), "secret é/") {
				t.Errorf("%q: it holds a sample, or cannot be read: %v", suffix, err)
			}
		}
	}
	if left, err := s.Samples(t.Context(), "éx"); err != nil || len(left) != 1 {
		t.Errorf("%d samples of another incident are left, %v", len(left), err)
	}
}
