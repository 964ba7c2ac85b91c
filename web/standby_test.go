package web_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/web"
)

// A standby is guarded as the leader is.
func TestAStandbyIsGuarded(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &web.Standby{
		Metrics: exporters.NewPrometheus("v"), Ready: func() bool { return true }, Log: slog.New(slog.DiscardHandler),
		Clock: sentinel.ClockFunc(func() time.Time { return time.Unix(1_800_000_000, 0) }),
		Access: access.Access{Metrics: "token", Tokens: []access.Token{
			{Name: "grafana", Role: access.Viewer, Text: sentinel.NewSecret("token-of-grafana")},
		}},
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, listener) }()
	for _, c := range []struct {
		host, path, token string
		want              int
	}{
		{"", "/metrics", "", 401}, {"", "/metrics", "wrong", 401}, {"", "/metrics", "token-of-grafana", 200},
		{"rebound.example", "/metrics", "token-of-grafana", 421}, {"rebound.example", "/-/healthy", "", 200},
		{"rebound.example", "/-/leader", "", 503}, {"", "/-/ready", "", 200}, {"", "/", "", 503},
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+listener.Addr().String()+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = c.host
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close() != nil || resp.StatusCode != c.want {
			t.Errorf("%+v: %s", c, resp.Status)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
