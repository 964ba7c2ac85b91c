package checks

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

func init() { Register("freshness", func() Check { return &Freshness{} }) }

// Freshness compares the age of a table's newest row with thresholds, or its arrival
// with a deadline. It uses the database's clock.
type Freshness struct {
	Options    `yaml:",inline"`
	Column     string      `yaml:"column" doc:"Time column. Default: the dataset's time_column."`
	Expression string      `yaml:"expression" doc:"SQL expression instead of a column."`
	Time       *TimeColumn `yaml:"time" doc:"Time column, and how to read it. Default: the dataset's time."`
	Query      string      `yaml:"query" doc:"Statement that returns the newest timestamp."`
	Catalog    string      `yaml:"catalog" enum:"only" doc:"only: the engine's record of the last change; reads no rows."`
	Warn       Duration    `yaml:"warn" doc:"Age that warns."`
	Fail       Duration    `yaml:"fail" doc:"Age that fails."`
	Expected   string      `yaml:"expected" doc:"Cron expression: when data is expected."`
	Grace      Duration    `yaml:"grace" doc:"Time allowed after expected."`
	Holidays   string      `yaml:"holidays" doc:".ics or text file of days without data."`
	MaxFuture  *Duration   `yaml:"max_future" default:"5m" doc:"Timestamps further in the future are bad data."`
	OnFuture   Policy      `yaml:"on_future" default:"warn" doc:"Result of a timestamp in the future."`
	OnEmpty    Policy      `yaml:"on_empty" default:"fail" doc:"Result of an empty table."`
	OnMissing  Policy      `yaml:"on_missing_table" default:"fail" doc:"Result when the table does not exist."`
	By         []string    `yaml:"by" doc:"Judge the newest row of each combination of these columns' values."`
	Limit      int         `yaml:"limit" default:"100" doc:"Largest segments judged, 1 to 1000."`

	calendar schedule.Calendar
}

// Validate implements Check.
func (f *Freshness) Validate() error {
	if err := errors.Join(complete(f), f.sources(), f.validateSegments()); err != nil {
		return err
	}
	switch {
	case f.Warn == 0 && f.Fail == 0 && f.Expected == "" && f.Anomaly == nil:
		return settings.Wrong("", "no threshold for the age: set warn, fail, expected or anomaly: {}")
	case f.Warn > 0 && f.Fail > 0 && f.Warn > f.Fail:
		return settings.Wrong("warn", "%s is longer than fail (%s)", f.Warn, f.Fail)
	case f.Expected == "" && f.Grace > 0:
		return settings.Wrong("grace", "needs expected")
	case f.Expected == "" && f.Holidays != "":
		return settings.Wrong("holidays", "needs expected")
	}
	if f.Expected != "" {
		if _, err := schedule.Parse(f.Expected, time.UTC); err != nil {
			return settings.In("expected", err)
		}
	}
	if f.Holidays != "" {
		var err error
		if f.calendar, err = schedule.LoadCalendar(f.Holidays); err != nil {
			return settings.In("holidays", err)
		}
	}
	f.Aspect = cmp.Or(f.Column, f.Time.name())
	if f.Expected != "" {
		f.Aspect = "deadline"
	}
	f.Aspect = strings.TrimPrefix(strings.Join(append([]string{f.Aspect}, f.By...), ":"), ":")
	return f.watch(f.measure())
}

func (f *Freshness) measure() measurement {
	metric := "freshness_seconds"
	if len(f.By) > 0 {
		metric = segmentAge
	}
	return measurement{
		Metric: metric, Unit: "seconds old", Direction: "spike",
		Alone: f.Warn == 0 && f.Fail == 0 && f.Expected == "",
	}
}

// sources checks that the newest timestamp has one source.
func (f *Freshness) sources() error {
	given := ""
	own := ""
	if f.Time != nil {
		own = "time"
	}
	for _, s := range []struct{ field, value string }{
		{"column", f.Column}, {"time", own}, {"expression", f.Expression}, {"query", f.Query}, {"catalog", f.Catalog},
	} {
		if s.value != "" && given != "" {
			return settings.Wrong(s.field, "column, time, expression, query and catalog exclude each other: keep one")
		}
		if s.value != "" {
			given = s.field
		}
	}
	if f.Query != "" && f.Where != "" {
		return settings.Wrong("where", "has no effect on query: put the condition into the query")
	}
	return f.Time.validate("")
}

// userSQL implements sqlUser.
func (f *Freshness) userSQL() []userSQL {
	return append(f.Time.userSQL(), userSQL{field: "expression", text: f.Expression},
		userSQL{field: "query", text: f.Query, statement: true})
}

// Deadline implements [DeadlineCheck].
func (f *Freshness) Deadline() Deadline {
	return Deadline{Expected: f.Expected, Grace: time.Duration(f.Grace), MaxAge: time.Duration(f.Fail)}
}

// Files implements [settings.FileUser].
func (f *Freshness) Files() []*string { return []*string{&f.Holidays} }

// Holiday implements [DeadlineCheck].
func (f *Freshness) Holiday(t time.Time) bool { return f.calendar.Holiday(t) }

// Needs implements Check.
func (f *Freshness) Needs(t Target) Needs {
	n := Needs{Facts: warehouse.Indexes, Column: t.timeColumnName(f.Column, f.how()), Columns: f.By}
	if f.Catalog != "" {
		n.Facts |= warehouse.Estimates // includes the update time of MySQL
	}
	return n
}

