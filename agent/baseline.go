package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/store"
)

// AcceptBaselines makes snapshots of tables the baselines of schema checks from their next
// tick on. It accepts all of them or none. accepted is by check id, and each snapshot has
// the form that [checks.EncodeSnapshot] writes. AcceptBaselines may be called while the
// agent runs.
func (a *Agent) AcceptBaselines(ctx context.Context, accepted map[string]store.Snapshot) error {
	entry := store.AuditEntry{At: a.now(), What: "baseline.accept"}
	ids := slices.Sorted(maps.Keys(accepted))
	for _, id := range ids {
		v := accepted[id]
		if id == "" || v.AcceptedBy == "" {
			return errors.New("a baseline needs its check and the name of who accepts it")
		}
		if _, err := checks.DecodeSnapshot(v.Data); err != nil {
			return fmt.Errorf("accepting the baseline of %s: %w", id, err)
		}
		entry.Actor, entry.Detail = v.AcceptedBy, v.Why
	}
	if len(ids) == 0 {
		return nil
	}
	entry.Subject = strings.Join(ids, ", ")
	return a.store.AcceptBaselines(ctx, accepted, entry)
}
