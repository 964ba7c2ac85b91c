package page

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/report"
)

// foundRows is the number of entries in one part of a search by a program.
const foundRows = 200

// IncidentsFound is a part of the incidents that a search finds, the newest first.
type IncidentsFound struct {
	Incidents []sentinel.Incident `json:"incidents"`
	After     string              `json:"after,omitempty"` // the parameter for the next part; "" if this is the last
}

// RepairsFound is a part of the repairs that a search finds, the newest first.
type RepairsFound struct {
	Repairs []sentinel.Repair `json:"repairs"`
	After   string            `json:"after,omitempty"` // the parameter for the next part; "" if this is the last
}

// AuditFound is a part of the audit log that a search finds, the newest first.
type AuditFound struct {
	First   int64          `json:"first"` // number of the first entry of the log; 0 of an empty one
	Last    int64          `json:"last"`  // number of its last entry
	Entries []AuditEntry   `json:"entries"`
	After   string         `json:"after,omitempty"` // the parameter for the next part; "" if this is the last
	Chain   AuditChainSeen `json:"chain"`
}

// AuditEntry is an entry of the audit log.
type AuditEntry struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"` // a person, an agent, or "sentinel"
	What    string    `json:"what"`  // such as incident.ack
	Subject string    `json:"subject,omitempty"`
	Detail  string    `json:"detail,omitempty"`
	Hash    string    `json:"hash"` // of this entry and, through it, of all before
}

// AuditChainSeen is what is known of the chain of the log. Asking for it verifies what is due.
type AuditChainSeen struct {
	Verified time.Time `json:"verified,omitzero"` // when the end of the log was reached last
	Seq      int64     `json:"seq"`               // up to this entry it was as it was written
	Verifies bool      `json:"verifies"`          // it is being verified
	Broken   int64     `json:"broken,omitempty"`  // the first entry that is not as it was written; 0: none is known
	Why      string    `json:"why,omitempty"`     // what is wrong with it
}

// APIError is a refusal of a search, with the status to answer.
type APIError struct {
	Status int
	Msg    string
}

func (e *APIError) Error() string { return e.Msg }

// asAPI makes a refusal of a page one of the API.
func asAPI(err error) error {
	if f := (*failure)(nil); errors.As(err, &f) {
		return &APIError{f.status, f.message}
	}
	return err
}

// FindIncidents searches incidents of all times. The parameters are those of the page. The error
// is an [APIError] where the request is refused.
func (s *Site) FindIncidents(r *http.Request) (out IncidentsFound, err error) {
	q, err := readSearch("", r.URL.Query(), incidentFields...)
	if err == nil {
		err = q.knownAlone(r)
	}
	if err != nil {
		return out, asAPI(err)
	}
	out.Incidents, out.After, err = s.Store.SearchIncidents(r.Context(), q.incidents(foundRows))
	Unnamed(r.Context(), out.Incidents, UnnamedIncident)
	if out.Incidents == nil {
		out.Incidents = []sentinel.Incident{}
	}
	return out, asAPI(searchError(err))
}

// FindRepairs is [Site.FindIncidents] for repairs.
func (s *Site) FindRepairs(r *http.Request) (out RepairsFound, err error) {
	q, err := readSearch("", r.URL.Query(), repairFields...)
	if err == nil {
		err = q.knownAlone(r)
	}
	if err != nil {
		return out, asAPI(err)
	}
	out.Repairs, out.After, err = s.Store.SearchRepairs(r.Context(), q.repairs(foundRows))
	Unnamed(r.Context(), out.Repairs, UnnamedRepair)
	if out.Repairs == nil {
		out.Repairs = []sentinel.Repair{}
	}
	return out, asAPI(searchError(err))
}

// FindAudit is [Site.FindIncidents] for the audit log, and says what is known of its chain.
func (s *Site) FindAudit(r *http.Request) (out AuditFound, err error) {
	q, err := readSearch("", r.URL.Query(), auditFields...)
	if err != nil {
		return out, asAPI(err)
	}
	f, err := q.audit(foundRows)
	if err != nil {
		return out, asAPI(err)
	}
	if out.First, out.Last, err = s.Store.AuditRange(r.Context()); err != nil {
		return out, err
	}
	found, next, err := s.Store.SearchAudit(r.Context(), f)
	if err != nil {
		return out, err
	}
	out.Entries = []AuditEntry{}
	for _, e := range found {
		out.Entries = append(out.Entries, AuditEntry(e))
	}
	if next > 0 {
		out.After = strconv.FormatInt(next, 10)
	}
	c := s.Board.chain.look(r.Context(), false)
	out.Chain = AuditChainSeen{Verified: c.Verified, Seq: c.Seq, Verifies: c.Walking}
	if c.Broken != nil {
		out.Chain.Broken, out.Chain.Why = c.Broken.Seq, c.Broken.Msg
	}
	return out, nil
}

// Report returns the report of the month that a request names. Who has labelled what is told to
// those alone who have signed in.
func (s *Site) Report(r *http.Request) (report.Document, error) {
	d, err := s.monthReport(r)
	if err != nil {
		return report.Document{}, asAPI(err)
	}
	out := d.whole.Document()
	if !access.Known(r.Context()) {
		for i := range out.Labels {
			out.Labels[i].Who = somebody
		}
	}
	return out, nil
}
