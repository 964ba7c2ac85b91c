package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/store"
)

// instead marks the key of an item that another channel gave up before.
const instead = "/instead/"

// fallBack gives the notices of a bundle that a channel gave up to its fallback. What was
// given up there too is not passed on, so that notices do not go round.
func (d *Dispatcher) fallBack(ctx context.Context, c Channel, b store.OutboxBundle, why error) error {
	if c.Fallback == "" || c.Fallback == c.Name {
		return nil
	}
	now := d.Clock.Now()
	var items []store.OutboxItem
	for _, i := range b.Items {
		if strings.Contains(i.Key, instead) {
			continue
		}
		var n note
		if err := json.Unmarshal(i.Notice, &n); err != nil {
			return fmt.Errorf("reading notice %s: %w", i.Key, err)
		}
		n.Failed = clip(flat(c.Name+" did not take it: "+why.Error()), longestFact)
		data, err := json.Marshal(n)
		if err != nil {
			return fmt.Errorf("writing notice %s: %w", i.Key, err)
		}
		items = append(items, store.OutboxItem{
			Key: i.Key + instead + c.Name, Channel: c.Fallback, Incident: i.Incident, Upstream: i.Upstream,
			Kind: i.Kind, Group: i.Group, NextAt: now, Created: now, Notice: data,
		})
	}
	return d.enqueue(ctx, items)
}

// DeadLetterDecision is what a person decides about notifications that were given up.
type DeadLetterDecision struct {
	What string // retry or drop
	store.DeadLetters
	Who, Why string
}

// longestPause bounds the time between notices of one incident that are given up.
const longestPause = 24 * time.Hour

// pause returns how long after the n-th notice of an incident that a channel gave up the
// next one is sent: the time of a reminder, doubled with each, up to a day.
func (r *Route) pause(n int) time.Duration {
	wait := r.repeat()
	if wait == 0 { // there are no reminders, but nobody was notified yet
		wait = *routeDefaults.Repeat
	}
	for range n - 1 {
		if wait *= 2; wait >= longestPause {
			break
		}
	}
	return min(wait, max(longestPause, r.repeat()))
}
