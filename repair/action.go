// Package repair makes bad data good again where it is allowed to. A repair is
// planned as data, saved, guarded, applied once, verified by the check that
// failed, and taken back when it did not help.
//
// The [Engine] carries every [Action] through the same states: engine.go plans,
// guard.go decides whether a plan may go ahead, execute.go runs its steps,
// decisions.go records what people decide. The actions are in packages of their own
// (reload, alter, hooks), which register themselves when they are imported.
// Begin with action.go and then [Engine.Advance].
package repair

import (
	"context"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/registry"
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
	// (ledger, lookup) and not done again. An outcome that is not known is an
	// [UnknownError]; work that another system goes on with is a [RunningError].
	Apply(ctx context.Context, r *Run) error
	// Rollback takes an applied change back, once, or says in a [RefusedError] why
	// it cannot.
	Rollback(ctx context.Context, r *Run) error
}

// WarehouseWriter is an action that writes to the warehouse of its table. The warehouse
// then needs a repair_dsn.
type WarehouseWriter interface {
	Action
	// WritesToWarehouse has no effect. It marks the action.
	WritesToWarehouse()
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
	// Resumed says that the step was begun by an agent that did not come back. What
	// that agent did has to be found out before anything is done again.
	Resumed bool
	// Control is asked before every change. Nil lets everything through.
	Control Control
	// Source is set by an action that took its data from a fallback source.
	Source string
}

// Control is what a running step asks of the agent that runs it. Its methods may
// be called concurrently.
type Control interface {
	// Alive returns an error when the lease is lost, the kill switch is set or the
	// agent stops. The step must change nothing more then.
	Alive() error
	Failpoints
}

// Failpoints lets tests stop the process at named places.
type Failpoints interface {
	// Failpoint is called between two writes, at the place that it is given. The
	// program does nothing there; a test may kill the process.
	Failpoint(place string)
}

// Alive fails when nothing more may be changed; see [Control].
func (r *Run) Alive() error {
	if r.Control == nil {
		return nil
	}
	return r.Control.Alive()
}

// Failpoint tells tests of a named place; see [Control].
func (r *Run) Failpoint(place string) {
	if r.Control != nil {
		r.Control.Failpoint(place)
	}
}

// Now is the wall clock; the zero time for a target without one.
func (r *Run) Now() time.Time {
	if r.Target.Now == nil {
		return time.Time{}
	}
	return r.Target.Now()
}

// Writer returns the sessions that the step writes with, and refuses the step
// where no repair_dsn is configured.
func (r *Run) Writer() (*Writer, error) {
	if r.Target.Write == nil {
		return nil, &RefusedError{"no repair_dsn is configured for warehouse " + r.Repair.Table.Warehouse}
	}
	return r.Target.Write, nil
}

// Target is where a repair acts.
type Target struct {
	Read *warehouse.DB // read-only sessions of the table's warehouse; nil for a hook without one
	// Write holds the sessions of repair_dsn; nil when none is configured. Plan
	// never uses it.
	Write *Writer
	// Sources finds the warehouses that data can be read from.
	Sources Sources
	Now     sentinel.Clock
}

// Sources finds the other warehouses of a configuration.
type Sources interface {
	// Open returns the read-only sessions of a warehouse by its name.
	Open(warehouse string) (*warehouse.DB, error)
}

var actions = registry.New[func() Action]("repair action")

// Register adds an action; it is called from init functions only and panics on
// a name taken twice.
func Register(name string, newAction func() Action) { actions.Add(name, newAction) }

// New returns an action's zero value.
func New(name string) (Action, error) {
	newAction, err := actions.Get(name)
	if err != nil {
		return nil, err
	}
	return newAction(), nil
}

// Actions returns the registered names in alphabetical order.
func Actions() []string { return actions.Names() }
