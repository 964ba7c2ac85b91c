package sentinel

import "time"

// Incident is a problem that one check found, from opened to resolved. At most one
// unresolved incident exists per (Check, Key).
type Incident struct {
	ID       string        `json:"id"` // never changes; sorts by time of creation
	Check    string        `json:"check"`
	Kind     string        `json:"kind"`
	Key      string        `json:"key"` // the finding's key; "" for the check as a whole
	Table    Table         `json:"dataset"`
	Tier     string        `json:"tier"` // critical, warning or info
	Owner    string        `json:"owner,omitempty"`
	Runbook  string        `json:"runbook,omitempty"` // URL; "" when none is configured
	State    IncidentState `json:"state"`
	Severity Status        `json:"severity"` // Warn or Fail; Error for a monitor incident
	Monitor  bool          `json:"monitor"`  // the check could not run; the data was not judged

	Opened   time.Time `json:"opened,omitzero"`    // tick of the first bad result
	Updated  time.Time `json:"updated,omitzero"`   // tick of the last bad result
	Resolved time.Time `json:"resolved,omitzero"`  // zero while open
	LastGood time.Time `json:"last_good,omitzero"` // tick of the last good result before Opened; zero if unknown

	Message  string `json:"message"`
	Observed Number `json:"observed"`
	Expected string `json:"expected,omitempty"`
	Ticks    int    `json:"ticks"` // number of bad results so far
	Flaps    int    `json:"flaps"` // number of times the incident was reopened

	// Transitions counts the changes that cause a notification: opened (1), then each time the incident is
	// reopened, acknowledged, escalated, resolved or gets worse. The number is part of a notification's key,
	// which makes a duplicate recognizable.
	Transitions int `json:"transitions"`
	// Trace is the id of the trace of the tick that opened the incident; "" without tracing.
	Trace string `json:"trace,omitempty"`
	// Upstream is the id of the incident of a failed upstream dataset that explains this one; "" for none.
	Upstream string `json:"upstream,omitempty"`
	// Cause says in one line what failed upstream or changed in the table's schema; "" if unknown.
	Cause string `json:"cause,omitempty"`
	// Note describes the last transition: who acknowledged the incident and why, or how a repair ended.
	Note string `json:"note,omitempty"`

	// Prior is the state that the incident returns to when its suppression ends.
	Prior IncidentState `json:"prior,omitempty"`
}

// Standing returns the incident's state without regard to a silence or maintenance window.
func (i Incident) Standing() IncidentState {
	if i.State == Suppressed && i.Prior != "" {
		return i.Prior
	}
	return i.State
}

// IncidentState is a stage in the life of an incident.
type IncidentState string

// The states of an incident.
const (
	Open         IncidentState = "open"
	Acknowledged IncidentState = "acknowledged"
	Repairing    IncidentState = "repairing"
	Verifying    IncidentState = "verifying"
	// Suppressed means that a silence or maintenance window applies. Checks go on. The prior state returns
	// when the window ends.
	Suppressed IncidentState = "suppressed"
	// Escalated means that automatic recovery failed, was refused or is not allowed.
	Escalated IncidentState = "escalated"
	Resolved  IncidentState = "resolved"
)
