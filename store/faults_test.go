package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// TestC05BadNetworkToTheState checks that every call ends in its time, with an error or an
// answer. Each batch is there once when the network is restored. No goroutine and little
// memory is left. The test is not parallel, because it counts goroutines.
func TestC05BadNetworkToTheState(t *testing.T) {
	for name, c := range map[string]struct {
		toxic string
		fails bool
	}{
		"slow": {`{"type": "latency", "attributes": {"latency": 40, "jitter": 20}}`, false},
		"in small pieces": {
			`{"type": "slicer", "attributes": {"average_size": 7, "size_variation": 3, "delay": 50}}`,
			false,
		},
		"reset":     {`{"type": "reset_peer", "attributes": {"timeout": 0}}`, true},
		"half open": {`{"type": "timeout", "attributes": {"timeout": 0}}`, true},
		"half open, to it": {
			`{"type": "timeout", "stream": "upstream", "attributes": {"timeout": 0}}`,
			true,
		},
		"cut after some bytes": {`{"type": "limit_data", "attributes": {"bytes": 50}}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			address, err := url.Parse(testenv.Postgres(t))
			if err != nil {
				t.Fatal(err)
			}
			checkLeaks := testenv.Leaks(t)
			network := testenv.NewNetwork(t, address.Host, c.toxic)
			address.Host = network.Address()
			s, err := store.Open(t.Context(), address.String())
			if err != nil {
				t.Fatal(err)
			}
			record(t, s, batch(0))
			network.Disturb(t)
			for n := range 2 {
				within(t, !c.fails, "recording", func(ctx context.Context) error {
					_, err := s.Record(ctx, batch(n+1))
					return err
				})
				within(t, !c.fails, "reading", func(ctx context.Context) error { _, err := s.LastTicks(ctx); return err })
			}
			if name != "cut after some bytes" { // a ping has fewer
				within(t, !c.fails, "leading", s.Leading)
			}
			network.Restore(t)
			eventually(t, func() error { return s.Leading(t.Context()) })
			for n := range 4 { // again, as the agent does with what it could not record
				eventually(t, func() error { _, err := s.Record(t.Context(), batch(n)); return err })
			}
			if got := values(t, s, "ratio", "", 99); len(got) != 4 {
				t.Errorf("4 batches were recorded, and there are %v", got)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			network.Stop()
			checkLeaks()
			var memory runtime.MemStats
			if runtime.ReadMemStats(&memory); memory.HeapInuse > 200<<20 {
				t.Errorf("%d MB of heap", memory.HeapInuse>>20)
			}
		})
	}
}

// within runs a call, and checks that it ends in time and whether it succeeds.
func within(t *testing.T, works bool, what string, call func(context.Context) error) {
	t.Helper()
	limit := 500 * time.Millisecond
	if works {
		limit = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	began := time.Now()
	err := call(ctx)
	if took := time.Since(began); took > limit+5*time.Second || (err == nil) != works {
		t.Errorf("%s took %s and ended with %v; want it to work: %t", what, took, err, works)
	}
}

// TestC32AFrozenLeaderIsReplaced checks a leader that is silent for some seconds. A stopped
// process keeps its connections, and so its lock. Another leader replaces it, and it writes
// nothing when it goes on.
func TestC32AFrozenLeaderIsReplaced(t *testing.T) {
	t.Parallel()
	address := testenv.Postgres(t)
	frozen := openURL(t, address)
	record(t, frozen, batch(0))
	if _, err := store.Open(t.Context(), address); !errors.Is(err, store.ErrLocked) {
		t.Fatalf("a second leader at once: %v", err)
	}
	var next *store.Store
	eventually(t, func() (err error) { next, err = store.Open(t.Context(), address); return err })
	t.Cleanup(func() {
		if err := next.Close(); err != nil {
			t.Error(err)
		}
	})
	record(t, next, batch(1))
	if _, err := frozen.Record(t.Context(), batch(2)); !errors.Is(err, store.ErrOvertaken) {
		t.Errorf("the frozen one wrote: %v", err)
	}
	if err := frozen.Leading(t.Context()); !errors.Is(err, store.ErrOvertaken) && !errors.Is(err, store.ErrLocked) {
		t.Errorf("the frozen one leads: %v", err)
	}
	if got := fmt.Sprint(values(t, next, "ratio", "", 9)); strings.Count(got, " ") != 1 {
		t.Errorf("two batches were recorded: %s", got)
	}
}
