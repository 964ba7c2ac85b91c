package sentinel

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// Plan is a repair as data. It is saved before anything is done, shown to the
// person who approves it, and carried out without looking anything else up: a
// plan that no longer fits what it was made against is not applied.
type Plan struct {
	Action string `json:"action"`  // the registered name: reload_partition, alter_table, webhook, ...
	Table  Table  `json:"dataset"` // what is changed; for a hook, what it is run for
	// The key of the finding it is to make go away; "" for any of the check's.
	Finding string `json:"finding,omitempty"`
	// Which part of the table: "created_at in [2026-11-20, 2026-11-21)", "column note"; "" for the whole.
	Scope   string      `json:"scope,omitempty"`
	Summary string      `json:"summary"` // one line: what will be done
	Steps   []Step      `json:"steps"`   // in order
	Hazards []string    `json:"hazards,omitempty"`
	Class   RepairClass `json:"class"`
	Why     string      `json:"why,omitempty"` // why this class; "" where there is nothing to say
	Rows    int64       `json:"rows"`          // rows it will write at most; -1 when that cannot be told
	// Guarantee says what happens when an agent dies in the middle.
	Guarantee Guarantee `json:"guarantee"`
	// Fingerprint is of the target as it was planned against; "" where the action
	// has nothing to compare.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Details is what the action needs to carry the plan out. No secrets.
	Details json.RawMessage `json:"details,omitempty"`
}

// Step is one thing a plan does, with its undo.
type Step struct {
	Name   string   `json:"name"`
	Do     []string `json:"do"`                // the statements or the request, as they will be sent; without secrets
	Undo   []string `json:"undo,omitempty"`    // what takes it back; empty when nothing does
	NoUndo string   `json:"no_undo,omitempty"` // why it cannot be taken back; "" when Undo does
}

// RepairClass says who may let a plan go ahead.
type RepairClass string

// The classes, from the harmless to the forbidden.
const (
	ClassAuto    RepairClass = "auto"    // bounded and reversible: mode auto may apply it
	ClassApprove RepairClass = "approve" // a person decides, whatever the mode
	ClassRefused RepairClass = "refused" // never applied: the plan tells a person what would have to be done
)

// Guarantee is what holds when an agent dies, or two try the same.
type Guarantee string

// The guarantees.
const (
	ExactlyOnce Guarantee = "exactly_once"  // fence and ledger commit with the change
	LookedUp    Guarantee = "looked_up"     // the outcome can be asked for before a second try
	AtLeastOnce Guarantee = "at_least_once" // a second try may do it twice
)

// Hash identifies the plan's content: an approval is for one hash. Plans that differ
// in a field have different hashes, also those whose Details are no valid JSON.
func (p Plan) Hash() string {
	data, err := json.Marshal(p)
	if err != nil {
		data = fmt.Appendf(nil, "%#v", p)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// Repair is one attempt of Sentinel to make an incident go away, from planned
// to its end.
type Repair struct {
	ID       string      `json:"id"`               // sortable by time
	Key      string      `json:"key"`              // idempotency key: at most one repair that has not ended exists per key
	Policy   string      `json:"policy,omitempty"` // id of the configured repair
	Incident string      `json:"incident,omitempty"`
	Check    string      `json:"check"`
	Table    Table       `json:"dataset"`
	Plan     Plan        `json:"plan"`
	Mode     string      `json:"mode"` // off, plan, auto, shadow: as configured when it was planned
	State    RepairState `json:"state"`
	Resume   RepairState `json:"resume,omitempty"` // retry_wait and unknown: what is tried again
	Version  int64       `json:"version"`          // grows with every transition
	Fence    int64       `json:"fence"`            // grows with every agent that takes it up
	Holder   string      `json:"holder,omitempty"`
	Attempts int         `json:"attempts"`
	NextAt   time.Time   `json:"next_at,omitzero"` // when it may be tried again (retry_wait) or its lease ends
	// When another system was first seen to work on the step under way; zero when none does.
	Asked    time.Time `json:"asked,omitzero"`
	Approval *Approval `json:"approval,omitempty"`
	Message  string    `json:"message"`          // one line: why it stands where it stands
	Source   string    `json:"source,omitempty"` // where the data came from, when from a fallback
	Linked   string    `json:"linked,omitempty"` // the repair this one retries, "" for a first one

	Created  time.Time `json:"created,omitzero"`
	Updated  time.Time `json:"updated,omitzero"`
	Applied  time.Time `json:"applied,omitzero"`  // zero until it was
	Finished time.Time `json:"finished,omitzero"` // zero until it ended
}

// Approval is a person's yes to one plan.
type Approval struct {
	By      string    `json:"by"`
	At      time.Time `json:"at,omitzero"`
	Hash    string    `json:"hash"` // of the plan that was read
	Expires time.Time `json:"expires,omitzero"`
}

// RepairState is where a repair stands.
type RepairState string

// The states of a repair. Each is durable before the act it announces.
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
	// Maintenance, cool-down, open breaker or spent budget: looked at again later.
	RepairSuppressed RepairState = "suppressed"
	RetryWait        RepairState = "retry_wait"
	OutcomeUnknown   RepairState = "unknown" // it may or may not have happened, and cannot be looked up
	RollingBack      RepairState = "rolling_back"
	RolledBack       RepairState = "rolled_back"
	RepairFailed     RepairState = "failed"
	DeadLetter       RepairState = "dead_letter" // given up; kept until a person acknowledges it
	RepairCancelled  RepairState = "cancelled"
	Superseded       RepairState = "superseded" // the incident ended before anything was applied
	ShadowDone       RepairState = "shadow"     // planned and recorded only
)

// Final reports whether the repair has ended.
func (s RepairState) Final() bool {
	switch s {
	case RepairSucceeded, RolledBack, RepairFailed, DeadLetter, RepairCancelled, Superseded, ShadowDone:
		return true
	}
	return false
}
