package checks

import (
	"errors"
	"fmt"
	"math"
	"slices"
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
	Column     string    `yaml:"column" doc:"Time column. Default: the dataset's time_column."`
	Expression string    `yaml:"expression" doc:"SQL expression instead of a column."`
	Query      string    `yaml:"query" doc:"Statement that returns the newest timestamp."`
	Catalog    string    `yaml:"catalog" enum:"only" doc:"only: the engine's record of the last change; reads no rows."`
	Warn       Duration  `yaml:"warn" doc:"Age that warns."`
	Fail       Duration  `yaml:"fail" doc:"Age that fails."`
	Expected   string    `yaml:"expected" doc:"Cron expression: when data is expected."`
	Grace      Duration  `yaml:"grace" doc:"Time allowed after expected."`
	Holidays   string    `yaml:"holidays" doc:".ics or text file of days without data."`
	MaxFuture  *Duration `yaml:"max_future" default:"5m" doc:"Timestamps further in the future are bad data."`
	OnFuture   Policy    `yaml:"on_future" default:"warn" doc:"Result of a timestamp in the future."`
	OnEmpty    Policy    `yaml:"on_empty" default:"fail" doc:"Result of an empty table."`
	OnMissing  Policy    `yaml:"on_missing_table" default:"fail" doc:"Result when the table does not exist."`

	calendar schedule.Calendar
}

// Validate implements Check.
func (f *Freshness) Validate() error {
	if err := errors.Join(complete(f), f.sources()); err != nil {
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
	f.Aspect = f.Column
	if f.Expected != "" {
		f.Aspect = "deadline"
	}
	return f.watch(f.measure())
}

func (f *Freshness) measure() measurement {
	return measurement{
		Metric: "freshness_seconds", Unit: "seconds old", Direction: "spike",
		Alone: f.Warn == 0 && f.Fail == 0 && f.Expected == "",
	}
}

// sources checks that the newest timestamp has one source.
func (f *Freshness) sources() error {
	given := ""
	for _, s := range []struct{ field, value string }{
		{"column", f.Column}, {"expression", f.Expression}, {"query", f.Query}, {"catalog", f.Catalog},
	} {
		if s.value != "" && given != "" {
			return settings.Wrong(s.field, "column, expression, query and catalog exclude each other: keep one")
		}
		if s.value != "" {
			given = s.field
		}
	}
	if f.Query != "" && f.Where != "" {
		return settings.Wrong("where", "has no effect on query: put the condition into the query")
	}
	return nil
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
	n := Needs{Facts: warehouse.Indexes, Column: t.columnName(f.Column)}
	if f.Catalog != "" {
		n.Facts |= warehouse.Estimates // includes the update time of MySQL
	}
	return n
}

const (
	askNewest  = "newest"      // newest row of all
	askRecent  = "newest_part" // newest row of the newest partitions
	askPresent = "newest_past" // newest row that is not in the future
	askControl = "control"
)

// Ask implements Check. For a partitioned table it first asks for the newest partitions.
// If a row there is fresh enough, the table is.
func (f *Freshness) Ask(t Target, a Answers) []Ask {
	if f.Query != "" {
		return []Ask{{Key: askControl, Query: &Query{SQL: f.Query, Epoch: true}}}
	}
	column := t.columnName(f.Column)
	if f.Catalog != "" || f.Expression == "" && (t.Known.Relation == nil || t.Known.Relation.Column(column) == nil) {
		return nil
	}
	newest := func(key string, w Window) Ask {
		a := &Aggregate{Func: "max", Column: column, Expr: f.Expression, Epoch: true, Where: f.Where, Window: w}
		if f.Expression != "" {
			a.Column = ""
		}
		return Ask{Key: key, Aggregate: a}
	}
	var asks []Ask
	recent, partial := f.recentWindow(t)
	if got, asked := a.Get(askRecent); partial && (!asked || got.Err == nil && f.freshEnough(t, got)) {
		asks = append(asks, newest(askRecent, recent))
	} else if !a.asked(askNewest) {
		asks = append(asks, newest(askNewest, Window{}))
	}
	if got, key := f.answer(a); key != "" && got.Err == nil && f.future(t, got) > 0 && f.Expression == "" {
		asks = append(asks, newest(askPresent,
			Window{Column: column, To: t.bound(t.Known.Relation.Column(column), got.AsOf.Add(time.Duration(*f.MaxFuture)))}))
	}
	return asks
}

// recentWindow returns the window in which a fresh row is most likely. It spans the
// largest allowed age, and at least a day.
func (f *Freshness) recentWindow(t Target) (Window, bool) {
	rel := t.Known.Relation
	if rel == nil || rel.PartitionBy != "range" || len(rel.PartitionKey) != 1 {
		return Window{}, false
	}
	key := rel.Column(rel.PartitionKey[0])
	if key == nil || key.Type.Family != warehouse.Timestamp && key.Type.Family != warehouse.Date {
		return Window{}, false
	}
	from := t.Tick.Add(-max(24*time.Hour, time.Duration(f.Warn), time.Duration(f.Fail)))
	return Window{Column: key.Name, From: t.bound(key, from)}, true
}

// answer returns the newest timestamp found so far, and the ask it comes from.
func (f *Freshness) answer(a Answers) (Answer, string) {
	for _, key := range []string{askPresent, askNewest, askControl, askRecent} {
		if got, ok := a.Get(key); ok {
			return got, key
		}
	}
	return Answer{}, ""
}

// newestTime returns the answer as an instant.
func (f *Freshness) newestTime(t Target, got Answer) (time.Time, error) {
	at := seconds(got.Number)
	if f.Query != "" || f.Expression != "" || !naive(t.Known.Relation.Column(t.columnName(f.Column))) {
		return at, nil
	}
	if t.Location == nil {
		return at, noZone(t.columnName(f.Column))
	}
	return inZone(at, t.Location), nil
}

// future returns by how much the newest row lies in the future, beyond what is allowed.
func (f *Freshness) future(t Target, got Answer) time.Duration {
	if math.IsInf(got.Number.Float64(), 1) {
		return math.MaxInt64
	}
	at, err := f.newestTime(t, got)
	if err != nil || !got.Number.Finite() {
		return 0
	}
	// Sub limits a difference to 292 years, so further arithmetic would be wrong.
	if ahead := at.Sub(got.AsOf); ahead > time.Duration(*f.MaxFuture) {
		return ahead - time.Duration(*f.MaxFuture)
	}
	return 0
}

func (f *Freshness) freshEnough(t Target, got Answer) bool {
	if !got.Number.Finite() || f.future(t, got) > 0 {
		return false
	}
	at, err := f.newestTime(t, got)
	return err == nil && len(f.late(t, at, got.AsOf)) == 0
}

// late compares the newest row with the allowed age and the deadline.
func (f *Freshness) late(t Target, newest, now time.Time) []sentinel.Finding {
	var findings []sentinel.Finding
	age := max(0, now.Sub(newest))
	seen := func() string { return ageText(age, newest, t.Location) }
	observed := sentinel.Float(math.Round(age.Seconds()*1e6) / 1e6)
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
		k := slices.IndexFunc(sure, func(s sentinel.Finding) bool { return s.Key == m.Key })
		if k >= 0 && server.lagKnown() {
			maybe[i] = sure[k]
			continue
		}
		maybe[i].Status = sentinel.Unknown
		maybe[i].Message += ": the lag of the standby may be why"
	}
	return maybe
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
		findings = append(findings, sentinel.Finding{Key: "empty", Status: f.OnEmpty.status(), Message: message,
			Expected: "at least one row"})
		r := conclude(kind, findings, message)
		r.Evidence = got.Evidence
		return r
	}
	newest, err := f.newestTime(t, got)
	if err != nil {
		return errorResult(kind, err)
	}
	age := max(0, t.Known.Server.completeUntil(got.AsOf).Sub(newest))
	findings = append(findings, f.lateAsOf(t, newest, got.AsOf)...)
	r := conclude(kind, findings, ageText(age, newest, t.Location))
	r.Evidence = got.Evidence
	r.Evidence.AsOf = got.AsOf
	r.Observations = make([]sentinel.Observation, 0, 2)
	if t.Known.Server.lagKnown() {
		r.Observations = append(r.Observations,
			sentinel.Observation{Metric: "freshness_seconds", Value: sentinel.Float(math.Round(age.Seconds()*1e6) / 1e6)})
	}
	r.Observations = append(r.Observations,
		sentinel.Observation{Metric: "newest_timestamp_seconds", Value: sentinel.Float(float64(newest.UnixMicro()) / 1e6)})
	return r
}

