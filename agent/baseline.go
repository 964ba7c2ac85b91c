package agent

import (
	"context"
	"errors"
	"fmt"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/store"
)

// AcceptBaseline makes a snapshot of a table, as [checks.EncodeSnapshot] writes it, the
// baseline of a schema check from its next tick on. It may be called while the agent
// runs.
func (a *Agent) AcceptBaseline(ctx context.Context, check string, v store.Snapshot) error {
	if check == "" || v.AcceptedBy == "" {
		return errors.New("a baseline needs its check and the name of who accepts it")
	}
	if _, err := checks.DecodeSnapshot(v.Data); err != nil {
		return fmt.Errorf("accepting the baseline of %s: %w", check, err)
	}
	if err := a.store.AcceptBaseline(ctx, check, v); err != nil {
		return err
	}
	return a.store.AppendAudit(ctx, store.AuditEntry{
		At: a.now(), Actor: v.AcceptedBy, What: "baseline.accept", Subject: check, Detail: v.Why,
	})
}
