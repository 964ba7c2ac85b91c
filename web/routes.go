package web

import (
	"net/http"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/web/openapi"
	"github.com/sentinel-dq/sentinel/web/page"
)

// route is one address of the API. docs/openapi.json is written from all of them.
type route struct {
	method, path string
	handle       http.HandlerFunc
	openapi.Operation
}

// mux is where routes are registered.
type mux interface {
	Handle(pattern string, handler http.Handler)
}

// register adds the API to a mux, each route behind the guard that its role wants.
func (s *Server) register(to mux, g *access.Guard) {
	to.Handle("GET /metrics", g.ReadsMetrics(s.Metrics))
	for _, r := range s.routes() {
		var h http.Handler = r.handle
		switch r.Role {
		case "":
		case openapi.Reader:
			h = g.Reads(h)
		default:
			h = g.Needs(r.Role, h)
		}
		to.Handle(r.method+" "+r.path, h)
	}
}

// routes are the addresses of the API but /metrics, by group.
func (s *Server) routes() []route {
	all := s.agentRoutes()
	all = append(append(all, s.datasetRoutes()...), s.datasetChanges()...)
	all = append(all, s.incidentRoutes()...)
	all = append(all, s.searchRoutes()...)
	all = append(all, s.silenceRoutes()...)
	return append(all, s.repairRoutes()...)
}

// The groups of routes.
const (
	ofAgent     = "agent"
	ofDatasets  = "datasets"
	ofIncidents = "incidents"
	ofNotices   = "notifications"
	ofRepairs   = "repairs"
	ofPast      = "history"
)

// reads is a route that answers whoever may read.
func reads(path string, handle http.HandlerFunc, o openapi.Operation) route {
	o.Role = openapi.Reader
	return route{"GET", path, handle, o}
}

// changes is a route of operators with a body.
func changes(path string, handle http.HandlerFunc, o openapi.Operation) route {
	o.Role = access.Operator
	errors := map[int]string{http.StatusBadRequest: "The body is not what is wanted; the text has an example."}
	for code, why := range o.Errors {
		errors[code] = why
	}
	o.Errors = errors
	return route{"POST", path, handle, o}
}

// conflicts says why a decision is refused.
var conflicts = map[int]string{http.StatusConflict: "It is not possible, or not any more; the text says why."}

func (s *Server) agentRoutes() []route {
	probe := func(path string, handle http.HandlerFunc, id, summary, otherwise string) route {
		o := openapi.Operation{ID: id, Summary: summary, Group: ofAgent}
		if otherwise != "" {
			o.Errors = map[int]string{http.StatusServiceUnavailable: otherwise}
		}
		return route{"GET", path, handle, o}
	}
	return []route{
		probe("/-/healthy", s.healthy, "healthy", "The process answers.", ""),
		probe("/-/ready", s.ready, "ready", "The agent has read its datasets.", "It has not yet."),
		probe("/-/leader", s.leader, "leader", "This agent leads.", "It does not lead, or does not know."),
		{"POST", "/-/reload", s.reload, openapi.Operation{
			ID: "reload", Summary: "Loads the configuration again, and puts it in force.", Group: ofAgent, Role: access.Admin,
			Errors: map[int]string{
				http.StatusUnprocessableEntity: "The configuration has mistakes; the one before stays in force.",
			},
		}},
		reads("/api/v1/openapi.json", s.description, openapi.Operation{
			ID: "describe", Summary: "This description.", Group: ofAgent, MediaType: "application/json",
		}),
		changes("/api/v1/alerts", s.alerts, openapi.Operation{
			ID: "receiveAlerts", Group: ofRepairs, Body: webhook{}, Required: []string{"version"}, Answer: alertsAnswer{},
			Summary: "Takes Alertmanager's webhook, and plans the repairs that are configured for the alerts that fire.",
			Errors:  map[int]string{http.StatusServiceUnavailable: "It was not recorded; Alertmanager sends it again."},
		}),
	}
}

