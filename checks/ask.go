package checks

import (
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Ask is one question to a table. Exactly one of Aggregate, Groups and Query is set.
type Ask struct {
	Key       string // name of the answer, unique within the check
	Aggregate *Aggregate
	Groups    *Groups
	Query     *Query
	// Of is the table of Needs.Like, if the question is for it and not for the dataset.
	// It may be in another warehouse.
	Of *sentinel.Table
}

// Aggregate is one number over the rows of the table. All aggregates of a
// dataset become one statement.
type Aggregate struct {
	Func   string // count, max, min, sum or avg; "" if Expr is an aggregate
	Column string // name of a column as in the catalog, unquoted
	Expr   string // SQL expression of the user, in place of Column
	Epoch  bool   // the value is a timestamp; the answer is in Unix seconds
	Where  string // SQL filter of the user
	Window Window
}

// Window is a half-open range [From, To) of a time column. A zero bound is open. Bounds
// are sent as parameters, so that the engine can prune partitions.
type Window struct {
	Column   string
	From, To time.Time
}

// Groups counts rows by columns, or by equal steps of the window's column. It returns
// the Limit largest groups, and all others as one.
type Groups struct {
	By     []string      // names of columns
	Every  time.Duration // length of a step, in place of By; a segment is Unix time divided by it
	Where  string
	Window Window
	Limit  int
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
	Groups   []Group // groups, largest first; Other holds those beyond the limit
	Other    Group
	Err      error
	AsOf     time.Time // the database's clock at the time of the answer
	Evidence sentinel.Evidence
}

// Group is one group of a Groups ask.
type Group struct {
	Segment string // "country=DE, plan=pro"; NULL is spelled <null>
	Count   sentinel.Number
	Size    int // number of groups in this one: 1, except for Other
}
