package web

import (
	"errors"
	"net/http"

	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/report"
	"github.com/sentinel-dq/sentinel/web/openapi"
	"github.com/sentinel-dq/sentinel/web/page"
)

// searchRoutes are the searches and the report of the history, as the pages have them.
func (s *Server) searchRoutes() []route {
	days := []openapi.Parameter{
		{Name: "from", About: "The first day, in UTC.", Schema: openapi.Schema{Type: "string", Format: "date"}},
		{Name: "to", About: "The last day, in UTC.", Schema: openapi.Schema{Type: "string", Format: "date"}},
		{Name: "after", About: "The end of the part before: after of its answer."},
	}
	with := func(own ...openapi.Parameter) []openapi.Parameter { return append(own, days...) }
	wrong := map[int]string{http.StatusBadRequest: "A parameter is not what is wanted."}
	unsigned := map[int]string{
		http.StatusBadRequest: wrong[http.StatusBadRequest],
		http.StatusForbidden:  "who is for those who have signed in.",
	}
	about := "A part of the dataset's name."
	decided := "A part of the name of somebody who has decided about it, for those who have signed in."
	return []route{
		reads("/api/v1/search/incidents", s.searchIncidents, openapi.Operation{
			ID: "searchIncidents", Group: ofPast, Answer: page.IncidentsFound{}, Errors: unsigned,
			Summary: "A search of all incidents that are kept, the newest first, at most 200.",
			Parameters: with(openapi.Parameter{Name: "q", About: about},
				openapi.Parameter{Name: "severity", About: "warn, fail, error, with commas between them."},
				openapi.Parameter{Name: "kind", About: "The kind of a check that found it."},
				openapi.Parameter{Name: "owner", About: "A part of the owner's name."},
				openapi.Parameter{Name: "who", About: decided}),
		}),
		reads("/api/v1/search/repairs", s.searchRepairs, openapi.Operation{
			ID: "searchRepairs", Group: ofPast, Answer: page.RepairsFound{}, Errors: unsigned,
			Summary: "A search of all repairs that are kept, the newest first, at most 200.",
			Parameters: with(openapi.Parameter{Name: "q", About: about}, openapi.Parameter{Name: "state", About: "One state."},
				openapi.Parameter{Name: "action", About: "One action."}, openapi.Parameter{Name: "who", About: decided}),
		}),
		{"GET", "/api/v1/audit", s.searchAudit, openapi.Operation{
			ID: "searchAudit", Group: ofPast, Role: access.Viewer, Answer: page.AuditFound{}, Errors: wrong,
			Summary: "The audit log, the newest entries first, at most 200, and whether its chain is whole.",
			Parameters: with(openapi.Parameter{Name: "who", About: "A part of the name of who did it."},
				openapi.Parameter{Name: "what", About: "The beginning of what was done, such as incident."},
				openapi.Parameter{Name: "subject", About: "The id of what it was done to."}),
		}},
		reads("/api/v1/report", s.report, openapi.Operation{
			ID: "report", Group: ofPast, Answer: report.Document{}, Errors: wrong,
			Summary:    "The report of a month. It is kept for a minute.",
			Parameters: []openapi.Parameter{{Name: "month", About: "A month of UTC such as 2026-11; by default the present one."}},
		}),
	}
}

func (s *Server) searchIncidents(w http.ResponseWriter, r *http.Request) {
	v, err := s.pages.FindIncidents(r)
	s.found(w, v, err)
}

func (s *Server) searchRepairs(w http.ResponseWriter, r *http.Request) {
	v, err := s.pages.FindRepairs(r)
	s.found(w, v, err)
}

func (s *Server) searchAudit(w http.ResponseWriter, r *http.Request) {
	v, err := s.pages.FindAudit(r)
	s.found(w, v, err)
}

func (s *Server) report(w http.ResponseWriter, r *http.Request) {
	v, err := s.pages.Report(r)
	s.found(w, v, err)
}

// found answers with what was found, or says why it was not looked for.
func (s *Server) found(w http.ResponseWriter, v any, err error) {
	if refused := (*page.APIError)(nil); errors.As(err, &refused) {
		s.text(w, refused.Status, refused.Msg)
		return
	}
	s.json(w, v, err)
}
