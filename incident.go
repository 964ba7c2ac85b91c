package sentinel

import "time"

// Incident is what is wrong with one finding of one check, from opened to
// resolved. At most one unresolved incident exists per (Check, Key).
type Incident struct {
	ID       string // stable and sortable: time-ordered
	Check    string
	Kind     string
	Key      string // the finding's key; "" for the check as a whole
	Table    Table
	Tier     string // critical, warning or info
	Owner    string
	Runbook  string // link; "" when none is configured
	State    IncidentState
	Severity Status // Warn or Fail; Error for a monitor incident
	Monitor  bool   // the check could not look: says nothing about the data

	Opened   time.Time // the tick of the first bad result
	Updated  time.Time // the tick of the last bad result
	Resolved time.Time // zero while open
	LastGood time.Time // tick of the last good result before; zero if none is known

	Message  string
	Observed Number
	Expected string
	Ticks    int // bad results so far
	Flaps    int // times it was reopened

	// Transitions counts what people are told of: opened (1), then each time it
	// was reopened, acknowledged, escalated, resolved or grew worse. It numbers
	// notices, so that one sent twice is known by its key.
	Transitions int
	Trace       string // id of the trace of the tick that opened it; "" where nothing is traced
	Upstream    string // id of the incident of a failed upstream dataset that explains this one; "" for none
}

// IncidentState is where an incident stands.
type IncidentState string

const (
	Open         IncidentState = "open"
	Acknowledged IncidentState = "acknowledged"
	Repairing    IncidentState = "repairing"
	Verifying    IncidentState = "verifying"
	Suppressed   IncidentState = "suppressed" // a silence or maintenance window; evaluation goes on
	Escalated    IncidentState = "escalated"  // automatic recovery failed, was refused, or is not allowed
	Resolved     IncidentState = "resolved"
)
