package checks

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// judgeBaseline compares the table with the baseline. It says what the user of the DSN may
// not read, and does not pass what the baseline knows and this run could not read.
func (s *Schema) judgeBaseline(t Target) sentinel.Result {
	rel, base := t.Known.Relation, t.Known.Baseline
	var hidden warehouse.Facts
	if rel != nil {
		hidden = rel.Unreadable & s.facts()
	}
	if base == nil && t.Known.NoState {
		r := s.result(nil, "without a state there is no baseline to compare with")
		r.Status = sentinel.Unknown
		return r
	}
	if base == nil {
		return s.result(created(t), fmt.Sprintf("baseline taken: %d columns", len(rel.Columns))+notCompared(hidden))
	}
	drifts := created(t)
	if base != rel {
		options := DiffOptions{Facts: s.facts(), Present: present(t), Dialect: t.Known.Dialect, policy: s}
		drifts = append(drifts, Diff(base, rel, options)...)
		hidden |= base.Unreadable & s.facts()
	}
	r := s.result(drifts, fmt.Sprintf("%d columns, as in the baseline", len(base.Columns))+notCompared(hidden)+
		takenAnew(base, rel))
	if upgraded(base, rel) && r.Status.Bad() { // the baseline stays, and so do its texts
		r.Findings = append(r.Findings, sentinel.Finding{Key: sentinel.UnreadSchemaKey, Status: sentinel.Unknown,
			Expected: "texts of one version of the server", Message: fmt.Sprintf("the server is %s now, was %s: texts of "+
				"views and expressions are not compared until `sentinel schema accept`", rel.Server, base.Server)})
	}
	lost := lostFacts(base, hidden)
	if lost == 0 {
		return r
	}
	unread := fmt.Sprintf("%s can no longer be read: see docs/privileges.md", factNames(lost))
	if r.Status == sentinel.Pass {
		return errorResult("schema", &warehouse.Error{Kind: warehouse.Forbidden, Err: errors.New(unread)})
	}
	f := sentinel.Finding{Key: sentinel.UnreadSchemaKey, Status: sentinel.Unknown, Message: unread}
	r.Findings = append(r.Findings, f)
	return r
}

// RenewsBaseline implements [BaselineCheck]. A table that differs in nothing that is
// reported becomes the baseline by itself: one that was made anew, what an older version
// of Sentinel did not read, and the texts of another version of the server.
func (s *Schema) RenewsBaseline(t Target) bool {
	known := t.Known
	if !s.ComparesWithBaseline() || known.Err != nil || known.HistoryErr != nil || known.Baseline == nil ||
		known.Relation == nil || known.Baseline == known.Relation || known.Relation.Unread(s.facts()) != nil {
		return false
	}
	now := snapshot(&t)
	if lostFacts(known.Baseline, now.Unreadable) != 0 {
		return false
	}
	for _, d := range Diff(known.Baseline, now, DiffOptions{Present: present(t)}) {
		if d.Kind != sentinel.TableReplaced || s.of(d.Kind) != "pass" {
			return false
		}
	}
	return true
}

// present returns the tables of the warehouse that were read.
func present(t Target) map[warehouse.TableName]*warehouse.Table {
	if t.Known.Catalog == nil {
		return nil
	}
	return t.Known.Catalog.Tables
}

// lostFacts returns those facts that the baseline has. One of an older version of Sentinel
// has no details.
func lostFacts(baseline *warehouse.Table, f warehouse.Facts) warehouse.Facts {
	f &^= baseline.Unreadable
	if baseline.DetailsVersion == 0 {
		f &^= warehouse.Details | warehouse.Rules
	}
	return f
}

// takenAnew says that the server has another version, so that its texts were not compared.
func takenAnew(before, after *warehouse.Table) string {
	if !upgraded(before, after) {
		return ""
	}
	return fmt.Sprintf("; the server is %s now, was %s: texts of views and expressions are not compared, but taken anew",
		after.Server, before.Server)
}

// upgraded reports whether the server has another major version than that of the baseline.
func upgraded(before, after *warehouse.Table) bool {
	return after != nil && before.Server != after.Server && before.Server != "" && after.Server != ""
}

// created returns the drift of a table that appeared for a known pattern.
func created(t Target) []sentinel.Drift {
	if !t.Created || t.Known.Relation == nil {
		return nil
	}
	return []sentinel.Drift{{
		Kind: sentinel.TableCreated, After: string(t.Known.Relation.Kind), Compatibility: sentinel.Additive,
	}}
}

// notCompared says which facts were not compared; "" for none.
func notCompared(f warehouse.Facts) string {
	if f == 0 {
		return ""
	}
	return "; " + factNames(f) + " not compared: the user of the DSN may not read it, see docs/privileges.md"
}

// factNames lists facts of a table in words.
func factNames(f warehouse.Facts) string {
	var names []string
	for _, n := range []struct {
		fact warehouse.Facts
		name string
	}{
		{warehouse.Columns, "the columns"}, {warehouse.Keys, "the keys"}, {warehouse.Indexes, "the indexes"},
		{warehouse.Partitions, "the partitions"}, {warehouse.Views, "the view's definition"},
		{warehouse.Expressions, "the expressions of generated columns"},
		{warehouse.Details, "details of keys and columns"},
		{warehouse.Rules, "triggers and checks"},
	} {
		if f&n.fact != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, ", ")
}
