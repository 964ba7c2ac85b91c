package hooks

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/settings"
)

// payload says what a job is for. It is part of the plan, and has no repair id, which
// is not known yet.
type payload struct {
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

// payloadOf describes a trigger. The error says why the trigger has no window.
func payloadOf(trigger repair.Trigger, bucket string) (payload, error) {
	i := trigger.Incident
	s := payload{Incident: i.ID, Check: i.Check, Table: i.Table.String(), Finding: i.Key, Message: i.Message,
		Labels: trigger.Labels}
	window, err := trigger.Window(bucket, false)
	if err == nil {
		s.WindowStart, s.WindowEnd = window.From.Format(time.RFC3339), window.To.Format(time.RFC3339)
	}
	return s, err
}

// fill puts what a job is for into a text's placeholders.
func (s payload) fill(text string) string {
	return strings.NewReplacer("{repair}", s.Repair, "{incident}", s.Incident, "{check}", s.Check, "{table}",
		s.Table, "{finding}", s.Finding,
		"{window_start}", s.WindowStart, "{window_end}", s.WindowEnd, "{day}", strings.Split(s.WindowStart,
			"T")[0]).Replace(text)
}

// needsWindow reports whether a text has a placeholder that needs a window.
func needsWindow(texts ...string) bool {
	return slices.ContainsFunc(texts, func(t string) bool {
		return strings.Contains(t, "{day}") ||
			strings.Contains(t, "{window_")
	})
}

// fillRepairID puts the repair's id into a planned request.
func fillRepairID(planned []byte, run *repair.Run) []byte {
	return bytes.ReplaceAll(planned, []byte("{repair}"), []byte(run.Repair.ID))
}

var placeholders = []string{"repair", "incident", "check", "table", "finding", "window_start", "window_end", "day"}

// checkPlaceholders checks that every placeholder of a text is one that fill knows.
func checkPlaceholders(field, text string) error {
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

// checkAllPlaceholders checks the values of a map.
func checkAllPlaceholders(field string, m map[string]string) error {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if err := checkPlaceholders(settings.Member(field, k), m[k]); err != nil {
			return err
		}
	}
	return nil
}
