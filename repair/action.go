// Package repair makes bad data good again where it is allowed to: a repair is
// planned as data, saved, guarded, applied once, verified by the check that
// failed, and taken back when it did not help. One file per action; the engine
// carries any action through the same states.
package repair

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Action is one kind of repair. Its exported fields are its YAML. Every method
// may be called again after a crash, by another agent, for the same plan.
type Action interface {
	// Validate checks the configuration and fills in defaults; an error names the
	// field and what to do.
	Validate() error
	// Plan says what would be done. It reads only. An action that has nothing to
	// do answers [ErrNothing], one that must not be done a plan of class refused
	// or a [RefusedError].
	Plan(ctx context.Context, t *Target, why Trigger) (sentinel.Plan, error)
	// Stage prepares everything that leaves the target as it is, and verifies it.
	// Called again, it goes on where it stopped. Actions without staging return nil.
	Stage(ctx context.Context, r *Run) error
	// Apply makes the change, once: what was applied before, by whoever, is found
	// (ledger, lookup) and not done again. An outcome that cannot be told is an
	// [UnknownError]; work that goes on elsewhere a [RunningError].
	Apply(ctx context.Context, r *Run) error
	// Rollback takes an applied change back, once, or says in a [RefusedError] why
	// it cannot.
	Rollback(ctx context.Context, r *Run) error
}

// Trigger is why a repair is wanted.
type Trigger struct {
	Incident   sentinel.Incident
	Result     sentinel.Result    // the failed check's last: its findings, drifts and observations
	TimeColumn string             // of the dataset; "" when none is configured
	Location   *time.Location     // of the dataset; nil when none is configured
	Like       *sentinel.Table    // the table a schema check compares with
	Declared   []warehouse.Column // the columns a schema check declares; Type may be empty
	// Labels are those of an incoming alert, or what else a hook may want to
	// know; never secrets.
	Labels map[string]string
}

// Run is one try to carry a plan out.
type Run struct {
	Repair sentinel.Repair // with its plan, fence and attempt
	Target *Target
	// Resumed: the step was begun by an agent that did not come back. What it did
	// has to be found out before it is done again.
	Resumed bool
	// Alive is asked before every step: it fails when the lease is lost, the kill
	// switch is thrown or the agent stops, and then nothing more may be done.
	Alive func() error
	// Failpoint is called at named places, for tests that kill the process there.
	Failpoint func(name string)
	// Progress reports a checkpoint for people, such as "staged 120,000 of 400,000 rows".
	Progress func(message string)
	// From is set by an action that took its data from a fallback source.
	From string
}

// Target is where a repair acts.
type Target struct {
	Read *warehouse.DB // read-only sessions of the table's warehouse; nil for a hook without one
	// Write holds the sessions of repair_dsn; nil when none is configured. Plan
	// never uses it.
	Write *Writer
	// Warehouse finds the others, as sources.
	Warehouse func(name string) (*warehouse.DB, error)
	Now       func() time.Time
}

var actions = map[string]func() Action{}

// Register adds an action; it is called from init functions only and panics on
// a name taken twice.
func Register(name string, newAction func() Action) {
	if _, taken := actions[name]; taken {
		panic("repair: action registered twice: " + name)
	}
	actions[name] = newAction
}

// New returns an action's zero value.
func New(name string) (Action, error) {
	f, ok := actions[name]
	if !ok {
		return nil, fmt.Errorf("unknown repair action %q", name)
	}
	return f(), nil
}

// Actions returns the registered names in alphabetical order.
func Actions() []string {
	var names []string
	for n := range actions {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
