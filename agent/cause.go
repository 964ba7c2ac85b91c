package agent

import (
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel"
)

// columnReader says what a check reads of its table.
type columnReader interface {
	// Reads reports whether the check reads a column.
	Reads(column string) bool
}

// What a finding is about decides what can explain it.
const (
	aboutRows   = "rows"   // rows are missing or late
	aboutValues = "values" // the rows have wrong values, or a query says so
	aboutSchema = "schema"
	aboutRisk   = "risk" // rows will be late
)

func about(f sentinel.IncidentFinding) string {
	switch f.Kind {
	case "schema":
		return aboutSchema
	case RiskKind:
		return aboutRisk
	case "row_count", "freshness", "reconcile":
		if strings.HasPrefix(f.Key, "sum=") || f.Key == "future_timestamp" {
			return aboutValues
		}
		return aboutRows
	}
	return aboutValues
}

// explain sets the causes of the open findings of an incident. Only what can explain a
// finding, and began no later, is its cause. The findings must not be shared.
func (t *incidents) explain(i sentinel.Incident) sentinel.Incident {
	above := t.upstreamIncidents(i.Table)
	for n := range i.Findings {
		f := &i.Findings[n]
		if !f.Open() {
			continue
		}
		f.Upstream, f.Cause = "", ""
		if !f.Monitor {
			f.Upstream, f.Cause = upstreamCause(above, *f)
		}
		if f.Upstream == "" {
			f.Cause = t.ownCause(i, *f)
		}
	}
	return i
}

// upstreamIncident is an open incident of an upstream dataset.
type upstreamIncident struct {
	id       string
	table    sentinel.Table
	findings []sentinel.IncidentFinding // open and about the data, the worst first
}

// upstreamIncidents returns the open incidents of all upstream datasets, the nearest
// first.
func (t *incidents) upstreamIncidents(of sentinel.Table) (all []upstreamIncident) {
	seen := map[sentinel.Table]bool{of: true}
	next := t.upstreams[of]
	for len(next) > 0 {
		var further []sentinel.Table
		for _, table := range next {
			if seen[table] {
				continue
			}
			seen[table] = true
			further = append(further, t.upstreams[table]...)
			i := t.open[table]
			open := slices.DeleteFunc(i.OpenFindings(), func(f sentinel.IncidentFinding) bool { return f.Monitor })
			if len(open) > 0 {
				all = append(all, upstreamIncident{i.ID, table, open})
			}
		}
		next = further
	}
	return all
}

// upstreamCause returns the id and the text of the open incident upstream that explains a
// finding. It is the one furthest upstream.
func upstreamCause(above []upstreamIncident, f sentinel.IncidentFinding) (id, what string) {
	for _, up := range slices.Backward(above) {
		for _, o := range up.findings {
			if !o.Opened.After(f.Opened) && spreads(o, f) {
				return up.id, up.table.String() + ": " + o.Message
			}
		}
	}
	return "", ""
}

// spreads reports whether a finding of an upstream dataset can explain one downstream.
func spreads(up, down sentinel.IncidentFinding) bool {
	switch about(up) {
	case aboutRows:
		return about(down) != aboutSchema
	case aboutValues:
		return about(down) == aboutValues
	case aboutRisk:
		return about(down) == aboutRisk
	}
	_, a, hasA := strings.Cut(up.Key, ":")
	_, b, hasB := strings.Cut(down.Key, ":")
	return about(down) == aboutSchema && hasA && hasB && a == b
}

// ownCause returns the text of the finding of the same dataset that explains another one;
// "" for none.
func (t *incidents) ownCause(i sentinel.Incident, f sentinel.IncidentFinding) string {
	for _, o := range i.Findings {
		missing := strings.HasPrefix(o.Key, "missing_partition:")
		if !missing && o.Kind != aboutSchema || !o.Open() || o.Monitor || o.Opened.After(f.Opened) {
			continue
		}
		if missing && f.Fewer || !missing && f.Kind != aboutSchema && t.breaks(o.Key, f.Check) {
			return o.Message
		}
	}
	return ""
}

// breaks reports whether a drift changes what a check reads: its column, or the table as
// a whole.
func (t *incidents) breaks(drift, check string) bool {
	kind, column, _ := strings.Cut(drift, ":")
	switch sentinel.DriftKind(kind) {
	case sentinel.TableDropped, sentinel.TableReplaced, sentinel.TableKindChanged:
		return true
	case sentinel.ColumnRemoved, sentinel.ColumnRenamed, sentinel.TypeNarrowed, sentinel.TypeChanged:
		reader := t.reads[check]
		return reader != nil && reader.Reads(column)
	}
	return false
}

// fewerRows reports whether a finding says that the table as a whole has fewer rows than
// it should.
func fewerRows(r sentinel.Result, f sentinel.Finding) bool {
	bucketed := slices.ContainsFunc(r.Observations, func(o sentinel.Observation) bool { return !o.Bucket.IsZero() })
	if bucketed || strings.HasPrefix(f.Key, "missing_partition:") {
		return false
	}
	switch rule, segment, _ := strings.Cut(f.Key, ":"); {
	case r.Kind == "reconcile" && f.Key == "":
		return slices.ContainsFunc(r.Observations, func(o sentinel.Observation) bool {
			return o.Metric == "difference" && o.Segment == "" && o.Value.Cmp(sentinel.Int(0)) < 0
		})
	case r.Kind == "row_count" && rule == "anomaly":
		return slices.ContainsFunc(r.Scores, func(s sentinel.Score) bool {
			return s.Segment == segment && s.Value < s.Low
		})
	case r.Kind == "row_count":
		return strings.HasPrefix(f.Expected, ">")
	}
	return false
}
