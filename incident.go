package sentinel

import "time"

// Incident is what is wrong with one finding of one check, from opened to
// resolved. At most one unresolved incident exists per (Check, Key).
type Incident struct {
	ID       string        `json:"id"` // stable and sortable: time-ordered
	Check    string        `json:"check"`
	Kind     string        `json:"kind"`
	Key      string        `json:"key"` // the finding's key; "" for the check as a whole
	Table    Table         `json:"dataset"`
	Tier     string        `json:"tier"` // critical, warning or info
	Owner    string        `json:"owner,omitempty"`
	Runbook  string        `json:"runbook,omitempty"` // link; "" when none is configured
	State    IncidentState `json:"state"`
	Severity Status        `json:"severity"` // Warn or Fail; Error for a monitor incident
	Monitor  bool          `json:"monitor"`  // the check could not look: says nothing about the data

	Opened   time.Time `json:"opened,omitzero"`    // the tick of the first bad result
	Updated  time.Time `json:"updated,omitzero"`   // the tick of the last bad result
	Resolved time.Time `json:"resolved,omitzero"`  // zero while open
	LastGood time.Time `json:"last_good,omitzero"` // tick of the last good result before; zero if none is known

	Message  string `json:"message"`
	Observed Number `json:"observed"`
	Expected string `json:"expected,omitempty"`
	Ticks    int    `json:"ticks"` // bad results so far
	Flaps    int    `json:"flaps"` // times it was reopened

	// Transitions counts what people are told of: opened (1), then each time it
	// was reopened, acknowledged, escalated, resolved or grew worse. It numbers
	// notices, so that one sent twice is known by its key.
	Transitions int `json:"transitions"`
	// Id of the trace of the tick that opened it; "" where nothing is traced.
	Trace string `json:"trace,omitempty"`
	// Id of the incident of a failed upstream dataset that explains this one; "" for none.
	Upstream string `json:"upstream,omitempty"`
	// What went wrong there, or in the table's own schema, in one line; "" where nothing is known.
	Cause string `json:"cause,omitempty"`
	// What is to be said of the last transition: who acknowledged it and why, what a repair came to.
	Note string `json:"note,omitempty"`

	Prior IncidentState `json:"prior,omitempty"` // while suppressed: where it stands otherwise
}

// Standing is the incident's state, leaving a silence or maintenance window out.
func (i Incident) Standing() IncidentState {
	if i.State == Suppressed && i.Prior != "" {
		return i.Prior
	}
	return i.State
}

// IncidentState is where an incident stands.
type IncidentState string

const (
	Open         IncidentState = "open"
	Acknowledged IncidentState = "acknowledged"
	Repairing    IncidentState = "repairing"
	Verifying    IncidentState = "verifying"
	// A silence or maintenance window; evaluation goes on, and the prior state comes back.
	Suppressed IncidentState = "suppressed"
	Escalated  IncidentState = "escalated" // automatic recovery failed, was refused, or is not allowed
	Resolved   IncidentState = "resolved"
)
