// Package checks contains the kinds of checks, one file each, and the executor that
// merges all checks of a table into one statement.
//
// A check never talks to a database. It declares what it must know first (Needs), asks
// for numbers (Ask), and judges the answers (Judge). The executor ([Run]) reads for all
// tables of a warehouse at once. Begin with [Check], then sql.go, the shortest kind, and
// executor.go.
package checks

import (
	"reflect"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/internal/registry"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Check is one rule on one dataset. The exported fields of the concrete type are its
// YAML keys. After Validate has returned nil, all methods are pure and safe for
// concurrent use.
type Check interface {
	// Common returns the options that every kind has.
	Common() *Options
	// Validate checks the configuration and sets defaults. Its error names the field and
	// the remedy.
	Validate() error
	// Needs returns what must be read before Ask: catalog facts, history, baseline.
	Needs(t Target) Needs
	// Ask returns the next questions to the table. The executor calls it again with the
	// answers so far until it returns none. So a check can first ask a cheap question,
	// and an expensive one only if the answer does not decide.
	Ask(t Target, a Answers) []Ask
	// Judge returns the result. It receives all answers, also those that are errors.
	Judge(t Target, a Answers) sentinel.Result
}

// Options holds the fields that every kind has, inlined in a check's YAML.
type Options struct {
	ID       string `yaml:"id" doc:"Identity of its history and incidents. Default: derived."`
	Name     string `yaml:"name" doc:"Name for people."`
	Where    string `yaml:"where" doc:"SQL condition on the rows to check."`
	Schedule string `yaml:"schedule" doc:"Cron expression. Default: the dataset's."`
	Timezone string `yaml:"timezone" doc:"IANA name. Default: the dataset's."`
	Owner    string `yaml:"owner" doc:"Who is responsible. Default: the dataset's."`
	Tier     string `yaml:"tier" enum:"critical,warning,info" doc:"Importance. Default: the dataset's."`
	Runbook  string `yaml:"runbook" doc:"Link for whoever is notified. Default: the dataset's."`
	// RowSecurity says what to do where row security hides rows from the user of the DSN:
	// error, or visible, which judges the rows that it sees.
	RowSecurity string `yaml:"row_security" enum:"error,visible" doc:"If row security hides rows: error, or judge the visible ones. Default: the dataset's."`
	// Confirm makes a bad result count only if at least Failures of the last Of runs
	// are bad. If it is nil, every bad result counts.
	Confirm *Confirm `yaml:"confirm" doc:"Bad results that an incident needs. null: one is enough."`
	// Clear is the condition under which an incident ends, such as "> 1200" with
	// fail: "< 1000". It keeps a number near its threshold from flapping. Kinds whose
	// measurement Clears have it.
	Clear Bound `yaml:"clear" doc:"An incident ends only when this holds, such as \"> 1200\"."`
	// Aspect names the part of the table that is checked, such as "updated_at" or
	// "day:country"; "" for all of it. Validate sets it, and the derived id contains it.
	// It holds no threshold, so that history continues when thresholds change.
	Aspect string `yaml:"-"`
	// Anomaly also judges the check's number by its normal range.
	Anomaly *anomaly.Config `yaml:"anomaly" doc:"Also hold the number against what is normal for it."`
	// Samples says what is kept of bad rows when the check turns bad. Nil: nothing.
	Samples *Samples `yaml:"samples" doc:"Rows to keep when the check turns bad. Default: the dataset's."`
}

// Confirm is N-of-M: Failures bad results among the last Of.
type Confirm struct {
	Failures int `yaml:"failures" doc:"Bad results needed."`
	Of       int `yaml:"of" doc:"Latest runs they are counted in, up to 64."`
}

// Validate checks the numbers; nil is valid.
func (c *Confirm) Validate() error {
	const want = "want 1 <= failures <= of <= 64, such as {failures: 2, of: 3}"
	switch {
	case c == nil:
		return nil
	case c.Failures < 1:
		return settings.Wrong("failures", want)
	case c.Of < c.Failures || c.Of > 64:
		return settings.Wrong("of", want)
	}
	return nil
}

// Common implements Check for every type that embeds Options.
func (o *Options) Common() *Options { return o }

// Target is a dataset at one tick, with what was read before the questions.
type Target struct {
	Check      string // id of the check
	Table      sentinel.Table
	TimeColumn string         // the dataset's time column; "" when none is configured
	Time       *TimeColumn    // how the dataset's times are read; nil: by the type of TimeColumn
	Location   *time.Location // nil: no time zone is configured, so columns without a zone cannot be judged
	Tick       time.Time
	Created    bool // the table appeared for a known pattern, and nobody has accepted it
	Known      Known
}

// Needs is what a check must know before its questions.
type Needs struct {
	Facts     warehouse.Facts // facts of the dataset
	LikeFacts warehouse.Facts // facts of Like
	Like      *sentinel.Table // another dataset to read; nil for none
	Column    string          // column whose type must be known, in the dataset and in Like; "" for none
	Columns   []string        // further columns whose types must be known, in both
	History   []Series        // stored observations to read
	// SegmentHistory is read for each remembered segment; nil if it is not needed.
	SegmentHistory *Series
	Baseline       bool // read the accepted schema snapshot of the check
	Past           bool // read whether the check has any stored observation
}

// Series names stored observations of a check.
type Series struct {
	Metric  string
	Segment string
	Since   time.Time // time of the oldest point; the store also limits the history
	Limit   int       // largest number of points, of which the newest are read
}

// Known is what was read before the questions.
type Known struct {
	Catalog    *warehouse.Catalog // nil when Err is set
	Relation   *warehouse.Table   // nil: the table does not exist (only when Err is nil)
	Err        error              // the catalog could not be read
	Like       *warehouse.Table
	LikeErr    error
	LikeServer *Server // server that Like was read from; nil: none
	// Dialect and LikeDialect are of the warehouses of Relation and Like; nil when a
	// warehouse could not be opened.
	Dialect, LikeDialect warehouse.Dialect
	Baseline             *warehouse.Table // accepted snapshot; nil: none yet; Relation if the table is unchanged
	// BaselineDigest is the SHA-256 of Baseline as it is stored; nil if Baseline is
	// Relation.
	BaselineDigest []byte
	History        map[Series][]sentinel.Point // stored points by the series of Needs
	HistoryErr     error
	Server         Server // server that answered; set before Judge

	Segments    *SegmentMemory // remembered segments; nil: none, or others than the check divides now
	SegmentsErr error          // the remembered segments could not be read

	New         bool // the check has no stored observation, so it may read its past from the table
	Substituted bool // rows stand in for those of Relation, so that its constraints say nothing
	NoState     bool // nothing is remembered
}

// Job holds all checks of one dataset that are due at one tick.
type Job struct {
	Table      sentinel.Table
	TimeColumn string
	Time       *TimeColumn // how the dataset's times are read; nil: by the type of TimeColumn
	Location   *time.Location
	Tick       time.Time
	Created    bool    // the table appeared for a known pattern, and nobody has accepted it
	Checks     []Check // validated checks with Options.ID set
}

// Env holds the sources that the executor reads.
type Env struct {
	// Warehouse returns the open warehouse of that name.
	Warehouse func(name string) (*warehouse.DB, error)
	// History returns stored observations of the checks. If it is nil, there are none.
	History History
	// NoState means that nothing is remembered before or after the run.
	NoState bool
	// Now is the wall clock. Only durations depend on it.
	Clock sentinel.Clock
	// Cache keeps answers for warehouses with change_counters. If it is nil, none are kept.
	Cache *Cache
	// Substitute has rows to read in the place of a table's. Nil: all tables are read.
	Substitute *Substitute
	// Present adds to outcomes the schemas that may be accepted as baselines.
	Present bool
}

// Outcome is the outcome of one job.
type Outcome struct {
	Job     Job
	Results []sentinel.Result // one per check, in the order of the job
	// Baselines holds first snapshots to store, by id of the check; nil if there are none.
	Baselines map[string]*warehouse.Table
	// Renewals holds snapshots that replace stored ones which say the same, by id of the
	// check; nil if there are none.
	Renewals map[string]Renewal
	// Present holds the present schemas of tables that exist, by id of a check with a
	// baseline; nil unless Env.Present is set.
	Present map[string]*warehouse.Table
	// LeftOut says why checks could not judge substituted rows, by id; nil if all could.
	// Their results say nothing of these rows.
	LeftOut map[string]string
	// Segments holds what checks with `by` remember after the results, by id; nil if none do.
	Segments map[string]*SegmentMemory
	// Spent holds what statements took whose warehouse has a budget; nil if none has.
	Spent []Spent
}

// Renewal is a snapshot that replaces the stored one of digest Of.
type Renewal struct {
	Data []byte `json:"data"` // as [EncodeSnapshot] wrote it
	Of   []byte `json:"of"`   // SHA-256
	// Upgraded means that the server has another major version, so that its texts were not
	// compared with those of the stored snapshot.
	Upgraded bool `json:"upgraded,omitempty"`
}

// BaselineCheck is a check that compares a table with its first schema, or with the one
// that was accepted last.
type BaselineCheck interface {
	// ComparesWithBaseline reports whether the check, as configured, has a baseline.
	ComparesWithBaseline() bool
	// TakesBaseline reports whether the table, as it is now, becomes the baseline.
	TakesBaseline(t Target) bool
	// RenewsBaseline reports whether the table, as it is now, replaces the baseline
	// without anybody accepting it, because it differs in nothing that is reported.
	RenewsBaseline(t Target) bool
}

// DeadlineCheck is a check that observes arrivals and knows when they are expected.
type DeadlineCheck interface {
	Deadline() Deadline
	// Holiday reports whether a day has no deadline.
	Holiday(t time.Time) bool
}

// PeriodCheck is a check with findings about single periods.
type PeriodCheck interface {
	// Passed reports whether a finding is about a period that is older than those that the
	// check looks at in a job.
	Passed(job Job, key string) bool
}

// TimedCheck is a check that reads rows by their time.
type TimedCheck interface {
	// Times returns the check's own time column and zone, and those of the dataset where
	// it has none. The column is empty if the time is an expression.
	Times(column string, zone *time.Location) (string, *time.Location)
	// TimeReading returns how the times of that column are read, or nil if its type says
	// it. of is how those of the dataset are read.
	TimeReading(of *TimeColumn) *TimeColumn
}

// Deadline says when a dataset's rows are expected.
type Deadline struct {
	Expected string        // cron expression; "" if none is configured
	Grace    time.Duration // tolerated delay after Expected
	MaxAge   time.Duration // largest allowed age of the newest row; zero if none is configured
}

// SchemaCheck is a check that knows the schema its table must have.
type SchemaCheck interface {
	// Reference returns the dataset that the table must be like, or the columns that
	// are declared for it. Both are nil if neither is configured.
	Reference() (like *sentinel.Table, declared []warehouse.Column)
}

var (
	kinds     = registry.New[func() Check]("check")
	kindNames = map[reflect.Type]string{}
)

// Register adds a kind of check. Only init functions call it. It panics if the name is
// taken.
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
