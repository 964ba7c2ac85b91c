package agent

import (
	"testing"

	"github.com/sentinel-dq/sentinel"
)

// columns are the columns that a check reads.
type columns []string

func (c columns) Reads(column string) bool {
	for _, name := range c {
		if name == column {
			return true
		}
	}
	return false
}

// found is a result with one finding.
func found(of, check, kind, key string, minute int) sentinel.Result {
	r := result(sentinel.Fail, minute, key)
	r.Check, r.Kind, r.Table = check, kind, table(of)
	r.Findings[0].Message = check + " " + key
	return r
}

// fewer makes a result say that rows are missing.
func fewer(r sentinel.Result) sentinel.Result {
	switch r.Kind {
	case "reconcile":
		r.Observations = []sentinel.Observation{{Metric: "difference", Value: sentinel.Int(-5)}}
	case "row_count":
		r.Findings[0].Expected = ">= 10"
	}
	return r
}

// bucketed makes a result one of a closed time window.
func bucketed(r sentinel.Result) sentinel.Result {
	r.Observations = append(r.Observations, sentinel.Observation{Metric: "row_count", Bucket: r.Tick})
	return r
}

// A finding names a cause that can explain it and began no later, and no other.
func TestCauses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cause sentinel.Result // upstream is of table "up", else of "t"
		of    sentinel.Result
		reads columns // of the check "c"
		want  bool
	}{
		"missing partitions and fewer rows than elsewhere": {
			found("t", "parts", "row_count", "missing_partition:2026-11-26", 1), fewer(found("t", "c", "reconcile", "", 1)), nil, true},
		"missing partitions and too few rows": {
			found("t", "parts", "row_count", "missing_partition:2026-11-26", 1), fewer(found("t", "c", "row_count", "", 2)), nil, true},
		"missing partitions and more rows than elsewhere": {
			found("t", "parts", "row_count", "missing_partition:2026-11-26", 1), found("t", "c", "reconcile", "", 1), nil, false},
		"missing partitions that came later": {
			found("t", "parts", "row_count", "missing_partition:2026-11-26", 3), fewer(found("t", "c", "reconcile", "", 1)), nil, false},
		"missing partitions and one bucket": {
			found("t", "parts", "row_count", "missing_partition:2026-11-26", 1),
			bucketed(fewer(found("t", "c", "row_count", "", 1))), nil, false},
		"missing partitions and wrong values": {
			found("t", "parts", "row_count", "missing_partition:2026-11-26", 1), found("t", "c", "sql", "", 1), nil, false},
		"a new column and fewer rows": {
			found("t", "shape", "schema", "column_added:coupon", 1), fewer(found("t", "c", "reconcile", "", 1)), columns{"coupon"}, false},
		"a removed column that the check reads": {
			found("t", "shape", "schema", "column_removed:note", 1), found("t", "c", "sql", "", 1), columns{"note"}, true},
		"a removed column that the check does not read": {
			found("t", "shape", "schema", "column_removed:note", 1), found("t", "c", "sql", "", 1), columns{"other"}, false},
		"a narrower type of a column that the check reads": {
			found("t", "shape", "schema", "type_narrowed:n", 1), found("t", "c", "column", "", 1), columns{"n"}, true},
		"a wider type": {
			found("t", "shape", "schema", "type_widened:n", 1), found("t", "c", "column", "", 1), columns{"n"}, false},
		"a table that was dropped": {
			found("t", "shape", "schema", "table_dropped", 1), found("t", "c", "row_count", "", 1), nil, true},
		"a drift and another drift": {
			found("t", "shape", "schema", "table_replaced", 1), found("t", "c", "schema", "column_removed:note", 1), nil, false},
		"rows that are missing upstream": {
			found("up", "parts", "row_count", "", 1), found("t", "c", "freshness", "", 2), nil, true},
		"rows that are missing upstream, and wrong values": {
			found("up", "parts", "row_count", "", 1), found("t", "c", "sql", "", 1), nil, true},
		"rows that are missing upstream, and a drift": {
			found("up", "parts", "row_count", "", 1), found("t", "c", "schema", "column_removed:note", 1), nil, false},
		"an upstream that failed later": {
			found("up", "parts", "row_count", "", 3), found("t", "c", "freshness", "", 2), nil, false},
		"wrong values upstream": {
			found("up", "nulls", "sql", "", 1), found("t", "c", "sql", "", 1), nil, true},
		"wrong values upstream, and rows that are late": {
			found("up", "nulls", "sql", "", 1), found("t", "c", "freshness", "", 1), nil, false},
		"a renamed column upstream, and rows that are late": {
			found("up", "shape", "schema", "column_renamed:mail", 1), found("t", "c", "freshness", "", 1), nil, false},
		"a removed column upstream and here": {
			found("up", "shape", "schema", "column_removed:note", 1), found("t", "c", "schema", "column_removed:note", 1), nil, true},
	} {
		in := newIncidents(nil, &fixedPolicy{})
		in.upstreams = map[sentinel.Table][]sentinel.Table{table("t"): {table("up")}}
		in.reads = map[string]columnReader{"c": c.reads}
		first, second := c.cause, c.of
		if second.Tick.Before(first.Tick) {
			first, second = second, first
		}
		in.apply(first, Meta{})
		in.apply(second, Meta{})
		in.apply(c.of, Meta{})
		i := in.open[table("t")]
		for _, f := range i.Findings {
			if f.Check != "c" {
				continue
			}
			want, id := "", ""
			if c.want {
				want = c.cause.Findings[0].Message
				if up := in.open[table("up")]; up.ID != "" {
					want, id = up.Table.String()+": "+want, up.ID
				}
			}
			if f.Cause != want || f.Upstream != id || i.Upstream != id {
				t.Errorf("%s: %q of %q, want %q of %q", name, f.Cause, f.Upstream, want, id)
			}
		}
	}
}

