package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/store"
)

// poll limits how long a worker sleeps. Other agents and commands also write to the
// outbox, and cannot wake it.
const poll = 5 * time.Second

// bundleLimit limits the incidents of a notice, and so the size of the body.
const bundleLimit = 500

// worker sends the notices of one channel.
type worker struct {
	d       *Dispatcher
	channel Channel
	bucket  *bucket
	behind  bool          // a token had to be waited for: everything due leaves as one notice
	resend  time.Duration // 0: the channel forgets nothing
	resent  time.Time
}

func (w *worker) run(ctx context.Context, wake <-chan struct{}) {
	for {
		var idle time.Duration
		err := panics.Catch(func() (err error) {
			idle, err = w.step(ctx)
			return err
		})
		if err != nil && ctx.Err() == nil {
			w.d.problem(w.channel.Name, err)
			idle = poll
		}
		if !wait.Wake(ctx, wait.On(w.d.Clock, idle), wake) {
			return
		}
	}
}

// step sends at most one bundle and says how long nothing more is to be done.
func (w *worker) step(ctx context.Context) (idle time.Duration, err error) {
	now := w.d.Clock.Now()
	if err := w.refresh(ctx, now); err != nil {
		w.d.problem(w.channel.Name, err) // new notices are sent all the same
	}
	next, ok, err := w.d.Store.NextOutbox(ctx, w.channel.Name)
	if err != nil {
		return 0, err
	}
	idle = poll
	if ok {
		idle = min(idle, next.Sub(now))
	}
	if w.resend > 0 {
		idle = min(idle, w.resent.Add(w.resend).Sub(now))
	}
	if !ok || next.After(now) {
		w.behind = false
		return idle, nil
	}
	if dry := w.bucket.take(now); dry > 0 {
		w.behind = true
		return min(dry, poll), nil
	}
	b, ok, err := w.d.Store.ClaimOutbox(ctx, store.OutboxClaim{
		Channel: w.channel.Name,
		Now:     now,
		Until:   now.Add(w.d.lease()),
		Mixed:   w.behind,
		Limit:   bundleLimit,
	})
	if err != nil || !ok {
		return 0, err
	}
	return 0, w.send(ctx, b)
}

// send makes one try and stores its outcome, also when the program is ending.
func (w *worker) send(ctx context.Context, b store.OutboxBundle) error {
	n, err := w.notice(ctx, b)
	ref := ""
	if err == nil {
		ref, err = w.d.deliver(ctx, w.channel, n)
	}
	cut := err != nil && ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	now := w.d.Clock.Now()
	var after *RetryAfterError
	switch {
	case err == nil:
		w.d.sent(w.channel.Name, OutcomeSent)
		return w.d.Store.SentOutbox(ctx, b, ref, now)
	case cut:
		return w.d.Store.PostponeOutbox(ctx, b, now, errCut.Error())
	case isPermanent(err), b.Attempts >= w.d.Attempts && now.Sub(b.Since) >= w.d.GiveUp:
		w.d.sent(w.channel.Name, OutcomeDead)
		w.d.problem(w.channel.Name, fmt.Errorf("giving up %q after %d attempts: %w", n.Title(), b.Attempts, err))
		return errors.Join(w.d.Store.DeadLetterOutbox(ctx, b, now, err.Error()), w.d.fallBack(ctx, w.channel, b, err))
	}
	at := now.Add(w.backoff(b.Attempts))
	if errors.As(err, &after) {
		// No sooner than asked, and all agents not at the same instant.
		at = now.Add(after.After + min(w.backoff(b.Attempts), after.After/10))
	}
	w.d.sent(w.channel.Name, OutcomeRetried)
	again := at.UTC().Format(time.RFC3339)
	w.d.problem(w.channel.Name, fmt.Errorf("sending %q, attempt %d, next attempt at %s: %w",
		n.Title(), b.Attempts, again, err))
	return w.d.Store.PostponeOutbox(ctx, b, at, err.Error())
}

