package testenv

import (
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Network is a proxy (Toxiproxy) in front of a server. A test makes it misbehave.
type Network struct {
	proxy *toxiproxy.Proxy
	toxic string
}

// NewNetwork starts a proxy in front of a server's host and port. toxic is the JSON of a
// Toxiproxy toxic, without its name; [Network.Disturb] adds it. Stop the network
// before the test looks for goroutines that are left.
func NewNetwork(tb testing.TB, upstream, toxic string) *Network {
	tb.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	proxy := toxiproxy.NewProxy(server, tb.Name(), "127.0.0.1:0", upstream)
	if err := proxy.Start(); err != nil {
		tb.Fatal(err)
	}
	return &Network{proxy: proxy, toxic: toxic}
}

// Address is the host and port that lead to the server through the proxy.
func (n *Network) Address() string { return n.proxy.Listen }

// Disturb adds the toxic.
func (n *Network) Disturb(tb testing.TB) {
	tb.Helper()
	toxic := `{"name": "toxic", ` + strings.TrimPrefix(n.toxic, "{")
	if _, err := n.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
		tb.Fatal(err)
	}
}

// Restore removes the toxic.
func (n *Network) Restore(tb testing.TB) {
	tb.Helper()
	if err := n.proxy.Toxics.RemoveToxic(tb.Context(), "toxic"); err != nil {
		tb.Fatal(err)
	}
}

// Stop stops the proxy.
func (n *Network) Stop() { n.proxy.Stop() }
