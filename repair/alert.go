package repair

import (
	"context"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// Alert is a firing alert of Alertmanager.
type Alert struct {
	Name        string
	Fingerprint string    // of its labels; "" is made from them
	Start       time.Time // when it began to fire
	Labels      map[string]string
}

// Occasion identifies the alert from its start to its end, however often it is sent.
func (a Alert) Occasion() string {
	labels := a.Fingerprint
	if labels == "" {
		h := fnv.New64a()
		for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
			fmt.Fprintf(h, "%q=%q,", name, a.Labels[name])
		}
		labels = hex.EncodeToString(h.Sum(nil))
	}
	return fmt.Sprintf("alert-%s-%d", labels, a.Start.UnixMilli())
}

// WantedBy returns the policies that name an alert, whatever their tables are.
func (e *Engine) WantedBy(alert string) (out []*Policy) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.policies {
		if p.Mode != Off && slices.Contains(p.On, "alert."+alert) {
			out = append(out, p)
		}
	}
	return out
}

// PlannedFor returns the repair that a policy has made for an occasion; nil for none. See
// [Trigger.Occasion].
func (e *Engine) PlannedFor(ctx context.Context, p *Policy, occasion string) (*sentinel.Repair, error) {
	found, err := e.Store.Repairs(ctx, store.RepairFilter{ID: occasionID(p, occasion)})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// occasionID is the id of the one repair that a policy makes for an occasion. All agents
// make the same id, so that the store keeps one repair. What a policy only planned in
// shadow is planned again when it may act.
func occasionID(p *Policy, occasion string) string {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s|%t|%s", p.ID, p.Mode == Shadow, occasion)
	return "ra" + hex.EncodeToString(h.Sum(nil))
}