// backoff returns a random time up to a bound that doubles with every try ("full
// jitter", M. Brooker, Exponential Backoff and Jitter, 2015).
func (w *worker) backoff(attempts int) time.Duration {
	bound := w.d.Base
	for range attempts - 1 {
		if bound *= 2; bound >= w.d.Cap {
			break
		}
	}
	return time.Duration(w.d.Rand() * float64(min(bound, w.d.Cap)))
}

// notice makes the message of a bundle.
func (w *worker) notice(ctx context.Context, b store.OutboxBundle) (Notice, error) {
	n := Notice{Key: b.Key, At: w.d.Clock.Now(), URL: w.d.URL}
	for _, item := range b.Items {
		var stored note
		if err := json.Unmarshal(item.Notice, &stored); err != nil {
			return n, permanent("reading notice %s: %w", item.Key, err)
		}
		e := Entry{
			Kind: Kind(item.Kind), Incident: stored.Incident, Thread: item.Thread, Ref: item.Ref,
			Others: b.Others[item.Thread], Failed: stored.Failed, Late: stored.Late,
		}
		if stored.Samples {
			if err := w.addSamples(ctx, &e); err != nil {
				return n, err
			}
		}
		n.Entries = append(n.Entries, e)
		n.Trace = cmp.Or(n.Trace, stored.Trace)
	}
	n.Kind, n.Tier = n.Entries[0].Kind, tierOf(n.Entries)
	if b.Mixed {
		n.Kind = Digest
	}
	return n, nil
}

// refresh sends all open incidents again that a channel was notified of, to a channel
// that forgets them. It does not use the outbox: the next refresh repeats what gets
// lost. An incident that another agent has resolved meanwhile is sent as recovered.
func (w *worker) refresh(ctx context.Context, now time.Time) error {
	if w.resend == 0 || now.Sub(w.resent) < w.resend {
		return nil
	}
	w.resent = now
	n, err := w.open(ctx)
	if err != nil || len(n.Entries) == 0 {
		return err
	}
	if err := w.repeat(ctx, n); err != nil {
		return err
	}
	still, err := w.open(ctx)
	if err != nil {
		return err
	}
	n.Entries = slices.DeleteFunc(n.Entries, func(e Entry) bool {
		return slices.ContainsFunc(still.Entries, func(s Entry) bool { return s.Incident.ID == e.Incident.ID })
	})
	for at := range n.Entries {
		e := &n.Entries[at]
		i, ok, err := w.d.Store.Incident(ctx, e.Incident.ID)
		if err != nil {
			return err
		}
		if ok && i.State == sentinel.Resolved {
			e.Kind, e.Incident = Recovered, i
		}
	}
	if len(n.Entries) == 0 {
		return nil
	}
	return w.repeat(ctx, n)
}

// repeat makes one try outside of the outbox.
func (w *worker) repeat(ctx context.Context, n Notice) error {
	n.At, n.URL, n.Tier = w.d.Clock.Now(), w.d.URL, tierOf(n.Entries)
	ctx, cancel := context.WithTimeout(ctx, w.d.Timeout)
	defer cancel()
	if _, err := (Local{}).Deliver(ctx, w.channel, n); err != nil {
		return fmt.Errorf("resending open incidents: %w", err)
	}
	return nil
}

// open gathers the unresolved incidents that the channel was notified of.
func (w *worker) open(ctx context.Context) (Notice, error) {
	n := Notice{Kind: Refresh, Key: "refresh"}
	notified, err := w.d.Store.OutboxNotified(ctx, nil)
	if err != nil {
		return n, err
	}
	notified = slices.DeleteFunc(notified, func(t store.Notified) bool { return t.Channel != w.channel.Name || !t.Sent })
	if len(notified) == 0 {
		return n, nil
	}
	known := map[string]bool{}
	for _, t := range notified {
		known[t.Incident] = true
	}
	incidents, err := w.d.Store.OpenIncidents(ctx)
	for _, i := range incidents {
		if known[i.ID] {
			n.Entries = append(n.Entries, Entry{Kind: Refresh, Incident: i, Thread: i.ID})
		}
	}
	return n, err
}
