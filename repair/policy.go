package repair

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/outbound"
	"github.com/sentinel-dq/sentinel/settings"
)

// Mode is how far a policy may go by itself.
type Mode string

// The modes.
const (
	Off    Mode = "off"
	Manual Mode = "plan"   // a person approves each plan
	Auto   Mode = "auto"   // plans of class auto are applied at once
	Shadow Mode = "shadow" // plans are recorded and never applied
)

// Words are the modes.
func (Mode) Words() []string {
	return []string{string(Off), string(Manual), string(Auto), string(Shadow)}
}

// Policy is one configured repair: its trigger, its action and its limits. Its exported
// fields, and the action's own key, are the YAML of an item under `repair:`.
type Policy struct {
	ID     string         `yaml:"id" doc:"Identity of its history. Default: derived."`
	Table  sentinel.Table `yaml:"-"`
	On     []string       `yaml:"on" required:"true" doc:"Kinds, kind.finding, risk, alert.NAME, or ids of checks."`
	Mode   Mode           `yaml:"mode" default:"plan" doc:"Who decides: plan asks a person, auto applies, shadow only records."`
	DryRun bool           `yaml:"dry_run" doc:"Plan and guard as mode says, but change nothing."`
	// Rollout lets this share of incidents be repaired ("10%"). The others are recorded
	// as in shadow. [Policy.Validate] sets the default of nil fields; zero is a value.
	Rollout *Share `yaml:"rollout" default:"100%" doc:"Share of incidents to repair. The rest is only recorded. 0%: none."`

	Attempts int            `yaml:"attempts" default:"3" doc:"Repairs allowed in a window."`
	Window   time.Duration  `yaml:"window" default:"1h" doc:"Window in which attempts are counted."`
	Cooldown *time.Duration `yaml:"cooldown" default:"1h" doc:"Pause after the last attempt. 0s: none."`
	// FlapWindow is the time in which a repair counts as failed if its check fails again.
	FlapWindow *time.Duration `yaml:"flap_window" default:"15m" doc:"A repair that is undone this soon has failed. 0s: none has."`
	Retries    *int           `yaml:"retries" default:"5" doc:"Tries of one repair after transient errors. 0: none."`
	MaxRows    int64          `yaml:"max_rows" default:"5000000" doc:"A plan that writes more rows needs a person."`
	MaxLost    int64          `yaml:"max_lost" doc:"A person decides if more rows are not in the source, or newer in the table."`
	Approval   time.Duration  `yaml:"approval_within" default:"24h" doc:"A plan that nobody approves expires."`
	Settle     time.Duration  `yaml:"settle" doc:"Wait before the repair is verified."`
	OnFailure  string         `yaml:"on_failure" default:"rollback" enum:"rollback,escalate" doc:"What to do when the check stays bad."`
	Escalate   string         `yaml:"escalate" default:"after" enum:"after,at_once" doc:"When people are notified: after a failed repair, or at once."`

	Outbound *outbound.Rules `yaml:"outbound" doc:"Authorities and proxy of the action's requests, in place of those of the file."`

	Action Action `yaml:"-"`
	Kind   string `yaml:"-"` // the action's registered name
}

// Share is a part of a whole, written as a percentage.
type Share float64

// UnmarshalText reads 10%.
func (s *Share) UnmarshalText(b []byte) error {
	var v float64
	if n, err := fmt.Sscanf(string(b), "%g%%", &v); n != 1 || err != nil || v < 0 || v > 100 {
		return fmt.Errorf("%q: want a percentage such as 10%%", b)
	}
	*s = Share(v / 100)
	return nil
}

// Validate checks the policy and fills in defaults.
func (p *Policy) Validate() error {
	if err := settings.Complete(p); err != nil {
		return err
	}
	if len(p.On) == 0 {
		return settings.Wrong("on", "want what the repair is for, such as row_count or schema.column_added")
	}
	if err := p.limits(); err != nil {
		return err
	}
	if p.Action == nil {
		return settings.Wrong("", "no action: want one of %s", strings.Join(Actions(), ", "))
	}
	return settings.In(p.Kind, p.Action.Validate())
}

// limits checks that what must be positive is.
func (p *Policy) limits() error {
	for _, l := range []struct {
		field string
		ok    bool
	}{
		{"window", p.Window >= 0},
		{"cooldown", *p.Cooldown >= 0},
		{"approval_within", p.Approval >= 0},
		{"flap_window", *p.FlapWindow >= 0},
		{"attempts", p.Attempts >= 1},
		{"retries", *p.Retries >= 0},
		{"max_rows", p.MaxRows >= 1},
		{"max_lost", p.MaxLost >= 0},
		{"settle", p.Settle >= 0},
	} {
		if !l.ok {
			return settings.Wrong(l.field, "must be positive")
		}
	}
	return nil
}

// Matches reports whether the policy is for an incident. A policy names a key such as
// "missing_partition:2026-01-01" by the part before the colon.
func (p *Policy) Matches(i sentinel.Incident) bool {
	if p.Mode == Off || i.Monitor || i.Table != p.Table {
		return false
	}
	kind, _, _ := strings.Cut(i.Key, ":")
	for _, on := range p.On {
		if on == i.Check || on == i.Kind || kind != "" && on == i.Kind+"."+kind {
			return true
		}
	}
	return false
}

// mayLose is how many rows a plan may take from the table without asking anew.
func (p *Policy) mayLose(plan sentinel.Plan) int64 { return max(p.MaxLost, plan.Lost) }

// Applies reports whether the policy's action can act on a finding.
func (p *Policy) Applies(why Trigger) bool {
	selective, ok := p.Action.(SelectiveAction)
	return !ok || selective.Applies(why)
}

// key returns the idempotency key: if two agents see the same incident, only one of
// them makes a repair. The key depends on no clock and no attempt.
func (p *Policy) key(plan sentinel.Plan) string {
	return strings.Join([]string{p.ID, plan.Table.String(), plan.Action, plan.Scope}, "|")
}

// inRollout reports whether the roll-out lets this incident be repaired. The answer for
// an incident never changes.
func (p *Policy) inRollout(incident string) bool {
	h := fnv.New32a()
	h.Write([]byte(incident))
	return float64(h.Sum32()%10000)/10000 < float64(*p.Rollout)
}
