package checks

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/settings"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// Policy is the status of a situation: pass, warn, fail or unknown. ignore is an alias
// of pass, and error of fail.
type Policy string

// Words returns the policies and their aliases.
func (Policy) Words() []string { return []string{"ignore", "pass", "warn", "fail", "error", "unknown"} }

// plain replaces an alias of a policy.
func (p Policy) plain() Policy {
	switch p {
	case "ignore":
		return "pass"
	case "error":
		return "fail"
	}
	return p
}

// complete sets the defaults of a check, checks its words, and replaces aliases of
// policies.
func complete(check Check) error {
	if err := settings.Complete(check); err != nil {
		return err
	}
	v := reflect.ValueOf(check).Elem()
	for _, k := range settings.Keys(v.Type()) {
		if p, is := v.FieldByIndex(k.Index).Addr().Interface().(*Policy); is {
			*p = p.plain()
		}
	}
	return check.Common().validateOptions(check)
}

func (p Policy) status() sentinel.Status {
	switch p {
	case "warn":
		return sentinel.Warn
	case "fail":
		return sentinel.Fail
	case "unknown":
		return sentinel.Unknown
	}
	return sentinel.Pass
}

// validateOptions checks the options that every kind has.
func (o *Options) validateOptions(check Check) error {
	number, isMeasured := check.(measured)
	if o.Clear.Set() && !(isMeasured && number.measure().Clears) {
		return settings.Wrong("clear", "%s has no number for clear: use it on %s", KindOf(check),
			kindsWith(func(m measurement) bool { return m.Clears }))
	}
	if o.Anomaly != nil && !isMeasured {
		return settings.Wrong("anomaly", "%s has no number to watch: put it on %s", KindOf(check),
			kindsWith(func(measurement) bool { return true }))
	}
	if o.Samples != nil && !SamplesRows(check) {
		return settings.Wrong(
			"samples",
			"%s has no bad rows to keep: put it on missing, invalid, duplicate, reference, failed_rows, "+
				"or reconcile with key",
			KindOf(check),
		)
	}
	if o.Samples != nil {
		if err := settings.In("samples", o.Samples.Validate()); err != nil {
			return err
		}
	}
	if err := settings.In("confirm", o.Confirm.Validate()); err != nil {
		return err
	}
	if o.Clear.Percent && !number.measure().Percent {
		return settings.Wrong("clear", "a percentage has no reference value here: want a number, such as \"> 1200\"")
	}
	return nil
}

// measured is implemented by the kinds whose number can be judged by its normal range.
type measured interface{ measure() measurement }

// measurement describes the number of a kind.
type measurement struct {
	Metric    string // metric of its observations
	Unit      string // name of the unit; "" for none
	Direction string // default of `direction`: drop, spike or both
	Alone     bool   // the check has no other rule
	Clears    bool   // the check may have `clear`
	Percent   bool   // the number is a percentage: `clear` may be one, such as "< 5%"
}

// watch completes `anomaly:` for a kind with a number.
func (o *Options) watch(m measurement) error {
	a := o.Anomaly
	if a == nil {
		return nil
	}
	if a.Direction == "" {
		a.Direction = m.Direction
	}
	if err := a.Validate(); err != nil {
		return settings.In("anomaly", err)
	}
	if a.Holidays != "" && a.Holiday == nil {
		calendar, err := schedule.LoadCalendar(a.Holidays)
		if err != nil {
			return settings.In("anomaly.holidays", err)
		}
		a.Holiday = calendar.Holiday
	}
	a.Metric = m.Metric
	a.Unit = m.Unit
	a.Alone = m.Alone
	return nil
}

// kindsWith lists the registered kinds whose number fits.
func kindsWith(fits func(measurement) bool) string {
	var names []string
	for _, kind := range Kinds() {
		zero, err := kinds.Get(kind)
		if err != nil {
			continue // cannot happen: Kinds lists it
		}
		if c, ok := zero().(measured); ok && fits(c.measure()) {
			names = append(names, kind)
		}
	}
	return orList(names)
}

