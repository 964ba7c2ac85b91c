// Package web is the HTTP server of the agent. It serves the pages (package page), a JSON API,
// metrics, health checks and reload. Every request that changes something needs a token
// of the configuration, and reading does if the configuration says so. Begin with handler,
// which lists the routes.
package web

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/web/page"
)

// Agent is the running agent as the server sees it. All methods may be called
// concurrently.
type Agent interface {
	page.Agent
	// RepairAlert starts the repairs that are configured for a firing alert, and returns
	// how many were planned. name is the alert's name. Its labels warehouse and dataset
	// name the table.
	// why says why nothing was planned.
	RepairAlert(ctx context.Context, alert repair.Alert) (planned int, why string, err error)
}

// Reloader loads the configuration again and puts it in force. After an error the
// running configuration stays in force.
type Reloader interface {
	Reload(ctx context.Context) (Reloaded, error)
}

// Reloaded says what of a new configuration does not count yet.
type Reloaded struct {
	Unfinished []string // what still ends under the configuration before
	Restart    []string // keys whose change counts after a restart
}

// Server is the HTTP server of the agent. Set its fields before Serve.
type Server struct {
	Store   *store.Store
	Metrics http.Handler
	Access  access.Access // without a token every request that changes something is refused
	Agent   Agent
	// Board is what the pages know of the datasets; it follows the agent.
	Board *page.Board
	page.Condition
	// Configuration may be nil: then no page shows it.
	Configuration page.Configuration
	// Unwatched may be nil: then nobody looks for tables that nobody watches.
	Unwatched page.Unwatched
	Reloader  Reloader
	Clock     sentinel.Clock
	Log       *slog.Logger
	Version   string
	// StateName says where the state is, without secrets.
	StateName string
	// URL is the agent's address for people; "": not known.
	URL string

	refusals refusals
	pages    *page.Site // what the API tells as the pages do

	door
}

// Serve serves requests on l until ctx ends. It then waits up to five seconds for
// running requests. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	guard := s.open(s.Access, l.Addr(), s.Clock, s)
	keeping, stop := context.WithCancel(ctx)
	var keeps sync.WaitGroup
	keeps.Go(func() { guard.Keep(keeping) })
	site := s.site()
	keeps.Go(func() { site.Run(ctx) }) // ends the streams of news, which the end of serving waits for
	defer keeps.Wait()
	defer stop()
	srv := limited(s.handler(guard, site), s.Log)
	served := make(chan error, 1)
	go func() { served <- serveOn(srv, l, s.Access) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving http: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := srv.Shutdown(grace)
	if served := <-served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// serveOn serves requests on l, by TLS where the web configuration file says so.
func serveOn(srv *http.Server, l net.Listener, a access.Access) error {
	file := a.WebFile()
	if file == nil {
		return srv.Serve(l)
	}
	srv.TLSConfig = file.TLSConfig()
	if srv.TLSConfig == nil {
		return srv.Serve(l)
	}
	if !slices.Contains(srv.TLSConfig.NextProtos, "h2") {
		srv.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){} // no HTTP/2
	}
	return srv.ServeTLS(l, "", "")
}

// serverLog takes what net/http has to say. Clients that do not speak TLS, or do not trust
// the agent, are many where scanners are, and no fault of the agent.
type serverLog struct{ *slog.Logger }

// Write implements io.Writer.
func (l serverLog) Write(p []byte) (int, error) {
	text := strings.TrimSpace(string(p))
	level := slog.LevelError
	if strings.Contains(text, "TLS handshake error") {
		level = slog.LevelDebug
	}
	l.Log(context.Background(), level, "the http server says", "text", sentinel.Clip(text))
	return len(p), nil
}

// limited returns a server with the limits of docs/security.md.
func limited(h http.Handler, own *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       time.Minute,
		ConnState:         new(connections).changed,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(serverLog{own}, "", 0),
	}
}

