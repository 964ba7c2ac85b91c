// Package contract compares versions of a data contract of ODCS, and writes one from a
// configuration.
//
// A contract is compared as a catalog is: its tables go through the kinds of drift of schema
// checks, its rules through six kinds more. Each change is read twice, for those who read the
// data and for those who write it.
package contract

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/importers"
	"github.com/sentinel-dq/sentinel/importers/odcs"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// The kinds of changes of rules and service levels.
const (
	CheckRemoved   sentinel.DriftKind = "check_removed"
	CheckLoosened  sentinel.DriftKind = "check_loosened"
	CheckAdded     sentinel.DriftKind = "check_added"
	CheckTightened sentinel.DriftKind = "check_tightened"
	LevelLoosened  sentinel.DriftKind = "sla_loosened"
	LevelTightened sentinel.DriftKind = "sla_tightened"
)

// Change is one difference between two versions of a contract.
type Change struct {
	Table  string
	Object string // column or rule; "" for the table
	Kind   sentinel.DriftKind
	Before string
	After  string
	// Readers and Writers say whether it breaks programs that read, or write, the table.
	Readers, Writers bool
}

// Breaking reports whether the change breaks somebody.
func (c Change) Breaking() bool { return c.Readers || c.Writers }

// forReaders are the kinds that break programs that read: what they rely on is no longer said.
var forReaders = []sentinel.DriftKind{
	sentinel.TableDropped, sentinel.ColumnRemoved, sentinel.ColumnRenamed, sentinel.TypeChanged, sentinel.TypeWidened,
	sentinel.NullabilityLoosened, sentinel.PrimaryKeyChanged, CheckRemoved, CheckLoosened, LevelLoosened,
}

// forWriters are the kinds that break programs that write: what they write may be refused.
var forWriters = []sentinel.DriftKind{
	sentinel.TableDropped, sentinel.ColumnRemoved, sentinel.ColumnRenamed, sentinel.TypeChanged, sentinel.TypeNarrowed,
	sentinel.NullabilityTightened, sentinel.PrimaryKeyChanged, CheckAdded, CheckTightened, LevelTightened,
}

// Compare returns what differs, in order of the tables.
func Compare(before, after odcs.Contract) []Change {
	var out []Change
	for _, name := range slices.Sorted(maps.Keys(joined(before.Tables, after.Tables))) {
		was, is := before.Tables[name], after.Tables[name]
		for _, d := range checks.Diff(was, is, checks.DiffOptions{Across: true}) {
			c := Change{Table: name, Object: d.Object, Kind: d.Kind, Before: d.Before, After: d.After}
			c.Readers, c.Writers = slices.Contains(forReaders, d.Kind), slices.Contains(forWriters, d.Kind)
			if d.Kind == sentinel.ColumnAdded && !is.Column(d.Object).Nullable {
				c.Writers = true // it is required
			}
			out = append(out, c)
		}
		if was == nil || is == nil {
			continue
		}
		for _, c := range compareRules(rulesOf(before, name), rulesOf(after, name)) {
			c.Table = name
			c.Readers, c.Writers = slices.Contains(forReaders, c.Kind), slices.Contains(forWriters, c.Kind)
			out = append(out, c)
		}
	}
	return out
}

func joined(a, b map[string]*warehouse.Table) map[string]bool {
	out := map[string]bool{}
	for _, m := range []map[string]*warehouse.Table{a, b} {
		for name := range m {
			out[name] = true
		}
	}
	return out
}

// rulesOf returns the checks of a table by their ids. What its columns say is compared as a
// schema is.
func rulesOf(c odcs.Contract, table string) map[string]importers.Check {
	out := map[string]importers.Check{}
	for _, d := range c.Datasets {
		if d.Table != table {
			continue
		}
		for _, check := range d.Checks {
			if check.Kind == "schema" || strings.HasPrefix(check.What, "required(") || strings.HasPrefix(check.What, "primaryKey(") {
				continue
			}
			out[check.Identity()] = check
		}
	}
	return out
}

func compareRules(before, after map[string]importers.Check) (out []Change) {
	for _, id := range slices.Sorted(maps.Keys(before)) {
		was := before[id]
		is, kept := after[id]
		what := was.What
		switch {
		case !kept:
			out = append(out, Change{Object: what, Kind: CheckRemoved, Before: was.Text()})
		case was.Text() == is.Text():
		default:
			for _, kind := range between(was, is) {
				out = append(out, Change{Object: what, Kind: kind, Before: was.Text(), After: is.Text()})
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(after)) {
		if _, known := before[id]; !known {
			out = append(out, Change{Object: after[id].What, Kind: CheckAdded, After: after[id].Text()})
		}
	}
	return out
}

// between returns whether a rule was loosened or tightened; both where that cannot be told.
func between(was, is importers.Check) []sentinel.DriftKind {
	loosened, tightened := CheckLoosened, CheckTightened
	if was.Kind == "freshness" {
		loosened, tightened = LevelLoosened, LevelTightened
	}
	sameRule := was.Raw == "" && is.Raw == "" && without(was).Text() == without(is).Text()
	if !sameRule {
		return []sentinel.DriftKind{loosened, tightened}
	}
	order, known := looser(was.Fail, is.Fail)
	if known && order == 0 {
		order, known = looser(was.Warn, is.Warn)
	}
	switch {
	case !known:
		return []sentinel.DriftKind{loosened, tightened}
	case order > 0:
		return []sentinel.DriftKind{loosened}
	}
	return []sentinel.DriftKind{tightened}
}

func without(c importers.Check) importers.Check {
	c.Warn, c.Fail = "", ""
	return c
}

// looser compares two conditions that are bad: above 0 if the second allows more, below 0 if
// it allows less. known is false where neither includes the other.
func looser(was, is string) (order int, known bool) {
	switch {
	case was == is:
		return 0, true
	case is == "":
		return 1, true
	case was == "":
		return -1, true
	}
	a, err1 := checks.ParseDuration(was)
	b, err2 := checks.ParseDuration(is)
	if err1 == nil && err2 == nil {
		return cmp.Compare(b, a), true
	}
	old, err1 := checks.ParseBound(was)
	new, err2 := checks.ParseBound(is)
	if err1 != nil || err2 != nil || old.Op != new.Op || old.Percent != new.Percent {
		return 0, false
	}
	low := new.Low.Cmp(old.Low)
	switch old.Op {
	case ">", ">=":
		return low, true
	case "<", "<=":
		return -low, true
	case "not between":
		high := new.High.Cmp(old.High)
		if low <= 0 && high >= 0 {
			return 1, true
		}
		if low >= 0 && high <= 0 {
			return -1, true
		}
	}
	return 0, false
}
