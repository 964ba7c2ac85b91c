package checks

import (
	"errors"
	"fmt"
	"math"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

func init() { Register("sql", func() Check { return &SQL{} }) }

// SQL compares the one number that a statement returns with thresholds.
type SQL struct {
	Options `yaml:",inline"`
	Query   string `yaml:"query" required:"true" doc:"Statement that returns one number."`
	Warn    Bound  `yaml:"warn" doc:"Condition that warns: \"> 0\"."`
	Fail    Bound  `yaml:"fail" doc:"Condition that fails: \"> 5\"."`
	OnNull  Policy `yaml:"on_null" default:"unknown" doc:"Result of no row, or NULL."`
}

// Validate implements Check.
func (s *SQL) Validate() error {
	if err := complete(s); err != nil {
		return err
	}
	switch {
	case s.Query == "":
		return settings.Wrong("query", "want a statement that returns one number")
	case !s.Warn.Set() && !s.Fail.Set() && s.Anomaly == nil:
		return settings.Wrong("", "no threshold for the number: "+
			"set warn or fail, such as fail: \"> 0\", or anomaly: {}")
	case s.Warn.Percent:
		return settings.Wrong("warn", "a percentage has no reference value here: remove the %%")
	case s.Fail.Percent:
		return settings.Wrong("fail", "a percentage has no reference value here: remove the %%")
	case s.Where != "":
		return settings.Wrong("where", "has no effect on query: put the condition into the query")
	}
	return errors.Join(s.validateClear(math.Inf(-1), s.Warn, s.Fail), s.watch(s.measure()))
}

// userSQL implements sqlUser.
func (s *SQL) userSQL() []userSQL {
	return []userSQL{{field: "query", text: s.Query, statement: true}}
}

func (s *SQL) measure() measurement {
	return measurement{Metric: "value", Direction: "both", Clears: true, Alone: !s.Warn.Set() && !s.Fail.Set()}
}

// Needs implements Check.
func (s *SQL) Needs(Target) Needs { return Needs{} }

// Ask implements Check.
func (s *SQL) Ask(Target, Answers) []Ask {
	return []Ask{{Key: "value", Query: &Query{SQL: s.Query}}}
}

// Judge implements Check.
func (s *SQL) Judge(t Target, a Answers) sentinel.Result {
	const kind = "sql"
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