// orList joins words: "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// errorResult returns the result of a check that could not run. It says nothing about
// the data. Its message says what to do.
func errorResult(kind string, err error) sentinel.Result {
	msg := sentinel.Clip(err.Error())
	if advice := adviceFor(err); advice != "" {
		msg += ": " + advice
	}
	return sentinel.Result{Kind: kind, Status: sentinel.Error, Message: "could not run: " + oneLine(msg)}
}

func adviceFor(err error) string {
	if e := (*warehouse.Error)(nil); errors.As(err, &e) && e.Silent {
		return "" // the error says what is known
	}
	switch warehouse.KindOf(err) {
	case warehouse.Unreachable:
		return "is the server up, and the DSN's host and port right?"
	case warehouse.Unauthorized:
		return "check user and password of the DSN"
	case warehouse.NoDatabase:
		return "is the name of the database in the DSN right?"
	case warehouse.HiddenRows:
		return "use a user that sees all rows (BYPASSRLS), or set `row_security: visible` to judge those that it sees"
	case warehouse.Forbidden:
		return "grant SELECT on it to the user of the DSN"
	case warehouse.TimedOut:
		return "raise statement_timeout, narrow the checks of the table with `where` or `bucket`, " +
			"or give an expensive one a `schedule` of its own"
	case warehouse.MissingColumn:
		return "was the column renamed or dropped?"
	}
	return ""
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// unreadTable returns the result of a check whose table could not be read, or does not
// exist; unread is false if it is there.
func unreadTable(kind string, t Target, missing Policy) (r sentinel.Result, unread bool) {
	switch {
	case t.Known.Err != nil:
		return errorResult(kind, t.Known.Err), true
	case t.Known.Relation == nil:
		return missingTable(kind, t, missing), true
	}
	return r, false
}

// missingTable returns the result for a table that does not exist.
func missingTable(kind string, t Target, p Policy) sentinel.Result {
	f := sentinel.Finding{Key: sentinel.MissingTableKey, Status: p.status(), Message: "the table does not exist",
		Expected: "a table"}
	return conclude(kind, []sentinel.Finding{f}, "the table does not exist")
}

// conclude returns a result with findings. Its message is that of the worst finding, or
// pass if there is none.
func conclude(kind string, findings []sentinel.Finding, pass string) sentinel.Result {
	findings = slices.DeleteFunc(findings, func(f sentinel.Finding) bool { return f.Status == sentinel.Pass })
	slices.SortStableFunc(findings, func(a, b sentinel.Finding) int {
		switch {
		case a.Status.Worse(b.Status):
			return -1
		case b.Status.Worse(a.Status):
			return 1
		}
		return 0
	})
	r := sentinel.Result{Kind: kind, Status: sentinel.Worst(findings), Findings: findings, Message: pass}
	if len(findings) > 0 {
		r.Message = findings[0].Message
		if n := len(findings) - 1; n > 0 {
			r.Message += fmt.Sprintf(" (and %d more)", n)
		}
	}
	return r
}

// against compares a number with the thresholds for warn and fail.
func against(key, what string, n sentinel.Number, warn, fail Bound) (sentinel.Finding, bool) {
	for _, t := range []struct {
		bound  Bound
		status sentinel.Status
	}{{fail, sentinel.Fail}, {warn, sentinel.Warn}} {
		if t.bound.Set() && n.Finite() && t.bound.Holds(n) {
			expected := t.bound.Not().String()
			if t.bound.hides(n) {
				what += " (exactly " + everyDigit(n) + ")"
			}
			return sentinel.Finding{Key: key, Status: t.status, Observed: n, Expected: expected,
				Message: what + ", expected " + expected}, true
		}
	}
	return sentinel.Finding{}, false
}

// clipTexts cuts the texts of a result that may hold values of the database.
func clipTexts(r *sentinel.Result) {
	r.Message = sentinel.Clip(r.Message)
	r.Evidence.Note = sentinel.Clip(r.Evidence.Note)
	for i := range r.Findings {
		r.Findings[i].Message = sentinel.Clip(r.Findings[i].Message)
		r.Findings[i].Expected = sentinel.Clip(r.Findings[i].Expected)
	}
}
