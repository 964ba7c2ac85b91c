package warehouse_test

import (
	"context"
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// TestC05ANetworkThatMisbehaves puts a proxy between pool and server: every call
// ends within its time limit, with an error of the right class or an answer,
// works again when the network does, and leaves no goroutine and little memory.
func TestC05ANetworkThatMisbehaves(t *testing.T) {
	for engine, dsn := range map[string]string{"postgres": testenv.Postgres(t), "mysql": testenv.MySQL(t)} {
		for name, c := range map[string]struct {
			toxic string
			fails bool
		}{
			"slow": {`{"name": "t", "type": "latency", "attributes": {"latency": 150, "jitter": 50}}`, false},
			"in small pieces": {
				`{"name": "t", "type": "slicer", "attributes": {"average_size": 7, "size_variation": 3, "delay": 50}}`,
				false,
			},
			"reset":                {`{"name": "t", "type": "reset_peer", "attributes": {"timeout": 0}}`, true},
			"half open":            {`{"name": "t", "type": "timeout", "attributes": {"timeout": 0}}`, true},
			"cut after some bytes": {`{"name": "t", "type": "limit_data", "attributes": {"bytes": 200}}`, true},
		} {
			t.Run(engine+" "+name, func(t *testing.T) {
				leaks := testenv.Leaks(t)
				proxy, through := between(t, engine, dsn)
				db, err := warehouse.Open(
					warehouse.Config{
						Name:             "w",
						Dialect:          engine,
						DSN:              sentinel.Secret(through),
						Now:              time.Now,
						StatementTimeout: 2 * time.Second,
						LockTimeout:      time.Second,
						MaxConnections:   2,
					},
				)
				if err != nil {
					t.Fatal(err)
				}
				answered(t, db, true)
				if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(c.toxic)); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				answered(t, db, !c.fails)
				if took := time.Since(start); took > 20*time.Second {
					t.Errorf("took %s", took)
				}
				if err := proxy.Toxics.RemoveToxic(t.Context(), "t"); err != nil {
					t.Fatal(err)
				}
				for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
					if failed := run(t.Context(), db); failed == nil {
						break
					} else if time.Now().After(deadline) {
						t.Fatalf("does not come back: %v", failed)
					}
				}
				if err := db.Close(); err != nil {
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
}

// between starts a proxy and returns it with the DSN that goes through it.
func between(t *testing.T, engine, dsn string) (*toxiproxy.Proxy, string) {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	var upstream string
	var join func(address string) string
	if engine == "postgres" {
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		upstream = u.Host
		join = func(address string) string { u.Host = address; return u.String() }
	} else {
		user, rest, _ := strings.Cut(dsn, "@tcp(")
		host, database, _ := strings.Cut(rest, ")")
		upstream = host
		join = func(address string) string { return user + "@tcp(" + address + ")" + database }
	}
	proxy := toxiproxy.NewProxy(server, t.Name(), "127.0.0.1:0", upstream)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	return proxy, join(proxy.Listen)
}

// run sends ten statements and returns the first error.
func run(ctx context.Context, db *warehouse.DB) (failed error) {
	ctx, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	var statements []warehouse.Statement
	for i := range 10 {
		statements = append(statements, warehouse.Statement{SQL: fmt.Sprintf("SELECT %d", i)})
	}
	errs := make([]error, len(statements))
	db.Run(ctx, statements, func(i int, rows warehouse.Rows, err error) {
		if errs[i] = err; err == nil && rows[0][0].Text != fmt.Sprint(i) {
			errs[i] = fmt.Errorf("statement %d is answered %s", i, rows[0][0].Text)
		}
	})
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func answered(t *testing.T, db *warehouse.DB, want bool) {
	t.Helper()
	err := run(t.Context(), db)
	if (err == nil) != want {
		t.Errorf("answered: %t, want %t: %v", err == nil, want, err)
	}
	if kind := warehouse.KindOf(err); err != nil && kind != warehouse.Unreachable && kind != warehouse.TimedOut {
		t.Errorf("class %q of %v", kind, err)
	}
}
