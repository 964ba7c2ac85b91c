package sentinel

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Plan is a repair as data. The engine saves it before it changes anything, and a
// person approves exactly this plan. It holds all that its execution needs. The
// engine does not apply a plan whose target has changed since the plan was made.
type Plan struct {
	Action string `json:"action"`  // registered name: reload_partition, alter_table, webhook, ...
	Table  Table  `json:"dataset"` // the table that is changed, or for which a hook runs
	// Finding is the key of the finding that the plan repairs; "" for any of the check's.
	Finding string `json:"finding,omitempty"`
	// Scope names the part of the table: "created_at in [2026-11-20, 2026-11-21)" or "column note"; "" for all.
	Scope   string      `json:"scope,omitempty"`
	Summary string      `json:"summary"` // the plan in one line
	Steps   []Step      `json:"steps"`   // in the order of execution
	Hazards []string    `json:"hazards,omitempty"`
	Class   RepairClass `json:"class"`
	Why     string      `json:"why,omitempty"` // reason for Class; "" if it needs none
	Rows    int64       `json:"rows"`          // maximum number of rows written; -1 if unknown
	// Lost is the number of rows that only the table has, or that are newer there than in the source. It is known
	// once the rows are staged. LostKeys are some of their keys.
	Lost     int64    `json:"lost,omitempty"`
	LostKeys []string `json:"lost_keys,omitempty"`
	// Overwritten is the number of rows that have other values than the source's row with the same key.
	Overwritten     int64    `json:"overwritten,omitempty"`
	OverwrittenKeys []string `json:"overwritten_keys,omitempty"`
	// Guarantee says what can happen when an agent dies while it applies the plan.
	Guarantee Guarantee `json:"guarantee"`
	// KeepFor is how long the rows that were there before are kept for a rollback, from the end of the repair on; 0
	// means a day.
	KeepFor time.Duration `json:"keep_for,omitempty"` // in nanoseconds
	// Fingerprint identifies the target's state at planning time; "" if the action compares nothing.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Details holds what the action needs to execute the plan. It holds no secrets.
	Details json.RawMessage `json:"details,omitempty"`
}

// Step is one step of a plan with its undo.
type Step struct {
	Name   string   `json:"name"`
	Do     []string `json:"do"`                // statements or request as they will be sent, without secrets
	Undo   []string `json:"undo,omitempty"`    // statements that reverse the step; empty if none can
	NoUndo string   `json:"no_undo,omitempty"` // why the step cannot be reversed; "" if Undo reverses it
}

// RepairClass says who may approve a plan.
type RepairClass string

// The classes, in order of risk.
const (
	ClassAuto    RepairClass = "auto"    // bounded and reversible; mode auto may apply it
	ClassApprove RepairClass = "approve" // a person decides in every mode
	ClassRefused RepairClass = "refused" // never applied; the plan shows a person what is needed
)

// Guarantee says how often a change can happen when an agent dies or two agents try it.
type Guarantee string

// The guarantees.
const (
	ExactlyOnce Guarantee = "exactly_once"  // fence and ledger commit in the transaction of the change
	LookedUp    Guarantee = "looked_up"     // the agent reads the outcome before it tries again
	AtLeastOnce Guarantee = "at_least_once" // a second try may repeat the change
)

