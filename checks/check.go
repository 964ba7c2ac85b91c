// Package checks holds the kinds of checks, one file each, and the planner that
// turns all checks of a table into one statement.
//
// A check never talks to a database. It says what it needs to know beforehand
// (Needs), asks for numbers (Ask), and judges the answers (Judge); the executor
// ([Run]) does the reading, for all tables of a warehouse at once.
package checks

import (
	"reflect"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/internal/registry"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Check is one rule on one dataset. The exported fields of the concrete type
// are its YAML configuration. All methods are pure and may be called
// concurrently after Validate has returned nil.
type Check interface {
	// Common returns the options every kind has.
	Common() *Options
	// Validate checks the configuration and fills in defaults; an error names
	// the field and what to do. The zero value of a kind that requires a field
	// fails cleanly.
	Validate() error
	// Needs says what must be known before Ask: catalog facts, history, baseline.
	Needs(t Target) Needs
	// Ask returns the numbers wanted from the table. It is called again with the
	// answers so far, and ends the questions by returning none: a second round
	// is how a cheap answer that does not decide is followed by a dearer one.
	Ask(t Target, a Answers) []Ask
	// Judge decides. It sees every answer, also those that are errors.
	Judge(t Target, a Answers) sentinel.Result
}

// Options are the fields every kind has. They are inlined in a check's YAML.
type Options struct {
	ID       string `yaml:"id" doc:"Identity of its history and incidents. Default: derived."`
	Name     string `yaml:"name" doc:"Name for people."`
	Where    string `yaml:"where" doc:"SQL condition on the rows to check."`
	Schedule string `yaml:"schedule" doc:"Cron expression. Default: the dataset's."`
	Timezone string `yaml:"timezone" doc:"IANA name. Default: the dataset's."`
	Owner    string `yaml:"owner" doc:"Who is responsible. Default: the dataset's."`
	Tier     string `yaml:"tier" enum:"critical,warning,info" doc:"Importance. Default: the dataset's."`
	Runbook  string `yaml:"runbook" doc:"Link for whoever is notified. Default: the dataset's."`
	// Confirm: a bad result counts only when the last Of runs hold at least
	// Failures bad ones. Zero: every bad result counts.
	Confirm *Confirm `yaml:"confirm" doc:"Bad results that an incident needs. null: one is enough."`
	// Clear: an incident of row_count or sql ends only when this holds ("> 1200"
	// beside fail: "< 1000"), so that a number near its threshold does not flap.
	Clear Bound `yaml:"clear" doc:"An incident ends only when this holds, such as \"> 1200\"."`
	// Aspect is what the check looks at, such as "updated_at" or "day:country":
	// Validate sets it, and it becomes part of a derived id. It never holds a
	// threshold, so that history goes on when thresholds change. "": the whole.
	Aspect string `yaml:"-"`
	// Anomaly: also hold the check's number against what is normal for it.
	Anomaly *anomaly.Config `yaml:"anomaly" doc:"Also hold the number against what is normal for it."`
}

// Confirm is N-of-M: Failures bad results among the last Of.
type Confirm struct {
	Failures int `yaml:"failures" doc:"Bad results needed."`
	Of       int `yaml:"of" doc:"Latest runs they are counted in, up to 64."`
}

// Common implements Check for every type that embeds Options.
func (o *Options) Common() *Options { return o }

// Target is a dataset at one tick, with what is known of it before asking.
type Target struct {
	Check      string // id
	Table      sentinel.Table
	TimeColumn string         // the dataset's time column; "" when none is configured
	Location   *time.Location // nil: no time zone is configured, time-zone-less columns cannot be judged
	Tick       time.Time
	Known      Known
}

// Needs is what a check must know before it asks.
type Needs struct {
	Facts     warehouse.Facts // of the dataset itself
	Column    string          // whose type must be known, of the dataset and of Like; "" for none
	Like      *sentinel.Table // another dataset, with LikeFacts
	LikeFacts warehouse.Facts
	History   []Series // observations remembered by the store
	Baseline  bool     // the accepted schema snapshot of this check
	Past      bool     // whether anything is remembered of this check at all
}

// Series names remembered observations of this check.
type Series struct {
	Metric  string
	Segment string
	Since   time.Time // oldest point wanted; a cap on look-back always holds
	Limit   int       // newest points wanted at most
}

// Known is what was read before asking.
type Known struct {
	Catalog    *warehouse.Catalog // nil when Err is set
	Relation   *warehouse.Table   // nil: the table does not exist (only when Err is nil)
	Err        error              // the catalog could not be read
	Like       *warehouse.Table
	LikeErr    error
	LikeServer Server
	Baseline   *warehouse.Table            // nil: nothing accepted yet; Relation itself where it is as accepted
	History    map[Series][]sentinel.Point // keys as in Needs
	HistoryErr error
	Server     Server // that answered; only Judge knows it
	New        bool   // nothing is remembered of the check: its past may be read from the table
}

// Job is all checks of one dataset that are due at one tick.
type Job struct {
	Table      sentinel.Table
	TimeColumn string
	Location   *time.Location
	Tick       time.Time
	Checks     []Check // validated, each with Options.ID set
}

// Env is what the executor reads from.
type Env struct {
	// Warehouse returns the open warehouse of that name.
	Warehouse func(name string) (*warehouse.DB, error)
	// History is what is remembered of the checks. Nil: nothing is.
	History History
	// Now is the wall clock, for durations only.
	Now sentinel.Clock
	// Cache keeps answers for warehouses with change_counters. Nil: nothing is kept.
	Cache *Cache
}

// Outcome is one job done.
type Outcome struct {
	Job     Job
	Results []sentinel.Result // one per check, in the job's order
	// Baselines are first snapshots to be remembered, by check id; nil when there
	// is none.
	Baselines map[string]*warehouse.Table
}

// BaselineCheck is a check that compares a table with the first shape that was seen
// of it, or the last one accepted.
type BaselineCheck interface {
	// ComparesWithBaseline reports whether the check, as configured, has a baseline.
	ComparesWithBaseline() bool
	// TakesBaseline reports whether the table, as it is now, becomes the baseline.
	TakesBaseline(t Target) bool
}

// DeadlineCheck is a check that sees rows arrive, and knows when they are expected.
type DeadlineCheck interface {
	Deadline() Deadline
	// Holiday reports whether a day has no deadline.
	Holiday(t time.Time) bool
}

// Deadline is when a dataset's rows are expected.
type Deadline struct {
	Expected string        // cron expression; "" if none is configured
	Grace    time.Duration // allowed after Expected
	MaxAge   time.Duration // largest allowed age of the newest row; zero if none is configured
}

// FileCheck is a check that reads files which its configuration names.
type FileCheck interface {
	// Files points at the fields that hold the names. Relative ones are resolved
	// before Validate is called.
	Files() []*string
}

// SchemaCheck is a check that knows what shape its table must have.
type SchemaCheck interface {
	// Reference returns the dataset that the table must be like, or the columns that
	// are declared for it. Both are nil if neither is configured.
	Reference() (like *sentinel.Table, declared []warehouse.Column)
}

var (
	kinds     = registry.New[func() Check]("check")
	kindNames = map[reflect.Type]string{}
)

// Register adds a kind; it is called from init functions only and panics on a
// name taken twice.
func Register(kind string, zero func() Check) {
	kinds.Add(kind, zero)
	kindNames[reflect.TypeOf(zero())] = kind
}

// KindOf returns the name that a check's type is registered under.
func KindOf(c Check) string { return kindNames[reflect.TypeOf(c)] }

// New returns the zero value of a kind, ready to be configured.
func New(kind string) (Check, error) {
	zero, err := kinds.Get(kind)
	if err != nil {
		return nil, err
	}
	return zero(), nil
}

// Kinds returns the registered kinds in alphabetical order.
func Kinds() []string { return kinds.Names() }
