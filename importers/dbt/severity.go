package dbt

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/importers"
)

// severe applies severity, warn_if and error_if. If they are about a number that the check
// does not have, it takes the statement that dbt sends.
func (t *test) severe(in []importers.Check) ([]importers.Check, string) {
	out, why := t.judged(in, t.hasCountOf(in))
	if why == "" {
		return out, ""
	}
	if in, why = t.ofCompiled(why); why != "" {
		return nil, why
	}
	return t.judged(in, true)
}

// judged applies severity, warn_if and error_if. counts says whether the check counts what dbt
// does, without which no condition can be applied.
func (t *test) judged(in []importers.Check, counts bool) ([]importers.Check, string) {
	ofCalc := len(in) == 1 && in[0].Kind == "sql" // the value of fail_calc
	warnIf, why1 := condition(t.conf.warnIf, ofCalc)
	errorIf, why2 := condition(t.conf.errorIf, ofCalc)
	if why := cmp.Or(why1, why2); why != "" {
		return nil, why
	}
	warns := strings.EqualFold(t.conf.severity, "warn")
	if warns {
		errorIf = checks.Bound{}
	}
	out := slices.Clone(in)
	switch {
	case !warns && !errorIf.Set() && !holdsWithoutRows(warnIf), warns && !warnIf.Set():
		for i := range out {
			if warns {
				out[i] = out[i].Warning()
			}
		}
		return out, ""
	case !counts:
		return nil, "warn_if and error_if are about the rows that its statement returns, and the check counts something " +
			"else: run `dbt compile` and import target/manifest.json"
	}
	c := &out[0]
	c.Keys = slices.Clone(c.Keys)
	unset := map[bool]string{false: "> 0", true: "!= 0"}[ofCalc]
	c.Warn, c.Fail = cmp.Or(written(warnIf), unset), cmp.Or(written(errorIf), unset)
	switch {
	case warns:
		c.Fail = ""
	case c.Warn == c.Fail:
		c.Warn = "" // it would never warn
	}
	if c.Kind == "duplicate" {
		c.Keys.Set("count", importers.Plain("keys"))
	}
	return out, ""
}

// otherCounts are tests whose statements return other rows than those that are bad: values,
// or one row for the table.
var otherCounts = []string{
	"accepted_values", "dbt_utils.not_accepted_values", "dbt_utils.equal_rowcount", "dbt_utils.fewer_rows_than",
	"dbt_expectations.expect_column_values_to_have_consistent_casing",
}

// hasCountOf reports whether a check counts the rows that the statement of its test returns.
func (t *test) hasCountOf(in []importers.Check) bool {
	_, name := kindOf(t.name)
	if len(in) != 1 || slices.Contains(otherCounts, name) {
		return false
	}
	c := in[0]
	return slices.Contains([]string{"missing", "invalid", "duplicate", "reference", "failed_rows", "sql"}, c.Kind) &&
		(c.Warn == "" && (c.Fail == "" || c.Fail == "> 0") || c.Kind == "sql") &&
		!slices.ContainsFunc(c.Keys, func(f importers.Field) bool { return f.Name == "anomaly" })
}

// ownCalc are the fail_calc that macros set for themselves, by the tests of which the check
// judges the same without it.
var ownCalc = map[string]string{
	"dbt_utils.equal_rowcount":  "sum(coalesce(diff_count, 0))",
	"dbt_utils.fewer_rows_than": "sum(coalesce(row_count_delta, 0))",
}

// holdsWithoutRows reports whether a condition is true of no bad rows.
func holdsWithoutRows(b checks.Bound) bool {
	none, err := checks.ParseBound("= 0")
	return err == nil && b.Set() && b.Holds(none.Low)
}

// written writes a condition without separators of thousands.
func written(b checks.Bound) string { return strings.ReplaceAll(b.String(), ",", "") }

// condition reads warn_if or error_if. dbt writes its default, != 0, into every test of a
// manifest: it is as if it were not set, and so is > 0 of a count, which is never negative.
func condition(text string, signed bool) (b checks.Bound, why string) {
	if text = strings.TrimSpace(text); text == "" {
		return b, ""
	}
	b, err := checks.ParseBound(text)
	switch {
	case err != nil:
		return checks.Bound{}, err.Error()
	case b.Percent:
		return checks.Bound{}, "a percentage in warn_if or error_if: " + text
	}
	if n, isInt := b.Low.Int64(); isInt && n == 0 && (b.Op == "!=" || b.Op == ">" && !signed) {
		return checks.Bound{}, ""
	}
	return b, ""
}
