package checks

import (
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Ask is one question to the table. Exactly one of Aggregate, Groups and Query
// is set.
type Ask struct {
	Key       string // the check's own name for the answer, unique within the check
	Aggregate *Aggregate
	Groups    *Groups
	Query     *Query
	// Of asks the aggregate of the table that Needs.Like named, which may be in
	// another warehouse, instead of the dataset's own.
	Of *sentinel.Table
}

// Aggregate is one number over the rows of the table. All aggregates of a
// dataset become one statement.
type Aggregate struct {
	Func   string // count, max, min, sum, avg, or "" when Expr is an aggregate already
	Column string // plain column (exact catalog name); quoted by the planner
	Expr   string // SQL expression written by the user, instead of Column
	Epoch  bool   // the value is a timestamp: answer Unix seconds
	Where  string // SQL filter written by the user
	Window Window
}

// Window is a half-open range [From, To) of a time column; a zero bound is open.
// Bounds are computed in Go and bound as parameters so that partitions prune.
type Window struct {
	Column   string
	From, To time.Time
}

// Groups counts rows by columns, or by equal steps of the window's column: the
// Limit largest groups, the rest as one.
type Groups struct {
	By     []string      // columns
	Every  time.Duration // instead of By: segments are Unix time divided by this
	Where  string
	Window Window
	Limit  int
}

// Query is a statement of its own that returns one value, or with Rows many.
type Query struct {
	SQL   string
	Epoch bool // the value is a timestamp
}

// Answers are the answers so far. There are few: most checks ask one question.
type Answers []Answered

// Answered is an answer with the Ask.Key of its question.
type Answered struct {
	Key string
	Answer
}

// Get returns the answer to a question; ok is false when it was not asked.
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

// of is the answer to a question, zero when it was not asked.
func (a Answers) of(key string) Answer {
	answer, _ := a.Get(key)
	return answer
}

// Answer is one answer. Err set means that nobody knows: it is never a zero.
type Answer struct {
	Number   sentinel.Number
	Groups   []Group // largest first; Other holds what the limit cut off
	Other    Group
	Err      error
	AsOf     time.Time // the database's clock when it answered
	Evidence sentinel.Evidence
}

// Group is one group of a Groups ask.
type Group struct {
	Segment string // "country=DE, plan=pro"; NULL is spelled <null>
	Count   sentinel.Number
	Size    int // number of groups folded into this one; 1 but for Other
}