// A check that cannot run because a column is gone names that; nothing upstream explains
// that it cannot.
func TestCauseOfACheckThatCannotRun(t *testing.T) {
	t.Parallel()
	in := newIncidents(nil, &fixedPolicy{})
	in.upstreams = map[sentinel.Table][]sentinel.Table{table("t"): {table("up")}}
	in.reads = map[string]columnReader{"c": columns{"note"}}
	in.apply(found("up", "parts", "row_count", "", 0), Meta{})
	in.apply(found("t", "shape", "schema", "column_removed:note", 0), Meta{})
	blind := sentinel.Result{Check: "c", Kind: "sql", Table: table("t"), Status: sentinel.Error, Message: "no column note"}
	for range monitorAfter {
		blind.Tick = found("", "", "", "", 1).Tick
		in.apply(blind, Meta{})
	}
	i := in.open[table("t")]
	if len(i.Findings) != 2 || !i.Findings[1].Monitor || i.Findings[1].Cause != "shape column_removed:note" {
		t.Errorf("%+v", i.Findings)
	}
	if i.Monitor || i.Severity != sentinel.Fail {
		t.Errorf("a drift is about the data: %+v", i)
	}
}

// An upstream that is judged after its dependents, in the same tick, is their cause.
func TestAnUpstreamThatIsJudgedLater(t *testing.T) {
	t.Parallel()
	in := newIncidents(nil, &fixedPolicy{})
	in.upstreams = map[sentinel.Table][]sentinel.Table{table("t"): {table("up")}}
	changed := in.apply(found("t", "c", "freshness", "", 1), Meta{})
	changed = append(changed, in.apply(found("up", "parts", "row_count", "", 1), Meta{})...)
	changes := in.takeChanges()
	recorded := in.refresh(changed, changes)
	up := in.open[table("up")]
	for _, i := range recorded {
		if i.Table == table("t") && i.Upstream != up.ID {
			t.Errorf("recorded: caused by %q, want %q", i.Upstream, up.ID)
		}
	}
	for _, c := range changes {
		if c.Incident.Table == table("t") && c.Incident.Upstream != up.ID {
			t.Errorf("told: caused by %q, want %q", c.Incident.Upstream, up.ID)
		}
	}
	if len(recorded) != 2 || len(changes) != 2 {
		t.Errorf("%d recorded, %d told", len(recorded), len(changes))
	}
}
