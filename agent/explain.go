package agent

import (
	"context"
	"slices"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/notify"
)

// explain says what the bad rows of checks that have turned bad have in common: in their
// results, which are not recorded yet, and in the findings of their incidents.
func (t *tickRun) explain(ctx context.Context) error {
	a := t.agent
	if len(t.obscure) == 0 {
		return nil
	}
	env := checks.Env{Warehouse: t.plan.open, Clock: a.clock}
	explanations := checks.ExplainFailures(ctx, env, t.loop.name, t.obscure)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range explanations {
		if e.Note != "" {
			a.log.InfoContext(ctx, e.Note, "check", e.Check)
		}
		if e.Text == "" {
			continue
		}
		for i := range t.deferred.Results {
			if r := &t.deferred.Results[i]; r.Table == e.Table && r.Check == e.Check {
				Explain(r, e.Text)
			}
		}
		a.incidents.explainRows(e)
	}
	return nil
}

// Explain adds to the messages of a bad result what its bad rows have in common.
func Explain(r *sentinel.Result, text string) {
	r.Message = sentinel.Clip(r.Message + "; " + text)
	r.Findings = slices.Clone(r.Findings)
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Status.Bad() {
			f.Message = sentinel.Clip(f.Message + "; " + text)
		}
	}
}

// explainRows adds to the findings of a check what its bad rows have in common.
func (t *incidents) explainRows(e checks.Explanation) {
	i := t.open[e.Table]
	i.Findings = slices.Clone(i.Findings) // records that are not yet written share them
	found := false
	for n := range i.Findings {
		if f := &i.Findings[n]; f.Open() && !f.Monitor && f.Check == e.Check {
			f.Explanation, found = e.Text, true
			f.Message = f.Explained(f.Message)
		}
	}
	if found {
		t.open[e.Table] = notify.Summarize(i)
	}
}