// evidence returns the answer to judge, with its source.
func (f *Freshness) evidence(t Target, a Answers) (Answer, error) {
	if f.Catalog != "" {
		at := t.Known.Relation.Modified
		if at.IsZero() {
			return Answer{}, errors.New("the engine records no time of the last change for this table: " +
				"use a column instead of `catalog: only`")
		}
		return Answer{Number: sentinel.Float(float64(at.UnixMicro()) / 1e6), AsOf: t.Known.Catalog.AsOf,
			Evidence: sentinel.Evidence{Source: "catalog", Confidence: sentinel.Estimated,
				Note: "time of the last change as the engine keeps it"}}, nil
	}
	if f.Query == "" && f.Expression == "" {
		if _, err := t.Column(f.Column); err != nil {
			return Answer{}, err
		}
	}
	got, key := f.answer(a)
	if key == "" {
		return got, errors.New("no statement was sent to the database")
	}
	if key == askRecent {
		got.Evidence.Confidence, got.Evidence.Note = sentinel.Bounded, "read in the newest partitions"
	}
	return got, got.Err
}

// aheadOf returns the answer that first showed a timestamp too far ahead.
func (f *Freshness) aheadOf(t Target, a Answers) (Answer, time.Duration) {
	for _, key := range []string{askNewest, askRecent, askControl} {
		if got, ok := a.Get(key); ok && got.Err == nil {
			if ahead := f.future(t, got); ahead > 0 {
				return got, ahead
			}
		}
	}
	return Answer{}, 0
}

func (f *Freshness) futureMessage(t Target, got Answer) string {
	if !got.Number.Finite() {
		return "a row's timestamp is infinity"
	}
	at, err := f.newestTime(t, got)
	if err != nil {
		at = seconds(got.Number)
	}
	return fmt.Sprintf("a row's timestamp is %s ahead of the database's clock (%s)", humanDuration(at.Sub(got.AsOf)),
		clockText(at, t.Location))
}
