// Package page is the site that people look at: screens made on the server, which can be read
// without a script. One screen is one file of Go, which registers it (screen.go), and one
// template in templates/. What changes something is an action (action.go). What all screens
// know of the datasets is in memory (board.go), so that none of them asks a warehouse.
//
// Nothing in a page is inline and nothing comes from elsewhere: see policy. Begin with
// [Site.Routes].
package page

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/budget"
	"github.com/sentinel-dq/sentinel/config"
	"github.com/sentinel-dq/sentinel/docs"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/predict"
	"github.com/sentinel-dq/sentinel/slo"
	"github.com/sentinel-dq/sentinel/store"
)

// Agent is the running agent as people see it. All methods may be called concurrently.
type Agent interface {
	// Ready reports whether the agent checks its datasets. It never blocks.
	Ready() bool
	// RiskReasons explains the risk of one dataset, and says how good the predictions were.
	RiskReasons(t sentinel.Table) (sentinel.Risk, []predict.Contribution, predict.Report, bool)
	// Risks returns the risks of all datasets with a deadline, the nearest deadline first.
	Risks() []sentinel.Risk
	// Channels returns the names of the channels of notifications.
	Channels() []string
	// ServiceLevels returns how the datasets with an objective stand now.
	ServiceLevels() []slo.Report
	// ServiceLevelsOver returns how they stood at until, in a time from one instant to another.
	ServiceLevelsOver(from, until, to time.Time) []slo.Report
	// Budgets returns how the budgets of warehouses stand now.
	Budgets() []budget.Report
	// Decide acts on an incident. what is "ack", "resolve", or "note" with why as its text.
	Decide(ctx context.Context, what, id, who, why string) (sentinel.Incident, error)
	// Silence suppresses notifications for a time.
	Silence(ctx context.Context, s notify.Silence) error
	// Silences returns the silences that have not ended.
	Silences(ctx context.Context) ([]notify.SilenceStatus, error)
	// EndSilence ends a silence now.
	EndSilence(ctx context.Context, id, who, why string) (notify.Silence, error)
	// DecideDeadLetters sends notifications again that were given up, or drops them, and
	// returns how many.
	DecideDeadLetters(ctx context.Context, d notify.DeadLetterDecision) (int64, error)
	// Label excludes points of a series from its baseline, or includes them again.
	Label(ctx context.Context, l store.Label) error
	// AcceptTable accepts a table of a pattern as it is: gone, or created.
	AcceptTable(ctx context.Context, v store.TableAcceptance) (bool, error)
	// AcceptSegments accepts that segments of a check are gone, and returns their names.
	AcceptSegments(ctx context.Context, v store.Acceptance) ([]string, error)
	// AcceptSchema reads the schema of a table now and makes it the accepted one, and returns
	// what was accepted.
	AcceptSchema(ctx context.Context, v agent.SchemaAcceptance) ([]string, error)
	// Statements returns what the checks of a dataset send to the warehouse, and sends none of
	// it but the reading of the catalog.
	Statements(ctx context.Context, t sentinel.Table) ([]agent.Statement, error)
	// AcceptBaselines makes snapshots the baselines of schema checks, by check id. It
	// accepts all of them or none.
	AcceptBaselines(ctx context.Context, accepted map[string]store.Snapshot) error
}

// Condition is the condition of the agent as a whole. All methods may be called concurrently,
// and never block.
type Condition interface {
	// Peers returns how many other agents work with this one.
	Peers() int
	// Leads reports whether this agent leads. An agent with a state of its own always does.
	Leads() bool
	// Problems are sentences about the agent itself, for its page.
	Problems() []string
	// Backups returns what is known of the backups of the state; ok is false if none are
	// configured.
	Backups() (b Backups, ok bool)
}

// Backups is what is known of the backups of the state.
type Backups struct {
	Newest time.Time // when the newest one that is kept was taken; zero: none is known
	Due    time.Time // when the next one is due; zero: not known yet
}

// Configuration is the file that the agent works by. It may be used concurrently.
type Configuration interface {
	// Excerpt returns the entry that applies to a dataset; ok is false if there is none.
	Excerpt(t sentinel.Table) (e config.Excerpt, ok bool, err error)
}

// Site is the pages of one agent. Set its fields before Routes.
type Site struct {
	Store *store.Store
	Agent Agent
	Board *Board
	// Configuration may be nil: then no page shows it.
	Configuration Configuration
	// Unwatched may be nil: then nobody looks for tables that nobody watches.
	Unwatched Unwatched
	Condition
	Clock   sentinel.Clock
	Log     *slog.Logger
	Version string
	// StateName says where the state is, without secrets.
	StateName string
	// Base is the path under which people reach the agent behind a proxy, such as /sentinel;
	// "": the agent is at the root.
	Base string

	guard *access.Guard
	views map[string]view // by the template's name

	months months
}

// Routes adds all screens, actions and files to a server.
func (s *Site) Routes(mux *http.ServeMux, g *access.Guard) {
	s.guard = g
	s.views = parseViews(s.Base)
	for _, sc := range screens {
		mux.Handle("GET "+sc.path, g.Browser(sc.role, s.refuse, s.screen(sc)))
	}
	for _, a := range actions {
		mux.Handle("POST "+a.path, g.Browser(a.role, s.refuse, s.action(a)))
	}
	series := g.Browser("", s.refuse, http.HandlerFunc(s.serveSeries))
	mux.Handle("GET /datasets/{warehouse}/{schema}/{table}/series", series)
	pictures := http.StripPrefix("/docs/", http.FileServerFS(docs.Files))
	mux.Handle("GET /docs/plots/{name}", g.Browser("", s.refuse, pictures))
	mux.Handle("GET /docs/page/{name}", g.Browser("", s.refuse, pictures))
	for from, to := range moved {
		mux.Handle("GET "+from, http.RedirectHandler(s.Base+to, http.StatusMovedPermanently))
	}
	mux.HandleFunc("GET /login", s.loginForm)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("GET /assets/{name}", serveAsset)
	mux.Handle("GET /events", g.Browser("", s.refuse, http.HandlerFunc(s.events)))
}

// moved are the addresses of pages that were replaced, and of those that replace them. A browser
// keeps what follows #, so that a link to one incident leads to its row.
var moved = map[string]string{"/samples": "/incidents"}

// Run keeps what the pages show up to date, until ctx ends. Then it ends all streams of news.
func (s *Site) Run(ctx context.Context) {
	s.Board.run(ctx, s.Store, s.Log)
}

// policy is the Content-Security-Policy of all pages: scripts, styles and pictures are files of
// the agent, and nothing is inline.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secure sets the headers of a page. What it says may be old a moment later, so nobody keeps it.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Encoding, Cookie, HX-Request")
}

// flushEvery is the time between two looks at what has changed, for the news.
const flushEvery = time.Second
