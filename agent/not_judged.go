package agent

import (
	"maps"
	"slices"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// KeepDrifts keeps the drifts of a table whose server was upgraded. Its texts cannot be
// compared with the baseline, so a drift of them is neither seen again nor gone: the baseline
// stays until somebody accepts the table. open reports whether a check of a table has an open
// finding about it.
func KeepDrifts(o *checks.Outcome, r *sentinel.Result, open func(sentinel.Table, string) bool) {
	if !o.Renewals[r.Check].Upgraded || !open(r.Table, r.Check) {
		return
	}
	o.Renewals = maps.Clone(o.Renewals)
	delete(o.Renewals, r.Check)
	f := sentinel.Finding{
		Key: sentinel.UnreadSchemaKey, Status: sentinel.Unknown, Expected: "texts of one version of the server",
		Message: r.Message + "; a drift is open, so `sentinel schema accept` is needed",
	}
	r.Findings = append(r.Findings, f)
	if f.Status.Worse(r.Status) {
		r.Status, r.Message = f.Status, f.Message
	}
}

// openFinding reports whether a check has an open finding about its table.
func (t *incidents) openFinding(table sentinel.Table, check string) bool {
	return slices.ContainsFunc(t.findings(table), func(f sentinel.IncidentFinding) bool {
		return f.Open() && f.Check == check && f.Key != monitorKey
	})
}

// endPassed ends the findings about periods that the check does not look at any more. It notes
// that, because the rows may still be missing.
func (t *incidents) endPassed(c checks.Check, job checks.Job, r sentinel.Result) {
	p, is := c.(checks.PeriodCheck)
	if !is || r.Status == sentinel.Error {
		return
	}
	passed := func(f sentinel.IncidentFinding) bool { return f.Check == r.Check && p.Passed(job, f.Key) }
	t.clear(r.Table, t.seen(r), "the period is older than those that the check looks at", passed)
}
