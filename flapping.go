package sentinel

import "time"

// Flapping says that an incident opens and resolves again and again. The zero value says
// that it does not.
type Flapping struct {
	Since  time.Time `json:"since,omitzero"`  // when the first of the episodes began
	Count  int       `json:"count,omitempty"` // episodes since then
	Latest time.Time `json:"latest,omitzero"` // when the latest of them began

	Escalated bool `json:"escalated,omitempty"` // people were notified that a person must act
}

// Told is how bad an incident was when people were notified.
type Told struct {
	Severity Status `json:"severity"`
	Tier     string `json:"tier"`
	Monitor  bool   `json:"monitor,omitempty"`
}

// On reports whether the incident flaps.
func (f Flapping) On() bool { return !f.Since.IsZero() }