// probes tell nothing but a status. They are open, and answered by every name.
var probes = []string{"/-/healthy", "/-/ready", "/-/leader"}

// site is the pages for people.
func (s *Server) site() *page.Site {
	board := s.Board
	if board == nil { // nothing follows the agent
		board = page.NewBoard(s.Clock)
	}
	site := &page.Site{
		Store: s.Store, Agent: s.Agent, Board: board, Condition: s.Condition, Clock: s.Clock, Log: s.Log,
		Version: s.Version, StateName: s.StateName, Configuration: s.Configuration, Unwatched: s.Unwatched,
	}
	if u, err := url.Parse(s.URL); err == nil {
		site.Base = strings.TrimSuffix(u.EscapedPath(), "/")
	}
	return site
}

func (s *Server) handler(g *access.Guard, site *page.Site) http.Handler {
	mux := http.NewServeMux()
	s.pages = site
	s.register(mux, g)
	site.Routes(mux, g)
	return g.Hosts(limitBodies(mux), probes...)
}

// These bound the body of a request. The schemas of a large warehouse are accepted together, and
// are megabytes. No body is read without a token.
const (
	longestBody      = 1 << 20
	longestBaselines = 256 << 20
)

// limitBodies refuses a body that is said to be too long, and reads no more of one that is.
func limitBodies(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		most := int64(longestBody)
		if r.URL.Path == "/api/v1/baselines" {
			most = longestBaselines
		}
		if r.ContentLength > most {
			http.Error(w, fmt.Sprintf("the body is longer than %d MB", most>>20), http.StatusRequestEntityTooLarge)
			return
		}
		http.MaxBytesHandler(next, most).ServeHTTP(w, r)
	})
}

func (s *Server) healthy(w http.ResponseWriter, _ *http.Request) {
	s.text(w, http.StatusOK, "healthy")
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if !s.Agent.Ready() {
		s.text(w, http.StatusServiceUnavailable, "starting: the datasets are not resolved yet")
		return
	}
	s.text(w, http.StatusOK, "ready")
}

// leader is for load balancers that send people to the agent that leads.
func (s *Server) leader(w http.ResponseWriter, _ *http.Request) {
	if !s.Leads() {
		s.text(w, http.StatusServiceUnavailable, "this agent does not lead, or does not know: the state does not answer")
		return
	}
	s.text(w, http.StatusOK, "leader")
}

func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	done, err := s.Reloader.Reload(r.Context())
	if err != nil {
		s.text(w, http.StatusUnprocessableEntity, "the running configuration stays in force\n"+err.Error())
		return
	}
	actor := cmp.Or(access.Actor(r.Context(), ""), access.SharedToken)
	entry := store.AuditEntry{At: s.Clock.Now(), Actor: actor, What: "config.reload"}
	if err := s.audit(r.Context(), entry); err != nil {
		s.Log.Error("a reload is not in the audit log", "error", err)
	}
	text := "reloaded"
	if len(done.Unfinished) > 0 {
		text += "; these still end under the configuration before: " + strings.Join(done.Unfinished, ", ")
	}
	if len(done.Restart) > 0 {
		text += "; these count after a restart: " + strings.Join(done.Restart, ", ")
	}
	s.text(w, http.StatusOK, text)
}

func (s *Server) text(w http.ResponseWriter, code int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	if _, err := fmt.Fprintln(w, body); err != nil {
		s.Log.Debug("writing a response", "error", err)
	}
}

func (s *Server) json(w http.ResponseWriter, v any, err error) {
	if err != nil {
		s.Log.Error("answering a request", "error", err)
		s.text(w, http.StatusInternalServerError, "the agent's state cannot be read; see its log")
		return
	}
	body, err := json.Marshal(v)
	if err != nil {
		s.Log.Error("encoding a response", "error", err)
		s.text(w, http.StatusInternalServerError, "the answer cannot be encoded; see the agent's log")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if _, err := w.Write(append(body, '\n')); err != nil {
		s.Log.Debug("writing a response", "error", err)
	}
}