func (s *Server) datasetRoutes() []route {
	return []route{
		reads("/api/v1/budgets", s.budgets, openapi.Operation{
			ID: "listBudgets", Group: ofDatasets, Answer: []budgetAnswer{},
			Summary: "How the budgets of warehouses stand, and which checks tick more rarely for them.",
		}),
		reads("/api/v1/datasets", s.datasets, openapi.Operation{
			ID: "listDatasets", Summary: "The datasets with their states, by name, at most 1000.", Group: ofDatasets,
			Answer: page.DatasetList{},
			Parameters: []openapi.Parameter{
				{Name: "q", About: "Words that the name, the owner, the tier or a tag holds."},
				{Name: "warehouse"}, {Name: "schema"},
				{Name: "owner"}, {Name: "tier"}, {Name: "tag"}, {Name: "state", About: "States, with commas between them."},
				{Name: "after", About: "The dataset before the first one: the last of an answer before."},
			},
			Errors: map[int]string{http.StatusBadRequest: "A state is not known, or after is no dataset."},
		}),
		{"GET", "/api/v1/unwatched", s.unwatched, openapi.Operation{
			ID: "listUnwatched", Group: ofDatasets, Role: access.Viewer, Answer: page.UnwatchedList{},
			Summary: "The tables that nobody watches, with a proposal of checks, by name, at most 1000.",
			Parameters: []openapi.Parameter{
				{Name: "q", About: "Words that the name holds."}, {Name: "warehouse"}, {Name: "schema"},
				{Name: "after", About: "The table before the first one: the last of an answer before."},
			},
			Errors: map[int]string{
				http.StatusBadRequest: "after is no table.", http.StatusNotFound: "The configuration says unwatched: off.",
			},
		}},
		reads("/api/v1/results", s.results, openapi.Operation{
			ID: "listResults", Summary: "The last results of checks, in parts of whole datasets: until there are 1000.",
			Group: ofDatasets, Answer: []sentinel.Result{},
			Parameters: []openapi.Parameter{
				{Name: "dataset", About: "A name, or a pattern as in the configuration."},
				{Name: "check", About: "The id of a check."},
				{Name: "state", About: "States, with commas between them."},
				{Name: "after", About: "The dataset before the first one: the last of an answer before. The last part is empty."},
			},
			Errors: map[int]string{http.StatusBadRequest: "The dataset or after is no name, or a state is not known."},
		}),
		reads("/api/v1/history", s.history, openapi.Operation{
			ID: "readHistory", Summary: "The stored values of one check, the oldest first.", Group: ofDatasets,
			Answer: []point{},
			Parameters: []openapi.Parameter{
				{Name: "check", About: "The id of the check.", Required: true},
				{Name: "metric", About: "row_count, freshness_seconds, ...", Required: true},
				{Name: "segment", About: "column=value, ...; without it the whole table."},
				{Name: "since", About: "The first time.", Schema: openapi.Schema{Type: "string", Format: "date-time"}},
				{Name: "limit", About: "From 1 to 10000; 1000 by default.", Schema: openapi.Schema{Type: "integer"}},
				{Name: "explain", About: "1: with what was expected of each value, and why.", Schema: openapi.Text("1")},
			},
			Errors: map[int]string{http.StatusBadRequest: "A parameter is missing, or is not what is wanted."},
		}),
	}
}

// datasetChanges are the routes that change what is known of datasets.
func (s *Server) datasetChanges() []route {
	return []route{
		changes("/api/v1/labels", s.label, openapi.Operation{
			ID: "label", Summary: "Leaves points out of what is normal, or takes them in again.", Group: ofDatasets,
			Body: store.Label{}, Required: []string{"check", "from", "to", "why"}, Errors: conflicts,
		}),
		changes("/api/v1/baselines", s.baselines, openapi.Operation{
			ID: "acceptBaselines", Summary: "Makes snapshots the baselines of schema checks, by the checks' ids: all or none.",
			Group: ofDatasets, Body: map[string]store.Snapshot{}, Errors: conflicts,
		}),
		changes("/api/v1/tables/accept", s.acceptTable, openapi.Operation{
			ID: "acceptTable", Summary: "Accepts a table of a pattern as it is: gone, or created. Answers whether that was news.",
			Group: ofDatasets, Body: store.TableAcceptance{}, Required: []string{"dataset", "why"}, Answer: false, Errors: conflicts,
		}),
		changes("/api/v1/segments/accept", s.acceptSegments, openapi.Operation{
			ID: "acceptSegments", Summary: "Accepts that segments of a check are gone. Answers with their names.",
			Group: ofDatasets, Body: store.Acceptance{}, Required: []string{"check", "why"}, Answer: []string{}, Errors: conflicts,
		}),
	}
}

