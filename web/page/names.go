package page

import (
	"context"
	"regexp"
	"slices"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/notify"
)

// somebody stands for a person where readers have not signed in. Whoever has a role is told who
// has decided; the audit log, which says the same, is for them alone, too.
const somebody = "somebody"

// decided matches what the agent writes of decisions: the word for it, and the name.
var decided = regexp.MustCompile(`\b(acknowledged|resolved|accepted as gone|accepted as dropped|approved|rejected|asked for|` +
	`silenced|switched off|was set) by (.*?)( since \d{4}-|: |$)`)

// unnamed leaves out who has decided of a text of the agent.
func unnamed(text string) string { return decided.ReplaceAllString(text, "$1 by "+somebody+"$3") }

// UnnamedIncident returns an incident for a request: as it is for those who have signed in, and
// without names of people for others.
func UnnamedIncident(ctx context.Context, i sentinel.Incident) sentinel.Incident {
	if access.Known(ctx) {
		return i
	}
	i.Note, i.Findings = unnamed(i.Note), slices.Clone(i.Findings)
	for n := range i.Findings {
		i.Findings[n].Note = unnamed(i.Findings[n].Note)
	}
	return i
}

// UnnamedRepair is [UnnamedIncident] for a repair.
func UnnamedRepair(ctx context.Context, r sentinel.Repair) sentinel.Repair {
	if access.Known(ctx) {
		return r
	}
	r.Message = unnamed(r.Message)
	if r.Approval != nil {
		approval := *r.Approval
		approval.By, r.Approval = somebody, &approval
	}
	return r
}

// UnnamedSilence is [UnnamedIncident] for a silence.
func UnnamedSilence(ctx context.Context, s notify.SilenceStatus) notify.SilenceStatus {
	if !access.Known(ctx) {
		s.Who = somebody
	}
	return s
}

// Unnamed applies one of the functions above to a list, which it changes.
func Unnamed[T any](ctx context.Context, all []T, one func(context.Context, T) T) []T {
	for n := range all {
		all[n] = one(ctx, all[n])
	}
	return all
}

// unnamedEvents leaves the people out of a timeline.
func unnamedEvents(ctx context.Context, all []event) []event {
	for n := range all {
		if all[n].Person && !access.Known(ctx) {
			all[n].Who = "Somebody"
		}
	}
	return all
}

// unnamedText is [unnamed] for a request.
func unnamedText(ctx context.Context, text string) string {
	if access.Known(ctx) {
		return text
	}
	return unnamed(text)
}
