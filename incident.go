package sentinel

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Incident is what is wrong with one dataset, from opened to resolved. At most one
// unresolved incident exists per dataset. It is open as long as one of its findings is.
type Incident struct {
	ID string `json:"id"` // never changes; sorts by time of creation
	// Check, Kind and Key are those of the finding that opened the incident: the worst, if several did. They do not
	// change while it is open.
	Check string `json:"check"`
	Kind  string `json:"kind"`
	Key   string `json:"key"` // "" for the check as a whole
	Table Table  `json:"dataset"`
	// Tier is the highest tier of its findings so far: critical, warning or info.
	Tier    string        `json:"tier"`
	Owner   string        `json:"owner,omitempty"`   // of the check that opened it
	Runbook string        `json:"runbook,omitempty"` // URL; "" when none is configured
	Tags    []string      `json:"tags,omitempty"`    // of the dataset, sorted
	State   IncidentState `json:"state"`
	// Severity is that of its worst open finding: Warn, Fail, or Error if a check could not run.
	Severity Status `json:"severity"`
	// Monitor means that no open finding is about the data: checks could not run.
	Monitor bool `json:"monitor"`
	// Findings are all that this episode had, in the order in which they came. Those that have ended are kept.
	Findings []IncidentFinding `json:"findings,omitempty"`

	Opened   time.Time `json:"opened,omitzero"`    // when the first bad result of this episode was seen
	Updated  time.Time `json:"updated,omitzero"`   // when the last bad result was seen
	Resolved time.Time `json:"resolved,omitzero"`  // zero while open
	LastGood time.Time `json:"last_good,omitzero"` // the last good result of Check before Opened; zero if unknown

	// Message, Observed and Expected are those of the worst open finding, or of the last one when all have ended.
	Message  string `json:"message"`
	Observed Number `json:"observed"`
	Expected string `json:"expected,omitempty"`
	// Statement is that finding's statement that would mend it; "" where none is known.
	Statement string `json:"statement,omitempty"`
	Ticks     int    `json:"ticks"` // number of times that its checks found something bad so far
	Flaps     int    `json:"flaps"` // number of times the incident was reopened
	// Openings are when its latest episodes began, the oldest first. At most three are kept.
	Openings []time.Time `json:"openings,omitempty"`
	// Flapping is set while it opens and resolves again and again: people are not notified of each time.
	Flapping Flapping `json:"flapping,omitzero"`
	// Told is how bad it was when people were notified, of this episode or since it flaps. Only what is worse is
	// notified again. It has at most one entry for each severity and tier.
	Told []Told `json:"told,omitempty"`

	// Transitions counts the changes that cause a notification: opened (1), then each time the incident is
	// reopened, acknowledged, escalated, resolved or gets worse. The number is part of a notification's key,
	// which makes a duplicate recognizable.
	Transitions int `json:"transitions"`
	// Trace is the id of the trace of the tick that opened the incident; "" without tracing.
	Trace string `json:"trace,omitempty"`
	// Upstream is the id of the incident of a failed upstream dataset that explains this one; "" for none.
	Upstream string `json:"upstream,omitempty"`
	// Cause says in one line what explains the finding in Message; "" if nothing that is known can.
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

// Worst returns how bad the incident is, or has been by its findings.
func (i Incident) Worst() Status {
	worst := i.Severity
	for _, f := range i.Findings {
		if f.Severity.Worse(worst) {
			worst = f.Severity
		}
	}
	return worst
}

// Summary returns the message, and how many other findings there are: those that are open
// or, once all have ended, those that were.
func (i Incident) Summary() string {
	more := len(i.OpenFindings()) - 1
	if more < 0 {
		more = len(i.Findings) - 1
	}
	switch {
	case more < 1:
		return i.Message
	case more == 1:
		return i.Message + " (and 1 more finding)"
	}
	return fmt.Sprintf("%s (and %d more findings)", i.Message, more)
}

// Of returns the incident as if f were its only finding. Routes, silences and repair
// policies, which are about checks, look at it so.
func (i Incident) Of(f IncidentFinding) Incident {
	i.Check, i.Kind, i.Key = f.Check, f.Kind, f.Key
	i.Tier, i.Owner, i.Runbook = f.Tier, f.Owner, f.Runbook
	i.Severity, i.Monitor = f.Severity, f.Monitor
	i.Message, i.Observed, i.Expected = f.Message, f.Observed, f.Expected
	i.Upstream, i.Cause, i.Statement = f.Upstream, f.Cause, f.Statement
	i.Findings = []IncidentFinding{f}
	return i
}

// Parts returns the incident once for each open finding, as [Incident.Of] does. An
// incident without an open finding is its own part.
func (i Incident) Parts() []Incident {
	open := i.OpenFindings()
	if len(open) == 0 {
		return []Incident{i}
	}
	parts := make([]Incident, len(open))
	for n, f := range open {
		parts[n] = i.Of(f)
	}
	return parts
}

// OpenFindings returns the findings that have not ended, the worst first. Of equally bad
// ones that which explains others comes first, then the oldest.
func (i Incident) OpenFindings() []IncidentFinding {
	var open []IncidentFinding
	for _, f := range i.Findings {
		if f.Open() {
			open = append(open, f)
		}
	}
	slices.SortStableFunc(open, func(a, b IncidentFinding) int {
		return cmp.Or(
			falseFirst(a.Silenced, b.Silenced), severity[b.Severity]-severity[a.Severity],
			falseFirst(a.Cause != "", b.Cause != ""), a.Opened.Compare(b.Opened),
		)
	})
	return open
}

func falseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// IncidentFinding is what one check finds wrong with one segment or part of a dataset.
// (Check, Key) identifies it within its incident.
type IncidentFinding struct {
	Check    string `json:"check"`
	Kind     string `json:"kind"`
	Key      string `json:"key"` // "" for the check as a whole
	Severity Status `json:"severity"`
	Monitor  bool   `json:"monitor,omitempty"` // the check could not run; the data was not judged
	Tier     string `json:"tier,omitempty"`
	Owner    string `json:"owner,omitempty"`
	Runbook  string `json:"runbook,omitempty"`

	Message  string `json:"message"`
	Observed Number `json:"observed"`
	Expected string `json:"expected,omitempty"`
	// Statement is the SQL statement that would mend it; "" where none is known.
	Statement string `json:"statement,omitempty"`
	// Explanation says what the bad rows had in common when the finding began; "" if nothing set them apart. Message
	// ends in it.
	Explanation string `json:"explanation,omitempty"`
	// Fewer means that the table has fewer rows than expected, of all its rows.
	Fewer bool `json:"fewer,omitempty"`

	Opened   time.Time `json:"opened,omitzero"`    // when the first bad result was seen
	Updated  time.Time `json:"updated,omitzero"`   // when the last bad result was seen
	Resolved time.Time `json:"resolved,omitzero"`  // when it ended; zero while open
	LastGood time.Time `json:"last_good,omitzero"` // the last good result before Opened; zero if unknown
	Ticks    int       `json:"ticks"`              // number of bad results so far

	// Upstream is the id of the incident of an upstream dataset that explains the finding; "" for none.
	Upstream string `json:"upstream,omitempty"`
	// Cause says in one line what explains the finding; "" if nothing that is known can.
	Cause string `json:"cause,omitempty"`
	// Note says why the finding ended, if not by a good result.
	Note string `json:"note,omitempty"`
	// Silenced means that a silence or a maintenance window holds for it.
	Silenced bool `json:"silenced,omitempty"`
}

// Explained returns a message of the finding with its explanation, which is of when it began.
func (f IncidentFinding) Explained(message string) string {
	switch {
	case f.Explanation == "":
		return message
	case f.Ticks > 1:
		return message + "; when it began, " + f.Explanation
	}
	return message + "; " + f.Explanation
}

// Open reports whether the finding has not ended.
func (f IncidentFinding) Open() bool { return f.Resolved.IsZero() }

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
