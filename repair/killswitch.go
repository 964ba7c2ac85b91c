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

// KillSwitchState says whether repairs are switched off for all agents of a store. It
// outlives restarts.
type KillSwitchState struct {
	Off bool      `json:"off"`
	Who string    `json:"who"` // decided; required
	Why string    `json:"why"`
	At  time.Time `json:"at"`
}

// The kind and the key under which a store keeps the kill switch.
const (
	killSwitchKind = "kill_switch"
	killSwitchKey  = "repairs"
)

// SetKillSwitch stops all repairs of a store at their next step, or lets them continue.
// One transaction writes the decision and its entry of the audit log: who decided it, and why.
func SetKillSwitch(ctx context.Context, s *store.Store, state KillSwitchState) error {
	if state.Who == "" {
		return errors.New("who: name the person who decides")
	}
	data, err := json.Marshal(state)
	if err != nil {
		return err
	}
	what := "repairs.on"
	if state.Off {
		what = "repairs.off"
	}
	entry := store.AuditEntry{At: state.At, Actor: state.Who, What: what, Subject: "repairs", Detail: state.Why}
	_, err = s.Record(ctx, store.Batch{
		States: []store.State{{Kind: killSwitchKind, Key: killSwitchKey, Data: data}},
		Audit:  []store.AuditEntry{entry},
	})
	return err
}

// ReadKillSwitch reports whether all repairs are stopped, and who stopped them and
// why. A store that cannot be read stops them too.
func ReadKillSwitch(ctx context.Context, s *store.Store) (why string, off bool) {
	data, ok, err := s.State(ctx, killSwitchKind, killSwitchKey)
	var t KillSwitchState
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

// StoredKillSwitch is the kill switch in the state that all agents share.
// [StoredKillSwitch.Configure] sets it for this agent alone.
type StoredKillSwitch struct {
	Store *store.Store
	off   atomic.Bool
}

// Configure sets the switch for this agent. With false only the state decides.
func (s *StoredKillSwitch) Configure(off bool) { s.off.Store(off) }

// Killed implements [KillSwitch].
func (s *StoredKillSwitch) Killed(ctx context.Context) bool {
	_, off := ReadKillSwitch(ctx, s.Store)
	return off || s.off.Load()
}
