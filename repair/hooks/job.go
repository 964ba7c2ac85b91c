package hooks

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
)

// job is work that another system does under a name that Sentinel chose, so
// that it is found again by whoever looks next.
type job struct {
	Name  string // for people
	State jobState
	Why   string // of a failure, or of a wait
}

// hookTimeout is for one request of a hook; the job itself has a time of its own.
const hookTimeout = 30 * time.Second

type jobState int

const (
	jobAbsent jobState = iota
	jobRunning
	jobDone
	jobFailed
)

// followed is how a job is brought about: found by its name, asked for where it
// is not there, and looked at again for up to Timeout: every Poll at first, and
// then less often, for each look is saved.
type followed struct {
	Poll, Timeout time.Duration
	Find          func(ctx context.Context) (job, error)
	Submit        func(ctx context.Context) error
}

// step brings a job one step on. It is nil when the job is done, and a
// [RunningError] while it is not.
func (f followed) step(ctx context.Context, r *repair.Run, undo bool) error {
	j, err := f.Find(ctx)
	if err != nil {
		return err
	}
	asked := r.Repair.Asked
	switch {
	case j.State == jobAbsent && !asked.IsZero():
		return fmt.Errorf("%s is gone: it was removed before its end was seen", j.Name)
	case j.State == jobAbsent:
		if err := r.Alive(); err != nil {
			return err
		}
		if err := f.Submit(ctx); err != nil {
			return err
		}
		r.Reached(map[bool]string{false: "after_apply_commit", true: "after_rollback_commit"}[undo])
		return &repair.RunningError{What: j.Name + " was asked for", After: f.Poll}
	case j.State == jobDone:
		return nil
	case j.State == jobFailed:
		return fmt.Errorf("%s did not succeed: %s", j.Name, cmp.Or(j.Why, "it does not say why"))
	case !asked.IsZero() && r.Now().Sub(asked) >= f.Timeout:
		return fmt.Errorf("%s did not end within %s, and may still end: %s", j.Name, f.Timeout, cmp.Or(j.Why,
			"it is running"))
	}
	wait := f.Poll
	if !asked.IsZero() {
		wait = max(wait, r.Now().Sub(asked)/20)
	}
	return &repair.RunningError{What: j.Name + ": " + cmp.Or(j.Why, "running"), After: wait}
}

// positive refuses times that cannot be waited for.
func positive(timeout, poll time.Duration) error {
	if timeout < 0 {
		return settings.Wrong("timeout", "must be positive")
	}
	if poll < 0 {
		return settings.Wrong("poll", "must be positive")
	}
	return nil
}

// subject is what a job is for. It is part of the plan, without the
// repair's id, which is not known then.
type subject struct {
	Repair      string            `json:"repair,omitempty"`
	Incident    string            `json:"incident"`
	Check       string            `json:"check"`
	Table       string            `json:"table"`
	Finding     string            `json:"finding"`
	Message     string            `json:"message"`
	WindowStart string            `json:"window_start,omitempty"` // RFC 3339, inclusive; only where the check tells a window
	WindowEnd   string            `json:"window_end,omitempty"`   // exclusive
	Labels      map[string]string `json:"labels,omitempty"`
}

// about describes a trigger. The error says why it has no window.
func about(why repair.Trigger, bucket string) (subject, error) {
	i := why.Incident
	s := subject{Incident: i.ID, Check: i.Check, Table: i.Table.String(), Finding: i.Key, Message: i.Message,
		Labels: why.Labels}
	from, to, err := why.Window(bucket)
	if err == nil {
		s.WindowStart, s.WindowEnd = from.Format(time.RFC3339), to.Format(time.RFC3339)
	}
	return s, err
}

// fill puts what a job is for into a text's placeholders.
func (s subject) fill(text string) string {
	return strings.NewReplacer("{repair}", s.Repair, "{incident}", s.Incident, "{check}", s.Check, "{table}",
		s.Table, "{finding}", s.Finding,
		"{window_start}", s.WindowStart, "{window_end}", s.WindowEnd, "{day}", strings.Split(s.WindowStart,
			"T")[0]).Replace(text)
}

// windowed reports whether a text has a placeholder that needs a window.
func windowed(texts ...string) bool {
	return slices.ContainsFunc(texts, func(t string) bool {
		return strings.Contains(t, "{day}") ||
			strings.Contains(t, "{window_")
	})
}

// withID puts the repair's id into a planned request.
func withID(planned []byte, r *repair.Run) []byte {
	return bytes.ReplaceAll(planned, []byte("{repair}"), []byte(r.Repair.ID))
}

var placeholders = []string{"repair", "incident", "check", "table", "finding", "window_start", "window_end", "day"}

// named checks that every placeholder of a text is one that fill knows.
func named(field, text string) error {
	for _, part := range strings.Split(text, "{")[1:] {
		word, _, closed := strings.Cut(part, "}")
		if !closed || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz_") != "" {
			continue // JSON, not a placeholder
		}
		if !slices.Contains(placeholders, word) {
			return settings.Wrong(field, "unknown placeholder {%s}: want one of %s", word,
				strings.Join(placeholders, ", "))
		}
	}
	return nil
}

// namedAll checks the values of a map.
func namedAll(field string, m map[string]string) error {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if err := named(settings.Member(field, k), m[k]); err != nil {
			return err
		}
	}
	return nil
}

// hookPlan is what the plans of all followed jobs have in common.
func hookPlan(action string, why repair.Trigger, summary string, step sentinel.Step) sentinel.Plan {
	i := why.Incident
	return sentinel.Plan{
		Action: action, Table: i.Table, Finding: i.Key, Scope: i.Key, Summary: summary, Steps: []sentinel.Step{step},
		Class: sentinel.ClassAuto, Guarantee: sentinel.LookedUp, Rows: -1,
	}
}
