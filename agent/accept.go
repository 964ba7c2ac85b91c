package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/store"
)

// AcceptSegments accepts that segments of a check are gone. The check forgets them from
// its next tick on, and their findings end. It returns the names.
func (a *Agent) AcceptSegments(ctx context.Context, v store.Acceptance) ([]string, error) {
	if v.Check == "" || v.Who == "" {
		return nil, errors.New("accepting segments needs the check and the name of who accepts")
	}
	if !a.started() {
		return nil, ErrNotStarted
	}
	memory, stored, err := RememberedSegments(ctx, a.store, v.Check)
	if err != nil {
		return nil, err
	}
	accepted := checks.AcceptedSegments{}
	if len(stored.Accepted) > 0 {
		if err := json.Unmarshal(stored.Accepted, &accepted); err != nil {
			return nil, fmt.Errorf("decoding the accepted segments of %s: %w", v.Check, err)
		}
	}
	var names []string
	for _, k := range memory {
		if !k.Gone.IsZero() && (len(v.Segments) == 0 || slices.Contains(v.Segments, k.Name)) {
			names = append(names, k.Name)
			accepted[k.Name] = k.First
		}
	}
	for _, s := range v.Segments {
		if !slices.Contains(names, s) {
			return nil, fmt.Errorf("%s has no segment %q that is gone: `sentinel segments list` shows them", v.Check, s)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no segment of %s is gone", v.Check)
	}
	// What was accepted stays accepted until the check has forgotten it.
	all, err := checks.StoredSegments{Memory: stored.Memory}.Decode()
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(accepted, func(name string, _ time.Time) bool {
		return !slices.ContainsFunc(all.Known, func(k checks.KnownSegment) bool { return k.Name == name })
	})
	data, err := json.Marshal(accepted)
	if err != nil {
		return nil, err
	}
	rec := a.acceptSegments(ctx, v, names, store.State{Kind: acceptedState, Key: v.Check, Data: data})
	a.logChanges(rec)
	return names, a.recorder.wait(ctx, rec)
}

// acceptSegments ends the findings of the segments, and submits the record.
func (a *Agent) acceptSegments(ctx context.Context, v store.Acceptance, names []string, accepted store.State) *record {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now().UTC().Truncate(time.Second)
	batch := store.Batch{States: []store.State{accepted}}
	why := "accepted as gone by " + v.Who
	batch.Incidents = a.incidents.end(why, now, func(_ sentinel.Table, f sentinel.IncidentFinding) bool {
		return f.Check == v.Check && slices.Contains(names, sentinel.SegmentOf(f.Key))
	})
	entry := store.AuditEntry{At: a.now(), Actor: v.Who, What: "segments.accept", Subject: v.Check,
		Detail: fmt.Sprintf("%q: %s", names, v.Why)}
	return a.submit(ctx, batch, a.incidents.takeChanges(), entry)
}

// RememberedSegments returns the segments that a check remembers, and their stored form.
func RememberedSegments(
	ctx context.Context, s *store.Store, check string,
) ([]checks.KnownSegment, checks.StoredSegments, error) {
	all, err := NewHistory(s).Segments(ctx, []string{check})
	if err != nil {
		return nil, checks.StoredSegments{}, err
	}
	m, err := all[check].Decode()
	if err != nil || m == nil {
		return nil, all[check], err
	}
	return m.Known, all[check], nil
}
