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

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/testenv"
)

// proxied starts a proxy before a PostgreSQL and returns the address through it.
func proxied(t *testing.T, address string) (*toxiproxy.Proxy, string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, t.Name(), "127.0.0.1:0", u.Host)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	u.Host = proxy.Listen
	return proxy, u.String()
}

// TestC05TheWayToTheStateMisbehaves: every call ends in its time, with an error
// or an answer; what was recorded is there once, and once the network is well
// everything is. No goroutine is left, and little memory.
func TestC05TheWayToTheStateMisbehaves(t *testing.T) { // not parallel: it counts goroutines
	for name, c := range map[string]struct {
		toxic string
		fails bool
	}{
		"slow": {`{"name": "t", "type": "latency", "attributes": {"latency": 40, "jitter": 20}}`, false},
		"in small pieces": {
			`{"name": "t", "type": "slicer", "attributes": {"average_size": 7, "size_variation": 3, "delay": 50}}`,
			false,
		},
		"reset":     {`{"name": "t", "type": "reset_peer", "attributes": {"timeout": 0}}`, true},
		"half open": {`{"name": "t", "type": "timeout", "attributes": {"timeout": 0}}`, true},
		"half open, to it": {
			`{"name": "t", "type": "timeout", "stream": "upstream", "attributes": {"timeout": 0}}`,
			true,
		},
		"cut after some bytes": {`{"name": "t", "type": "limit_data", "attributes": {"bytes": 50}}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			direct := testenv.Postgres(t)
			leaks := testenv.Leaks(t)
			proxy, through := proxied(t, direct)
			s, err := store.Open(t.Context(), through)
			if err != nil {
				t.Fatal(err)
			}
			record(t, s, batch(0))
			if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(c.toxic)); err != nil {
				t.Fatal(err)
			}
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
			if err := proxy.Toxics.RemoveToxic(t.Context(), "t"); err != nil {
				t.Fatal(err)
			}
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
			proxy.Stop()
			leaks()
			var memory runtime.MemStats
			if runtime.ReadMemStats(&memory); memory.HeapInuse > 200<<20 {
				t.Errorf("%d MB of heap", memory.HeapInuse>>20)
			}
		})
	}
}

// within holds a call to the time that it is given, and to whether it works.
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

// TestC32AFrozenLeaderIsOvertaken: a process that is stopped keeps its
// connections, and with them the lock. One that was not heard of for some
// seconds is overtaken, and writes nothing when it goes on.
func TestC32AFrozenLeaderIsOvertaken(t *testing.T) {
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
