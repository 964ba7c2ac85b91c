package agent

import (
	"fmt"
	"slices"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// keepUntilClear makes a number that is good again warn while its finding is open and it
// is not yet within the bound `clear`. Each segment has a number of its own.
func (t *incidents) keepUntilClear(clear checks.Bound, r *sentinel.Result) {
	if !clear.Set() || r.Status == sentinel.Error || len(r.Observations) == 0 {
		return
	}
	metric := r.Observations[0].Metric
	for _, o := range r.Observations {
		if o.Metric == metric && (o.Segment != "" || r.Status == sentinel.Pass || r.Status.Bad()) {
			t.keepOpen(clear, r, o)
		}
	}
}

// keepOpen adds the finding of one number to the result, unless it has one.
func (t *incidents) keepOpen(clear checks.Bound, r *sentinel.Result, o sentinel.Observation) {
	open := slices.ContainsFunc(t.open[r.Table].Findings, func(f sentinel.IncidentFinding) bool {
		return f.Open() && f.Check == r.Check && f.Key == o.Segment
	})
	found := slices.ContainsFunc(r.Findings, func(f sentinel.Finding) bool { return f.Key == o.Segment })
	if !open || found || o.Value.Absent() || clear.Holds(o.Value) {
		return
	}
	message := r.Message
	switch {
	case o.Segment != "":
		message = o.Value.String() + " in " + o.Segment
	case r.Status.Bad(): // the message is of another finding
		message = o.Metric + " " + o.Value.String()
	}
	message = fmt.Sprintf("%s: better, but not yet %s", message, clear)
	if sentinel.Warn.Worse(r.Status) {
		r.Status, r.Message = sentinel.Warn, message
	}
	r.Findings = append(r.Findings, sentinel.Finding{
		Key: o.Segment, Status: sentinel.Warn, Message: message, Observed: o.Value, Expected: clear.String(),
	})
}