func (s *Server) incidentRoutes() []route {
	return []route{
		reads("/api/v1/incidents", s.incidents, openapi.Operation{
			ID: "listIncidents", Summary: "The open incidents, at most 1000.", Group: ofIncidents, Answer: []sentinel.Incident{},
			Parameters: []openapi.Parameter{{Name: "all", About: "1: resolved ones too.", Schema: openapi.Text("1")}},
		}),
		reads("/api/v1/incidents/{id}", s.incident, openapi.Operation{
			ID: "readIncident", Summary: "One incident.", Group: ofIncidents, Answer: sentinel.Incident{},
			Errors: map[int]string{http.StatusNotFound: "There is no such incident."},
		}),
		{"GET", "/api/v1/incidents/{id}/samples", s.samples, openapi.Operation{
			ID: "readSamples", Summary: "The samples of bad rows of one incident.", Group: ofIncidents, Role: access.Viewer,
			Answer: []sentinel.Sample{},
		}},
		changes("/api/v1/incidents/{id}/{what}", s.decideIncident, openapi.Operation{
			ID: "decideIncident", Summary: "Acknowledges or resolves an incident, writes a note, or forgets its samples.", Group: ofIncidents,
			Parameters: []openapi.Parameter{{Name: "what", Schema: openapi.Text("ack", "resolve", "note", "forget")}},
			Body:       decision{}, Answer: sentinel.Incident{}, Errors: conflicts,
		}),
	}
}

func (s *Server) silenceRoutes() []route {
	ends := changes("/api/v1/silences/{id}", s.endSilence, openapi.Operation{
		ID: "endSilence", Summary: "Ends a silence now.", Group: ofNotices, Body: decision{}, Answer: notify.Silence{}, Errors: conflicts,
	})
	ends.method = http.MethodDelete
	return []route{
		reads("/api/v1/silences", s.silences, openapi.Operation{
			ID: "listSilences", Summary: "The silences that have not ended.", Group: ofNotices, Answer: []notify.SilenceStatus{},
			Errors: map[int]string{http.StatusServiceUnavailable: "The agent has not started, or its state cannot be read."},
		}),
		changes("/api/v1/silences", s.silence, openapi.Operation{
			ID: "silence", Summary: "Suppresses notifications for a time.", Group: ofNotices, Body: silenceRequest{},
			Required: []string{"why"}, Answer: notify.SilenceStatus{}, Errors: conflicts,
		}),
		ends,
		reads("/api/v1/notifications/dead", s.deadLetters, openapi.Operation{
			ID: "listDeadLetters", Summary: "The notifications that were given up, at most 1000.", Group: ofNotices,
			Parameters: []openapi.Parameter{{Name: "channel", About: "The name of a channel."}}, Answer: []deadLetter{},
		}),
		changes("/api/v1/notifications/dead/{what}", s.decideDeadLetters, openapi.Operation{
			ID: "decideDeadLetters", Summary: "Sends notifications again that were given up, or drops them.", Group: ofNotices,
			Parameters: []openapi.Parameter{{Name: "what", Schema: openapi.Text("retry", "drop")}},
			Body:       deadLetterRequest{}, Answer: deadLetterAnswer{}, Errors: conflicts,
		}),
	}
}

func (s *Server) repairRoutes() []route {
	return []route{
		reads("/api/v1/repairs", s.repairs, openapi.Operation{
			ID: "listRepairs", Summary: "The repairs, the newest first, at most 1000.", Group: ofRepairs, Answer: []sentinel.Repair{},
			Parameters: []openapi.Parameter{
				{Name: "active", About: "1: those that have not ended.", Schema: openapi.Text("1")},
				{Name: "state", About: "Those in one state."},
				{Name: "id", About: "One repair."},
			},
		}),
		changes("/api/v1/repairs/{switch}", s.switchRepairs, openapi.Operation{
			ID: "switchRepairs", Summary: "Sets the kill switch of all repairs.", Group: ofRepairs, Body: decision{},
			Parameters: []openapi.Parameter{{Name: "switch", Schema: openapi.Text("off", "on")}}, Errors: conflicts,
		}),
		changes("/api/v1/repairs/{id}/{what}", s.decideRepair, openapi.Operation{
			ID: "decideRepair", Summary: "Decides on a repair.", Group: ofRepairs,
			Parameters: []openapi.Parameter{
				{Name: "what", Schema: openapi.Text("approve", "reject", "rollback", "retry", "discard")},
			},
			Body: decision{}, Answer: sentinel.Repair{}, Errors: conflicts,
		}),
	}
}