// Hash identifies the plan's content. An approval is valid for one hash. Plans that
// differ in a field have different hashes, even if Details is not valid JSON.
func (p Plan) Hash() string {
	data, err := json.Marshal(p)
	if err != nil {
		data = fmt.Appendf(nil, "%#v", p)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// SamePlan reports whether two plans do the same. What was found while their rows were staged may differ.
func (p Plan) SamePlan(other Plan) bool {
	return p.unstaged().Hash() == other.unstaged().Hash()
}

// unstaged is the plan without what was found while its rows were staged.
func (p Plan) unstaged() Plan {
	p.Lost, p.LostKeys, p.Overwritten, p.OverwrittenKeys = 0, nil, 0, nil
	return p
}

// Repair is one attempt to resolve an incident, from planned to its end.
type Repair struct {
	ID       string      `json:"id"`               // sorts by time of creation
	Key      string      `json:"key"`              // idempotency key; at most one unfinished repair exists per key
	Policy   string      `json:"policy,omitempty"` // id of the configured repair
	Incident string      `json:"incident,omitempty"`
	Check    string      `json:"check"`
	Table    Table       `json:"dataset"`
	Plan     Plan        `json:"plan"`
	Mode     string      `json:"mode"` // off, plan, auto or shadow, as configured at planning time
	State    RepairState `json:"state"`
	Resume   RepairState `json:"resume,omitempty"` // in retry_wait and unknown: the state to try again
	Version  int64       `json:"version"`          // grows by one with every transition
	Fence    int64       `json:"fence"`            // grows with every agent that claims the repair
	Holder   string      `json:"holder,omitempty"` // the agent that holds the lease
	Attempts int         `json:"attempts"`
	NextAt   time.Time   `json:"next_at,omitzero"` // in retry_wait: time of the next try; else end of the lease
	// Asked is when another system was first seen at work on the current step; zero if none is.
	Asked    time.Time `json:"asked,omitzero"`
	Approval *Approval `json:"approval,omitempty"`
	Message  string    `json:"message"`          // one line: the reason for State
	Source   string    `json:"source,omitempty"` // the fallback that supplied the data; "" for the first source
	Linked   string    `json:"linked,omitempty"` // id of the repair that this one retries; "" for a first one
	// Again is true if the repair ended because the table changed, so that the same plan may be made again.
	Again bool   `json:"again,omitempty"`
	Proof *Proof `json:"proof,omitempty"` // what the checks say of the staged rows; nil before they were asked
	// Unhelpful has the sources that did not help, of this repair and of earlier ones for the same incident.
	Unhelpful []UnhelpfulSource `json:"unhelpful,omitempty"`

	Created  time.Time `json:"created,omitzero"`
	Updated  time.Time `json:"updated,omitzero"`
	Applied  time.Time `json:"applied,omitzero"`  // zero before the change is applied
	Finished time.Time `json:"finished,omitzero"` // zero before the repair ends
}

// Approval is a person's consent to one plan.
type Approval struct {
	By      string    `json:"by"`
	At      time.Time `json:"at,omitzero"`
	Hash    string    `json:"hash"` // hash of the plan that the person read
	Expires time.Time `json:"expires,omitzero"`
}

// RepairState is a stage in the life of a repair.
type RepairState string

// The states of a repair. The engine stores a state before it acts on it.
const (
	RepairPlanned    RepairState = "planned"
	AwaitingApproval RepairState = "awaiting_approval"
	RepairQueued     RepairState = "queued"
	RepairPreflight  RepairState = "preflight"
	RepairStaging    RepairState = "staging"
	RepairStaged     RepairState = "staged"
	RepairApplying   RepairState = "applying"
	RepairApplied    RepairState = "applied"
	RepairVerifying  RepairState = "verifying"
	RepairSucceeded  RepairState = "succeeded"
	// RepairSuppressed means that maintenance, a cool-down, an open circuit breaker or a spent budget delays
	// the repair. The engine tries it again later.
	RepairSuppressed RepairState = "suppressed"
	RetryWait        RepairState = "retry_wait"
	OutcomeUnknown   RepairState = "unknown" // the change may have happened, and nothing can tell
	RollingBack      RepairState = "rolling_back"
	RolledBack       RepairState = "rolled_back"
	RepairFailed     RepairState = "failed"
	DeadLetter       RepairState = "dead_letter" // abandoned; kept until a person acknowledges it
	RepairCancelled  RepairState = "cancelled"
	Superseded       RepairState = "superseded" // the incident ended before the change was applied
	ShadowDone       RepairState = "shadow"     // only planned and recorded
	// WouldNotHelp means that no source has rows with which the check would pass and no other would fail. Nothing
	// was applied.
	WouldNotHelp RepairState = "would_not_help"
)

// Final reports whether the repair has ended.
func (s RepairState) Final() bool {
	switch s {
	case RepairSucceeded, RolledBack, RepairFailed, DeadLetter, RepairCancelled, Superseded, ShadowDone,
		WouldNotHelp:
		return true
	}
	return false
}
