package checks

import (
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/rowdiff"
)

// judgeDifferences holds the number of differing rows against the thresholds.
func (c *Reconcile) judgeDifferences(of *rowdiff.Comparison, found *rowdiff.Result) sentinel.Result {
	const kind = "reconcile"
	text := c.differences(of, found)
	warn, fail := c.thresholds()
	var findings []sentinel.Finding
	for _, at := range []struct {
		bound  Bound
		status sentinel.Status
	}{{fail, sentinel.Fail}, {warn, sentinel.Warn}} {
		if !at.bound.Set() {
			continue
		}
		least, most := found.Bounds()
		bad := at.bound.Holds(share(at.bound, least, found))
		if found.Unread > 0 && !at.bound.sameWithin(share(at.bound, least, found), share(at.bound, most, found)) {
			return errorResult(kind, fmt.Errorf("%s: that is too many to say whether it is %s: raise `max_differences`, or "+
				"compare fewer rows by `where` or `bucket`", text, at.bound))
		}
		if bad {
			observed, expected := share(at.bound, least, found), at.bound.Not().String()
			findings = append(findings, sentinel.Finding{Status: at.status, Observed: observed, Expected: expected,
				Message: text + ", expected " + expected})
			break
		}
	}
	r := conclude(kind, findings, text)
	r.Observations = c.observeRows(found)
	r.Evidence = sentinel.Evidence{Source: "scan", Confidence: sentinel.Exact}
	return r
}

// share returns a number of rows as a bound counts them: of the larger table.
func share(b Bound, n int64, found *rowdiff.Result) sentinel.Number {
	if !b.Percent {
		return sentinel.Int(n)
	}
	return tally{bad: n, of: max(found.Rows[rowdiff.Here], found.Rows[rowdiff.There])}.percent()
}

// sameWithin reports whether the condition holds for all numbers of a range, or for none.
func (b Bound) sameWithin(low, high sentinel.Number) bool {
	switch b.Op {
	case ">", ">=", "<", "<=":
		return b.Holds(low) == b.Holds(high)
	}
	return low.Cmp(high) == 0
}

// differences says what was found: "3 missing, 1 extra, 2 changed (amount) in 10,000 rows". It
// has no value of a row.
func (c *Reconcile) differences(of *rowdiff.Comparison, found *rowdiff.Result) string {
	rows := groupDigits(sentinel.Int(max(found.Rows[rowdiff.Here], found.Rows[rowdiff.There])))
	where := fmt.Sprintf(" in %s rows, compared with %s by %s", rows, c.With, strings.Join(c.Key, ", "))
	var parts []string
	add := func(n int64, what string) {
		if n > 0 {
			parts = append(parts, groupDigits(sentinel.Int(n))+" "+what)
		}
	}
	add(found.Missing, "missing")
	add(found.Extra, "extra")
	add(found.Changed, "changed"+changedColumns(of, found))
	text := strings.Join(parts, ", ")
	switch least, most := found.Bounds(); {
	case found.Unread > 0:
		text = fmt.Sprintf("between %s and %s rows differ", groupDigits(sentinel.Int(least)), groupDigits(sentinel.Int(most)))
		if len(parts) > 0 {
			text += ", of those that were read " + strings.Join(parts, ", ")
		}
	case text == "":
		text = "no difference"
	}
	return text + where
}

// changedColumns names the columns in which rows differ.
func changedColumns(of *rowdiff.Comparison, found *rowdiff.Result) string {
	var names []string
	for i, n := range found.ChangedIn {
		if n > 0 {
			names = append(names, of.Columns[rowdiff.Here][i].Name)
		}
	}
	const most = 5
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", more))
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// observeRows returns the numbers that are stored.
func (c *Reconcile) observeRows(found *rowdiff.Result) []sentinel.Observation {
	here, there := sentinel.Int(found.Rows[rowdiff.Here]), sentinel.Int(found.Rows[rowdiff.There])
	out := []sentinel.Observation{
		{Metric: "row_count", Value: here},
		{Metric: "difference", Value: difference(here, there)},
		{Metric: examinedRows, Value: sentinel.Int(max(found.Rows[rowdiff.Here], found.Rows[rowdiff.There]))},
	}
	least, _ := found.Bounds()
	out = append(out, sentinel.Observation{Metric: failedRows, Value: sentinel.Int(least)})
	if found.Unread > 0 {
		return out // the parts are not known
	}
	for _, part := range []struct {
		kind rowdiff.Kind
		n    int64
	}{{rowdiff.Missing, found.Missing}, {rowdiff.Extra, found.Extra}, {rowdiff.Changed, found.Changed}} {
		out = append(out, sentinel.Observation{Metric: "rows_" + string(part.kind), Value: sentinel.Int(part.n)})
	}
	return out
}
