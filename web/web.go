// Package web is the agent's HTTP side: a status page, a JSON API, metrics,
// health, and reload. Reading needs no token; every request that changes
// something needs the bearer token of the configuration. Begin with
// handler, which lists the routes.
package web

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// Agent is what the server asks of the running agent. All methods may be called
// by several requests at once.
type Agent interface {
	// Ready reports whether the agent checks its datasets. It answers at once.
	Ready() bool
	// RepairAlert starts the repairs that are configured for a firing alert of a
	// table, and returns how many were planned. name is the alert's name.
	RepairAlert(ctx context.Context, name string, t sentinel.Table, labels map[string]string) (int, error)
	// Decide acknowledges or resolves an incident. what is "ack" or "resolve".
	Decide(ctx context.Context, what, id, who, why string) (sentinel.Incident, error)
	// Silence keeps notifications back for a time.
	Silence(ctx context.Context, s notify.Silence) error
	// Label takes points of a series out of its baseline, or back in.
	Label(ctx context.Context, l store.Label) error
	// AcceptBaseline makes a snapshot the reference of a schema check.
	AcceptBaseline(ctx context.Context, check string, v store.Snapshot) error
}

// Reloader loads the configuration again and puts it in force. On an error the
// running configuration stays in force.
type Reloader interface {
	Reload(ctx context.Context) error
}

// Server is the agent's HTTP side. Its fields are set before Serve.
type Server struct {
	Store    *store.Store
	Metrics  http.Handler
	Token    sentinel.Secret // "" refuses every request that changes something
	Agent    Agent
	Reloader Reloader
	Now      sentinel.Clock
	Log      *slog.Logger
	Version  string
}

// Serve answers on l until ctx ends, then lets requests finish for up to five
// seconds. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
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

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.Metrics)
	mux.HandleFunc("GET /-/healthy", s.healthy)
	mux.HandleFunc("GET /-/ready", s.ready)
	mux.Handle("POST /-/reload", s.authorized(s.reload))
	mux.HandleFunc("GET /api/v1/results", s.results)
	mux.HandleFunc("GET /api/v1/incidents", s.incidents)
	mux.HandleFunc("GET /api/v1/incidents/{id}", s.incident)
	mux.Handle("POST /api/v1/incidents/{id}/{what}", s.authorized(s.decideIncident))
	mux.Handle("POST /api/v1/silences", s.authorized(s.silence))
	mux.Handle("POST /api/v1/labels", s.authorized(s.label))
	mux.Handle("POST /api/v1/baselines", s.authorized(s.baseline))
	mux.HandleFunc("GET /api/v1/history", s.history)
	mux.HandleFunc("GET /api/v1/repairs", s.repairs)
	mux.Handle("POST /api/v1/repairs/{switch}", s.authorized(s.switchRepairs))
	mux.Handle("POST /api/v1/repairs/{id}/{what}", s.authorized(s.decideRepair))
	mux.Handle("POST /api/v1/alerts", s.authorized(s.alerts))
	mux.HandleFunc("GET /{$}", s.page)
	return http.MaxBytesHandler(mux, 1<<20)
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

func (s *Server) reload(w http.ResponseWriter, r *http.Request) {
	if err := s.Reloader.Reload(r.Context()); err != nil {
		s.text(w, http.StatusUnprocessableEntity, "the running configuration stays in force\n"+err.Error())
		return
	}
	s.text(w, http.StatusOK, "reloaded")
}

// authorized lets a request through that carries the token. It compares digests
// in constant time, so that not even the token's length shows.
func (s *Server) authorized(next http.HandlerFunc) http.Handler {
	want := sha256.Sum256([]byte(s.Token.Reveal()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		got := sha256.Sum256([]byte(given))
		switch {
		case s.Token == "":
			s.text(w, http.StatusForbidden, "changing requests are off: set `token:` in the configuration")
		case !ok || subtle.ConstantTimeCompare(got[:], want[:]) != 1:
			w.Header().Set("WWW-Authenticate", "Bearer")
			s.text(w, http.StatusUnauthorized, "this request needs the header `Authorization: Bearer TOKEN`")
		default:
			next(w, r)
		}
	})
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
