package checks

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { Register("sql", func() Check { return &SQL{} }) }

// SQL compares one number with thresholds: what a statement returns, or an aggregate of the
// dataset's rows.
type SQL struct {
	Options    `yaml:",inline"`
	Query      string `yaml:"query" doc:"Statement that returns one number."`
	Expression string `yaml:"expression" doc:"SQL aggregate of the dataset in place of query: avg(amount)."`
	Warn       Bound  `yaml:"warn" doc:"Condition that warns: \"> 0\"."`
	Fail       Bound  `yaml:"fail" doc:"Condition that fails: \"> 5\"."`
	OnNull     Policy `yaml:"on_null" default:"unknown" doc:"Result of no row, or NULL."`
}

// Validate implements Check.
func (s *SQL) Validate() error {
	if err := complete(s); err != nil {
		return err
	}
	switch {
	case s.Query == "" && s.Expression == "":
		return settings.Wrong("query", "want a statement that returns one number, or an expression such as avg(amount)")
	case s.Query != "" && s.Expression != "":
		return settings.Wrong("expression", "it replaces query: keep one of them")
	case !s.Warn.Set() && !s.Fail.Set() && s.Anomaly == nil:
		return settings.Wrong("", "no threshold for the number: "+
			"set warn or fail, such as fail: \"> 0\", or anomaly: {}")
	case s.Warn.Percent:
		return settings.Wrong("warn", "a percentage has no reference value here: remove the %%")
	case s.Fail.Percent:
		return settings.Wrong("fail", "a percentage has no reference value here: remove the %%")
	case s.Where != "" && s.Query != "":
		return settings.Wrong("where", "has no effect on query: put the condition into the query")
	}
	s.Aspect = strings.Trim(s.Expression+":"+s.Where, ":")
	return errors.Join(s.validateClear(math.Inf(-1), s.Warn, s.Fail), s.watch(s.measure()))
}

// userSQL implements sqlUser.
func (s *SQL) userSQL() []userSQL {
	return []userSQL{{field: "query", text: s.Query, statement: true}, {field: "expression", text: s.Expression}}
}

// aggregate is the check of an expression, which is one of the dataset's one statement.
func (s *SQL) aggregate() *AggregateCheck {
	return &AggregateCheck{Options: s.Options, Expression: s.Expression, Warn: s.Warn, Fail: s.Fail,
		OnNull: s.OnNull, OnMissing: "fail"}
}

func (s *SQL) measure() measurement {
	return measurement{Metric: "value", Direction: "both", Clears: true, Alone: !s.Warn.Set() && !s.Fail.Set()}
}

// Needs implements Check.
func (s *SQL) Needs(Target) Needs { return Needs{} }

// Ask implements Check.
func (s *SQL) Ask(t Target, a Answers) []Ask {
	if s.Expression != "" {
		return s.aggregate().Ask(t, a)
	}
	return []Ask{{Key: "value", Query: &Query{SQL: s.Query}}}
}

// Judge implements Check.
func (s *SQL) Judge(t Target, a Answers) sentinel.Result {
	const kind = "sql"
	if s.Expression != "" {
		r := s.aggregate().Judge(t, a)
		r.Kind = kind
		return r
	}
	got, asked := a.Get("value")
	switch {
	case !asked && t.Known.Err != nil:
		return errorResult(kind, t.Known.Err)
	case !asked:
		return errorResult(kind, errors.New("no statement was sent to the database"))
	case got.Err != nil:
		return errorResult(kind, got.Err)
	case got.Number.Absent():
		f := sentinel.Finding{
			Key: sentinel.NullKey, Status: s.OnNull.status(), Message: "the query has no value (NULL or no row)",
			Expected: "a number",
		}
		return conclude(kind, []sentinel.Finding{f}, f.Message)
	case !got.Number.Finite():
		return errorResult(kind, fmt.Errorf("the query returns %s, which cannot be compared", got.Number))
	}
	var findings []sentinel.Finding
	what := "the query answers " + groupDigits(got.Number)
	if f, bad := against("", what, got.Number, s.Warn, s.Fail); bad {
		findings = append(findings, f)
	}
	r := conclude(kind, findings, what)
	r.Evidence = got.Evidence
	r.Observations = []sentinel.Observation{{Metric: "value", Value: got.Number}}
	return r
}
