package testenv

import (
	"context"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Network is a proxy (Toxiproxy) in front of a server. A test makes it fail.
type Network struct {
	proxy *toxiproxy.Proxy
	toxic string
}

// NetworkFault is a way in which a network fails.
type NetworkFault struct {
	Toxic string // JSON of the toxic, for [NewNetwork]
	Fails bool   // whether statements must fail
}

// NetworkFaults are the faults that the sessions of every engine are tested with, by
// name.
var NetworkFaults = map[string]NetworkFault{
	"slow": {Toxic: `{"type": "latency", "attributes": {"latency": 150, "jitter": 50}}`},
	"in small pieces": {
		Toxic: `{"type": "slicer", "attributes": {"average_size": 7, "size_variation": 3, "delay": 50}}`,
	},
	"reset":                {Toxic: `{"type": "reset_peer", "attributes": {"timeout": 0}}`, Fails: true},
	"half open":            {Toxic: `{"type": "timeout", "attributes": {"timeout": 0}}`, Fails: true},
	"cut after some bytes": {Toxic: `{"type": "limit_data", "attributes": {"bytes": 200}}`, Fails: true},
}

// NewNetwork starts a proxy in front of a server's host and port. toxic is the JSON of
// a Toxiproxy toxic, without its name. [Network.Disturb] adds it. Call Stop before the
// test checks for leaked goroutines.
func NewNetwork(tb testing.TB, upstream, toxic string) *Network {
	tb.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, tb.Name(), "127.0.0.1:0", upstream)
	if err := proxy.Start(); err != nil {
		tb.Fatal(err)
	}
	return &Network{proxy: proxy, toxic: toxic}
}

// Address returns the host and port of the proxy.
func (n *Network) Address() string { return n.proxy.Listen }

// Disturb adds the toxic.
func (n *Network) Disturb(tb testing.TB) {
	tb.Helper()
	if err := n.Add(n.toxic); err != nil {
		tb.Fatal(err)
	}
}

// Add adds a toxic, in the form of [NewNetwork]. There can be one at a time.
func (n *Network) Add(toxic string) error {
	named := `{"name": "toxic", ` + strings.TrimPrefix(toxic, "{")
	_, err := n.proxy.Toxics.AddToxicJson(strings.NewReader(named))
	return err
}

// Restore removes the toxic.
func (n *Network) Restore(tb testing.TB) {
	tb.Helper()
	if err := n.Remove(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

// Remove removes the toxic that Add has added.
func (n *Network) Remove(ctx context.Context) error {
	return n.proxy.Toxics.RemoveToxic(ctx, "toxic")
}

// Stop stops the proxy.
func (n *Network) Stop() { n.proxy.Stop() }