// late compares the newest row with the allowed age and the deadline.
func (f *Freshness) late(t Target, newest, now time.Time) []sentinel.Finding {
	var findings []sentinel.Finding
	age := max(0, now.Sub(newest))
	seen := func() string { return ageText(age, newest, t.Location) }
	observed := ageSeconds(now, newest)
	for _, limit := range []struct {
		most   Duration
		status sentinel.Status
	}{{f.Fail, sentinel.Fail}, {f.Warn, sentinel.Warn}} {
		if limit.most > 0 && age > time.Duration(limit.most) {
			expected := "at most " + limit.most.String()
			findings = append(findings, sentinel.Finding{Status: limit.status, Observed: observed, Expected: expected,
				Message: seen() + ", expected " + expected})
			break
		}
	}
	if due, since := f.deadline(t, now); !due.IsZero() && newest.Before(since) {
		expected := fmt.Sprintf("new rows by %s", clockText(due, t.Location))
		findings = append(findings, sentinel.Finding{Key: "deadline", Status: sentinel.Fail, Observed: observed,
			Expected: expected,
			Message:  fmt.Sprintf("missed the deadline of %s: %s", clockText(due, t.Location), seen())})
	}
	return findings
}

// lateAsOf is like late, but ignores lateness that the lag of a standby may explain. A
// row is late only if it was late when the standby's newest transaction committed.
func (f *Freshness) lateAsOf(t Target, newest, asOf time.Time) []sentinel.Finding {
	server := t.Known.Server
	maybe := f.late(t, newest, asOf)
	if len(maybe) == 0 {
		return nil
	}
	sure := f.late(t, newest, server.completeUntil(asOf))
	for i, m := range maybe {
		k := indexOfKey(sure, m.Key)
		if k >= 0 && server.lagKnown() {
			maybe[i] = sure[k]
			continue
		}
		maybe[i].Status = sentinel.Unknown
		maybe[i].Message += ": the lag of the standby may be why"
	}
	return maybe
}

// indexOfKey returns the place of the finding with a key, or -1.
func indexOfKey(findings []sentinel.Finding, key string) int {
	return slices.IndexFunc(findings, func(f sentinel.Finding) bool { return f.Key == key })
}

// deadline returns the latest deadline that has passed with its grace, and the deadline
// before it. Rows newer than the latter must have arrived.
func (f *Freshness) deadline(t Target, now time.Time) (due, since time.Time) {
	if f.Expected == "" {
		return due, since
	}
	s, err := schedule.Parse(f.Expected, t.Location)
	if err != nil { // Validate refuses it
		return due, since
	}
	at := s.Prev(now.Add(-time.Duration(f.Grace)))
	for range 400 {
		if at.IsZero() {
			return time.Time{}, time.Time{}
		}
		if !f.calendar.Holiday(at) {
			if !due.IsZero() {
				return due, at
			}
			due = at
		}
		at = s.Prev(at.Add(-time.Second))
	}
	return time.Time{}, time.Time{}
}

// Judge implements Check.
func (f *Freshness) Judge(t Target, a Answers) sentinel.Result {
	const kind = "freshness"
	if t.Known.Err != nil && f.Query == "" {
		return errorResult(kind, t.Known.Err)
	}
	if t.Known.Relation == nil && f.Query == "" {
		return missingTable(kind, t, f.OnMissing)
	}
	if len(f.By) > 0 {
		return f.judgeSegments(t, a)
	}
	got, err := f.evidence(t, a)
	if err != nil {
		return errorResult(kind, err)
	}
	var findings []sentinel.Finding
	if first, ahead := f.aheadOf(t, a); ahead > 0 {
		findings = append(findings, sentinel.Finding{Key: "future_timestamp", Status: f.OnFuture.status(),
			Observed: first.Number,
			Expected: "at most " + f.MaxFuture.String() + " ahead", Message: f.futureMessage(t, first)})
	}
	if !got.Number.Finite() {
		message := "no row has a timestamp"
		if len(findings) > 0 {
			message = "no row has a timestamp that is not in the future"
		}
		if math.IsInf(got.Number.Float64(), -1) { // as bad as infinity
			message = "no row has a timestamp but -infinity"
			findings = append(findings, sentinel.Finding{Key: "future_timestamp", Status: f.OnFuture.status(),
				Observed: got.Number, Expected: "a time", Message: "a row's timestamp is -infinity"})
		}
		findings = append(findings, sentinel.Finding{Key: sentinel.EmptyKey, Status: f.OnEmpty.status(), Message: message,
			Expected: "at least one row"})
		r := conclude(kind, findings, message)
		r.Evidence = got.Evidence
		return r
	}
	newest := seconds(got.Number)
	age := max(0, t.Known.Server.completeUntil(got.AsOf).Sub(newest))
	findings = append(findings, f.lateInDoubt(t, got)...)
	r := conclude(kind, findings, ageText(age, newest, t.Location))
	r.Evidence = got.Evidence
	r.Evidence.AsOf = got.AsOf
	r.Observations = make([]sentinel.Observation, 0, 2)
	if t.Known.Server.lagKnown() {
		r.Observations = append(r.Observations,
			sentinel.Observation{Metric: "freshness_seconds", Value: ageSeconds(t.Known.Server.completeUntil(got.AsOf), newest)})
	}
	r.Observations = append(r.Observations,
		sentinel.Observation{Metric: "newest_timestamp_seconds", Value: unixSeconds(newest)})
	return r
}
