package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// ErrUnrecorded says that a decision is in force, and that it is recorded as soon as the state
// can be written. An agent that ends before does not know of it any more.
var ErrUnrecorded = errors.New("it is in force, and not recorded yet")

// recorded waits until what was decided is recorded.
func (a *Agent) recorded(ctx context.Context, rec *record) error {
	if err := a.recorder.wait(ctx, rec); err != nil {
		return fmt.Errorf("%w: %w", ErrUnrecorded, err)
	}
	return nil
}

// longestNote bounds what a person writes about an incident, in bytes.
const longestNote = 4000

// writeNote adds a person's words to an incident, resolved or not. They are in the audit log.
func (a *Agent) writeNote(ctx context.Context, id, who, text string) (sentinel.Incident, error) {
	if text == "" || len(text) > longestNote {
		return sentinel.Incident{}, fmt.Errorf("why: want the note, of at most %d bytes", longestNote)
	}
	i, ok, err := a.store.Incident(ctx, id)
	if err != nil {
		return i, err
	}
	if !ok {
		return i, fmt.Errorf("there is no incident %q: `sentinel incidents list --all` shows all of them", id)
	}
	entry := store.AuditEntry{At: a.now(), Actor: who, What: "incident.note", Subject: id, Detail: text}
	return i, a.store.AppendAudit(ctx, entry)
}
