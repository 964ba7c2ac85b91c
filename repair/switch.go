package repair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel/store"
)

// thrown is the kill switch as it is remembered: for all agents of a state, and
// over restarts.
type thrown struct {
	Off bool      `json:"off"`
	Who string    `json:"who"`
	Why string    `json:"why"`
	At  time.Time `json:"at"`
}

const switchState = "kill_switch"

// Throw stops all repairs of a state at their next step, or with off false lets
// them go on. Who and why are kept in the audit log.
func Throw(ctx context.Context, s *store.Store, off bool, who, why string, now time.Time) error {
	if who == "" {
		return errors.New("who: say who decides")
	}
	data, err := json.Marshal(thrown{off, who, why, now})
	if err != nil {
		return err
	}
	if _, err := s.Record(ctx, store.Batch{States: []store.State{{Kind: switchState, Key: "repairs", Data: data}}}); err != nil {
		return err
	}
	return s.AppendAudit(ctx, store.AuditEntry{At: now, Actor: who, What: map[bool]string{true: "repairs.off", false: "repairs.on"}[off], Subject: "repairs", Detail: why})
}

// Thrown says who stopped all repairs, and why. A state that cannot be read
// stops them too: nothing is repaired blindly.
func Thrown(ctx context.Context, s *store.Store) (why string, off bool) {
	data, ok, err := s.State(ctx, switchState, "repairs")
	var t thrown
	if err == nil && ok {
		err = json.Unmarshal(data, &t)
	}
	switch {
	case err != nil:
		return "the state cannot be read: " + err.Error(), true
	case t.Off:
		return fmt.Sprintf("switched off by %s since %s: %s", t.Who, t.At.UTC().Format("2006-01-02 15:04 UTC"), orDefault(t.Why, "no reason given")), true
	}
	return "", false
}
