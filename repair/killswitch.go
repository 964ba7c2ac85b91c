package repair

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sentinel-dq/sentinel/store"
)

// killSwitch is the kill switch as it is remembered: for all agents of a state, and
// over restarts.
type killSwitch struct {
	Off bool      `json:"off"`
	Who string    `json:"who"`
	Why string    `json:"why"`
	At  time.Time `json:"at"`
}

const killSwitchState = "kill_switch"

// SetKillSwitch stops all repairs of a state at their next step, or with off false lets
// them go on. Who and why are kept in the audit log.
func SetKillSwitch(ctx context.Context, s *store.Store, off bool, who, why string, now time.Time) error {
	if who == "" {
		return errors.New("who: say who decides")
	}
	data, err := json.Marshal(killSwitch{off, who, why, now})
	if err != nil {
		return err
	}
	if _, err := s.Record(ctx, store.Batch{States: []store.State{{Kind: killSwitchState, Key: "repairs",
		Data: data}}}); err != nil {
		return err
	}
	return s.AppendAudit(ctx, store.AuditEntry{At: now, Actor: who, What: map[bool]string{true: "repairs.off",
		false: "repairs.on"}[off], Subject: "repairs", Detail: why})
}

// ReadKillSwitch says who stopped all repairs, and why. A state that cannot be read
// stops them too: nothing is repaired blindly.
func ReadKillSwitch(ctx context.Context, s *store.Store) (why string, off bool) {
	data, ok, err := s.State(ctx, killSwitchState, "repairs")
	var t killSwitch
	if err == nil && ok {
		err = json.Unmarshal(data, &t)
	}
	switch {
	case err != nil:
		return "the state cannot be read: " + err.Error(), true
	case t.Off:
		return fmt.Sprintf("switched off by %s since %s: %s", t.Who, t.At.UTC().Format("2006-01-02 15:04 UTC"),
			cmp.Or(t.Why, "no reason given")), true
	}
	return "", false
}

// KillSwitch is a kill switch.
type KillSwitch interface {
	// Killed reports whether nothing more may be repaired.
	Killed(ctx context.Context) bool
}

// killed asks the engine's kill switch.
func (c Config) killed(ctx context.Context) bool {
	return c.KillSwitch != nil && c.KillSwitch.Killed(ctx)
}

// StoredKillSwitch is set by the state that all its agents share, or for this agent
// alone by [StoredSwitch.Configure].
type StoredKillSwitch struct {
	Store *store.Store
	off   atomic.Bool
}

// Configure sets the switch for this agent, or lets the state alone decide.
func (s *StoredKillSwitch) Configure(off bool) { s.off.Store(off) }

// Killed implements [Switch].
func (s *StoredKillSwitch) Killed(ctx context.Context) bool {
	_, off := ReadKillSwitch(ctx, s.Store)
	return off || s.off.Load()
}
