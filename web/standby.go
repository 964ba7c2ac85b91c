package web

import (
	"context"
	"log/slog"
	"net"
	"net/http"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
)

// Standby is what an agent serves while another one leads: probes and metrics. Names of hosts,
// tokens and limits are those of a [Server].
type Standby struct {
	Metrics http.Handler
	Access  access.Access
	Ready   func() bool // never blocks
	Clock   sentinel.Clock
	Log     *slog.Logger

	door
}

// Serve serves requests on l until ctx ends. It closes l and its connections then, because
// the agent that begins to lead needs the address.
func (s *Standby) Serve(ctx context.Context, l net.Listener) error {
	guard := s.open(s.Access, l.Addr(), s.Clock, s)
	srv := limited(s.handler(guard), s.Log)
	ended := make(chan error, 1)
	serving, stop := context.WithCancel(ctx)
	go func() {
		guard.Keep(serving)
		<-serving.Done()
		ended <- srv.Close()
	}()
	err := serveOn(srv, l, s.Access)
	stop()
	closed := <-ended
	if ctx.Err() != nil {
		return closed
	}
	return err
}

func (s *Standby) handler(g *access.Guard) http.Handler {
	mux := http.NewServeMux()
	say := func(code int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, text, code) }
	}
	mux.Handle("GET /metrics", g.ReadsMetrics(s.Metrics))
	mux.HandleFunc("GET /-/healthy", say(http.StatusOK, "healthy"))
	mux.HandleFunc("GET /-/ready", func(w http.ResponseWriter, r *http.Request) {
		if !s.Ready() {
			say(http.StatusServiceUnavailable, "starting: the state or the datasets are not read yet")(w, r)
			return
		}
		say(http.StatusOK, "ready: this agent stands by, and works for the leader")(w, r)
	})
	mux.HandleFunc("/", say(http.StatusServiceUnavailable, "standby: another agent leads"))
	return g.Hosts(http.MaxBytesHandler(mux, 1<<20), probes...)
}

// Refused implements access.Observer. A standby does not write to the audit log.
func (s *Standby) Refused(_ context.Context, client, path string, count int) {
	s.Log.Warn("a request with a wrong token or password was refused", "client", client, "path", path, "count", count)
}

// Unread implements access.Observer.
func (s *Standby) Unread(err error) {
	s.Log.Warn("a secret of the listener cannot be read again: the last one stays in force", "error", err)
}
