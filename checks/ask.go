package checks

import (
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Ask is one question to a table. Exactly one of Aggregate, Groups, Keys, Orphans, Foreign,
// Compare, Cells and Query is set.
type Ask struct {
	Key       string // name of the answer, unique within the check
	Aggregate *Aggregate
	Groups    *Groups
	Keys      *Keys
	Orphans   *Orphans
	Foreign   *ForeignKeys
	Compare   *RowComparison
	Cells     *Cells
	Query     *Query
	// Of is the table of Needs.Like, if the question is for it and not for the dataset.
	// It may be in another warehouse.
	Of *sentinel.Table
}

// Aggregate is one number over the rows of the table. All aggregates of a
// dataset become one statement.
type Aggregate struct {
	Func   string     // count, max, min, sum or avg; "" if Expr is an aggregate
	Column string     // name of a column as in the catalog, unquoted
	Expr   string     // SQL expression of the user, in place of Column
	Time   TimeSource // in place of Column; the answer of max is in Unix seconds
	Values Values     // those values of Time that take part
	Where  string     // SQL filter of the user
	Window Window
	// Distinct are columns whose distinct combinations are counted, in place of Column. Func
	// is count then.
	Distinct *DistinctColumns
	// Bad is a condition on the rows that take part, beside Where. Func is count then.
	Bad    warehouse.Predicate
	badKey string // Bad as it is written, for the cache; "" for SQL of the user, and the engine's clock
	InCase bool   // Window selects values and not rows, so that others of the same rows take part elsewhere
}

// DistinctColumns are columns whose combinations of values are counted once each.
type DistinctColumns struct {
	Columns []warehouse.Column
	ByText  bool // texts are compared by their characters, not as the engine does
}

// Values are some of the values of a [TimeSource].
type Values string

const (
	// AllValues are all values that are times.
	AllValues Values = ""
	// ZonedValues are instants: times with a zone, and numbers.
	ZonedValues Values = "zoned"
	// WallValues are times without a zone.
	WallValues Values = "wall"
	// PresentValues are all values but NULL, also those that are no time.
	PresentValues Values = "present"
	// UnreadableValues are those that are neither a time nor NULL.
	UnreadableValues Values = "unreadable"
	// PartialValues are dates without a day or month. The answer of max is 1 if the largest
	// value is one, else 0.
	PartialValues Values = "partial"
)

// Window is a half-open range of time: From <= time < To. A zero bound is open. Bounds
// are sent as parameters, so that the engine can prune partitions.
type Window struct {
	Time     TimeSource
	From, To time.Time // for values with a zone, and numbers
	// FromWall and ToWall are the bounds for values without a zone: what a clock showed,
	// written as UTC.
	FromWall, ToWall time.Time
	// Gaps are the times between FromWall and ToWall that the clock never showed. Values
	// there are in no window.
	Gaps []schedule.Range
	// InGaps selects the values in Gaps instead, and none with a zone.
	InGaps bool
}

// Groups counts rows by columns, by equal steps of the window's time, or by both. It
// returns the Limit largest groups, and all others as one.
type Groups struct {
	By []string // names of columns
	// Every is the length of a step. The number of the step since 1970, which the window's
	// source reads back, is the Step of a group, and without By also its segment.
	Every  time.Duration
	Offset time.Duration // added to the time before steps are counted
	Equal  []string      // the value of each column of By, as the engine compares; "<null>" is NULL; nil: all rows
	Values []*Aggregate  // further numbers of each group; their filter is Where
	Totals bool          // Values are counts, and Other has them too
	// Rank is a column whose values get ranks within their group. Then Values may read the
	// columns rankName, rankedName and timesName, that column and those of By, and no others;
	// without By all rows are one group.
	Rank *warehouse.Column
	// Keys divides the rows of a group by their key. Then Values may read the column timesName,
	// and Count is the number of keys.
	Keys   *Keys
	Where  string
	Window Window
	Limit  int
}

// Keys counts how often the values of columns occur together. The answer's Values are the
// numbers of rows, of rows beyond the first of each key, of keys that occur twice or more, and
// of keys.
type Keys struct {
	Columns     []warehouse.Column
	ByText      bool // texts are compared by their characters, not as the engine does
	IncludeNull bool // rows with a NULL take part, and NULL equals itself
	// Beyond compares the keys of the window also with the rows outside of it. A row with the key
	// of one of those is beyond the first. Texts are compared as the engine does, and a row with a
	// NULL takes no part.
	Beyond bool
	Where  string
	Window Window
}

// Query is a statement that returns one value.
type Query struct {
	SQL   string
	Epoch bool // the value is a timestamp; the answer is in Unix seconds
}

// Answers holds the answers so far.
type Answers []Answered

// Answered is an answer with the Ask.Key of its question.
type Answered struct {
	Key string
	Answer
}

// Get returns the answer to a question. ok is false if it was not asked.
func (a Answers) Get(key string) (answer Answer, ok bool) {
	for i := range a {
		if a[i].Key == key {
			return a[i].Answer, true
		}
	}
	return Answer{}, false
}

func (a Answers) asked(key string) bool {
	_, ok := a.Get(key)
	return ok
}

// of returns the answer to a question, or the zero value if it was not asked.
func (a Answers) of(key string) Answer {
	answer, _ := a.Get(key)
	return answer
}

// Answer is one answer. If Err is set, the value is unknown, and not zero.
type Answer struct {
	Number   sentinel.Number
	Wall     bool              // Number is what a clock showed, read as UTC
	Values   []sentinel.Number // of Keys and Foreign
	Groups   []Group           // groups, largest first
	Other    *Group            // those beyond the limit; nil: there are none
	Rows     warehouse.Rows    // of Compare
	Orphans  []keyRow          // of Foreign with Named: keys without a partner, those with the most rows first
	Err      error
	AsOf     time.Time // the database's clock at the time of the answer
	Evidence sentinel.Evidence
}

// beyond returns the number of groups beyond the limit.
func (a Answer) beyond() int {
	if a.Other == nil {
		return 0
	}
	return a.Other.Size
}

// Group is one group of a Groups ask.
type Group struct {
	Segment string // "country=DE, plan=pro"; NULL is spelled <null>
	Step    int64  // number of the step, if there are steps
	Values  []sentinel.Number
	Count   sentinel.Number
	Size    int // number of groups in this one: 1, except for Other
}
