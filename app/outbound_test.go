package app_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sentinel-dq/sentinel/testenv"
)

// TestEveryRequestLeavesByTheRules: channels, hooks, exporters, backups and OpenTelemetry go through
// the configured proxy and trust the configured authority; a channel with rules of its own
// goes by those.
func TestEveryRequestLeavesByTheRules(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	authority := testenv.NewAuthority(t, dir)
	var mu sync.Mutex
	got := map[string]bool{}
	receives := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		got[r.Host+r.URL.Path] = true
	}))
	receives.TLS = &tls.Config{Certificates: []tls.Certificate{
		authority.Server(t, "chat.example", "hook.example", "influx.example", "otel.example", "s3.example", "localhost"),
	}}
	receives.StartTLS()
	t.Cleanup(receives.Close)
	address := receives.Listener.Addr().String()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	proxy := testenv.NewProxy(t, address, "tiger-of-proxy")
	w := &way{T: t, dir: dir, agent: freeAddress(t)}
	testenv.Exec(t, "sqlite", filepath.Join(dir, "shop.db"), "CREATE TABLE orders (id INTEGER PRIMARY KEY)")
	w.write("proxy", "http://u:tiger-of-proxy@"+proxy.Address+"\n")
	w.write("sentinel.yaml", fmt.Sprintf(`
state: sqlite:state.db
listen: %s
outbound: {ca_file: ca.pem, proxy_url_file: proxy, no_proxy: [.internal.example]}
warehouses: {shop: {dsn: "sqlite:shop.db"}}
defaults: {schedule: "@every 1s", timezone: UTC}
notify:
  chat: {webhook: {url: "https://chat.example/notice"}}
  direct: {webhook: {url: "https://localhost:%s/direct"}, outbound: {ca_file: ca.pem, proxy_url: none}}
backup: {to: "s3://bucket", endpoint: "https://s3.example", schedule: "@every 1s", region: r, access_key: a, secret_key: b}
exporters: [{influx: {url: "https://influx.example", bucket: b, org: o, token: tiger-of-influx}}]
datasets:
  - table: shop.main.orders
    checks: [row_count > 0]
    repair: [{on: [row_count], mode: auto, webhook: {url: "https://hook.example/reload"}}]
`, w.agent, port))
	w.environment = []string{"OTEL_EXPORTER_OTLP_ENDPOINT=https://otel.example", "OTEL_BSP_SCHEDULE_DELAY=100"}
	w.start("sentinel", "run", "-c", "sentinel.yaml", "--log-level", "debug")
	w.until("a backup", func() bool { return proxy.Asked("s3.example:443") })
	for host, path := range map[string]string{
		"chat.example": "/notice", "hook.example": "/reload", "influx.example": "/api/v2/write", "otel.example": "/v1/traces",
		"localhost:" + port: "/direct",
	} {
		w.until("a request to "+host, func() bool {
			mu.Lock()
			defer mu.Unlock()
			return got[host+path] || got[host+":443"+path]
		})
		if through := proxy.Asked(host+":443") || proxy.Asked(host); through == strings.HasPrefix(host, "localhost") {
			t.Errorf("%s through the proxy: %t", host, through)
		}
	}
}
