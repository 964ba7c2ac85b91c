package soda

import (
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/importers"
)

// recDiff matches the differences that are compared: of the rows, or of their number.
var recDiff = pattern(`^(rows|row_count) diff\s*(.*)$`)

// reconciliation reads `reconciliation NAME:`, which compares a source with a target.
func (s *source) reconciliation(f importers.Pair) {
	datasets := importers.Under(f.Value, "datasets")
	from, to := importers.Under(datasets, "source"), importers.Under(datasets, "target")
	other, name := importers.Word(importers.Under(from, "dataset")), importers.Word(importers.Under(to, "dataset"))
	why := ""
	switch {
	case other == "" || name == "":
		why = "it names no source or no target"
	case importers.Word(importers.Under(from, "datasource")) != importers.Word(importers.Under(to, "datasource")):
		why = "the source is in another data source: write `reconcile` with its warehouse, and `key` for rows"
	case importers.Word(importers.Under(from, "filter"))+importers.Word(importers.Under(to, "filter")) != "":
		why = "a filter of one of two tables: write `reconcile`"
	}
	for _, n := range importers.Items(importers.Under(f.Value, "checks")) {
		i := &item{source: s, table: table{name: name}, line: said(n), at: s.file.At(n)}
		if p := importers.Pairs(n); len(p) > 0 {
			i.below = p[0].Value
		}
		c, left := importers.Check{}, why
		if left == "" {
			c, left = i.difference(other)
		}
		if left != "" {
			s.out.Leave(i.at, f.Name+": "+i.line, left)
			continue
		}
		c.What, c.At = i.line, i.at
		s.out.Add(name, c)
	}
}

// difference returns the check of one item of a reconciliation with another table.
func (i *item) difference(other string) (c importers.Check, why string) {
	m := recDiff().FindStringSubmatch(i.line)
	if m == nil {
		return c, "only `rows diff` and `row_count diff` are taken over: write `sum` of `reconcile`, or an `sql` check"
	}
	c = importers.Check{Kind: "reconcile"}
	c.Keys.Set("with", other)
	warn, fail, why := i.thresholds(m[2])
	if why != "" {
		return c, why
	}
	if m[1] == "row_count" {
		if zero := "!= 0"; warn.Set() || plainBound(fail) != zero {
			return c, "only a difference of 0 is taken over: write `tolerance` of `reconcile`"
		}
		return c, ""
	}
	key, left := i.sameColumns("key columns")
	columns, also := i.sameColumns("columns")
	switch {
	case left+also != "":
		return c, left + also
	case len(key) == 0:
		return c, "it names no key columns: write `key` of `reconcile`"
	}
	c.Keys.Set("key", key)
	inKey := func(name string) bool { return slices.Contains(key, name) }
	if columns = slices.DeleteFunc(columns, inKey); len(columns) > 0 {
		c.Keys.Set("columns", columns)
	}
	warn, fail = counted(warn), counted(fail)
	c.Warn, c.Fail = plainBound(warn), plainBound(fail)
	return c, ""
}

// sameColumns returns the columns that the item names for both tables, which must have the
// same names.
func (i *item) sameColumns(what string) (names []string, why string) {
	both := importers.Words(importers.Under(i.below, what))
	from := importers.Words(importers.Under(i.below, "source "+what))
	to := importers.Words(importers.Under(i.below, "target "+what))
	if len(both) == 0 && !slices.EqualFunc(from, to, strings.EqualFold) {
		return nil, "its " + what + " have other names in the source: compare with a view that renames them"
	}
	if len(both) == 0 {
		both = to
	}
	return both, ""
}
