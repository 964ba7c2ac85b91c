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
	"github.com/sentinel-dq/sentinel/rowdiff"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Action is one kind of repair. Its exported fields are its YAML. After a crash another
// agent may call every method again for the same plan.
type Action interface {
	// Validate checks the configuration and sets defaults. An error names the field and
	// says what to do.
	Validate() error
	// Plan returns what would be done. It only reads. It returns [ErrNothing] if there
	// is nothing to do. For a change that must not be made it returns a plan of class
	// refused or a [RefusedError].
	Plan(ctx context.Context, t *Target, why Trigger) (sentinel.Plan, error)
	// Stage prepares and verifies everything that leaves the target as it is. Called
	// again, it continues where it stopped. Actions without staging return nil.
	Stage(ctx context.Context, r *Run) error
	// Apply makes the change once. A change that any agent applied before is found in
	// the ledger or by a query, and is not made again. It returns an [UnknownError] if
	// the outcome is not known, and a [RunningError] while another system works on the
	// change.
	Apply(ctx context.Context, r *Run) error
	// Rollback undoes an applied change once, or returns a [RefusedError] that says why
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

// SelectiveAction is an action that cannot act on each finding that its policy names.
type SelectiveAction interface {
	Action
	// Applies reports whether the action can act on a finding. If it cannot, nothing is
	// planned, and no notification says that it was tried.
	Applies(why Trigger) bool
}

// SchemaAction is an action that alters a table.
type SchemaAction interface {
	Action
	// Altered returns the one change of the schema that a plan makes.
	Altered(plan sentinel.Plan) (change sentinel.DriftKind, column string, err error)
}

// Trigger is why a repair is wanted.
type Trigger struct {
	// Occasion is the same whenever the same occasion triggers again. Each policy makes one
	// repair for it, ever. "" lets the incident decide.
	Occasion   string
	Incident   sentinel.Incident
	Result     sentinel.Result    // the failed check's last: its findings, drifts and observations
	TimeColumn string             // of the dataset; "" when none is configured
	TimeUnit   string             // TimeColumn holds numbers of these since 1970: s, ms, us or ns; else ""
	TimeFormat string             // TimeColumn holds texts or numbers in this form; else ""
	TimeUTC    bool               // times of TimeColumn without a zone are in UTC, not in Location
	Location   *time.Location     // of the dataset; nil when none is configured
	Like       *sentinel.Table    // the table a schema check compares with
	Declared   []warehouse.Column // the columns a schema check declares; Type may be empty
	// Rows compares the rows of the table with those of another one, as the failed check does;
	// nil if it compares none.
	Rows RowComparer
	// Labels are those of an incoming alert, or other facts for a hook. They never hold
	// secrets.
	Labels map[string]string
}

// RowComparer compares the rows of a table with those of another one by their key.
type RowComparer interface {
	// With returns the other table.
	With() sentinel.Table
	// CompareRows returns what differs now. It names up to most rows.
	CompareRows(ctx context.Context, most int) (*rowdiff.Comparison, *rowdiff.Result, error)
}

// Run is one try to carry a plan out.
type Run struct {
	Repair sentinel.Repair // with its plan, fence and attempt
	Target *Target
	// Resumed says that another agent began the step and did not finish it. What that
	// agent did must be found out before anything is changed.
	Resumed bool
	// MayLose is how many rows may be deleted or replaced although the source does not
	// have them, or has them older; see [LostError].
	MayLose int64
	// Control is asked before every change. Nil lets everything through.
	Control Control
	// Source is set by an action that took its data from a fallback source.
	Source string

	secrets []string // see Hide
}

// Control connects a running step with the agent that runs it. Its methods may be
// called concurrently.
type Control interface {
	// Alive returns an error if the lease is lost, the kill switch is set or the agent
	// stops. The step must change nothing more then.
	Alive() error
	Failpoints
}

// Failpoints lets tests stop the process at named places.
type Failpoints interface {
	// Failpoint is called between two writes with the name of the place. The program
	// does nothing there. A test may kill the process.
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
	if r.Target.Clock == nil {
		return time.Time{}
	}
	return r.Target.Clock.Now()
}

// Writer returns the sessions that the step writes with. It refuses the step if no
// repair_dsn is configured.
func (r *Run) Writer() (*Writer, error) {
	if r.Target.Write == nil {
		return nil, &RefusedError{Why: "no repair_dsn is configured for warehouse " + r.Repair.Table.Warehouse}
	}
	return r.Target.Write, nil
}

// Target is where a repair acts.
type Target struct {
	Read *warehouse.DB // read-only sessions of the table's warehouse; nil for a hook without one
	// Write holds the sessions of repair_dsn. It is nil if none is configured. Plan
	// never uses it.
	Write *Writer
	// Sources finds the warehouses that data can be read from.
	Sources Sources
	Clock   sentinel.Clock
}

// Sources finds the other warehouses of a configuration.
type Sources interface {
	// Open returns the read-only sessions of a warehouse by its name.
	Open(warehouse string) (*warehouse.DB, error)
}

var actions = registry.New[func() Action]("repair action")

// Register adds an action. Only init functions call it. It panics on a name that is
// taken.
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
