package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// silenceState is the kind of the states of silences in the store.
const silenceState = "silence"

// mostSilences is how many silences may be in force at once.
const mostSilences = 1000

// maxSilence returns the longest silence that may be set.
func (a *Agent) maxSilence() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.notifications == nil {
		return notify.DefaultMaxSilence
	}
	return cmp.Or(a.notifications.MaxSilence, notify.DefaultMaxSilence)
}

// Silence adds a silence, which is in force at once. Silence waits until it is
// recorded. If ctx ends first, the error is [ErrUnrecorded], and the silence is recorded
// later. Silence returns [ErrNotStarted] before the agent has read its store.
func (a *Agent) Silence(ctx context.Context, s notify.Silence) error {
	if err := errors.Join(s.Validate(), s.Within(a.maxSilence())); err != nil {
		return err
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	rec, err := a.addSilence(ctx, s, data)
	if err != nil {
		return err
	}
	return a.recorded(ctx, rec)
}

// addSilence puts a silence in force, and submits the record of it. data is the encoded
// silence.
func (a *Agent) addSilence(ctx context.Context, s notify.Silence, data []byte) (*record, error) {
	batch := store.Batch{States: []store.State{{Kind: silenceState, Key: s.ID, Data: data}}}
	entry := store.AuditEntry{At: a.now(), Actor: s.Who, What: "silence.set", Subject: s.ID, Detail: string(data)}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.recorder == nil {
		return nil, ErrNotStarted
	}
	now := a.now()
	a.silences = slices.DeleteFunc(slices.Clone(a.silences), func(o notify.Silence) bool {
		return now.Sub(o.Until) > notify.ExpiresSoon // what ended is reported with the reason
	})
	if len(a.silences) >= mostSilences {
		return nil, fmt.Errorf("%d silences are in force: end some of them first (sentinel silence list)", mostSilences)
	}
	if slices.ContainsFunc(a.silences, func(o notify.Silence) bool { return o.ID == s.ID }) {
		return nil, fmt.Errorf("there is a silence %q already: give another id, or none", s.ID)
	}
	a.silences = append(a.silences, s)
	a.countSilences()
	return a.submit(ctx, batch, nil, entry), nil
}

// EndSilence ends a silence now. It waits until that is recorded, as [Agent.Silence] does.
func (a *Agent) EndSilence(ctx context.Context, id, who, why string) (notify.Silence, error) {
	if who == "" {
		return notify.Silence{}, errors.New("who: name the person who ends the silence")
	}
	ended, rec, err := a.removeSilence(ctx, id, who, why)
	if err != nil {
		return ended, err
	}
	return ended, a.recorded(ctx, rec)
}

// removeSilence puts a silence out of force, and submits the record of it.
func (a *Agent) removeSilence(ctx context.Context, id, who, why string) (notify.Silence, *record, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.recorder == nil {
		return notify.Silence{}, nil, ErrNotStarted
	}
	now := a.now()
	at := slices.IndexFunc(a.silences, func(s notify.Silence) bool { return s.ID == id && now.Before(s.Until) })
	if at < 0 {
		return notify.Silence{}, nil, fmt.Errorf("there is no silence %q in force: "+
			"`sentinel silence list` shows those that are", id)
	}
	s := a.silences[at]
	s.Until = now.UTC()
	data, err := json.Marshal(s)
	if err != nil {
		return s, nil, err
	}
	a.silences = slices.Clone(a.silences)
	a.silences[at] = s
	a.countSilences()
	batch := store.Batch{States: []store.State{{Kind: silenceState, Key: id, Data: data}}}
	entry := store.AuditEntry{At: now, Actor: who, What: "silence.end", Subject: id, Detail: why}
	return s, a.submit(ctx, batch, nil, entry), nil
}

// Silences returns the silences that have not ended, the one that ends first before the
// others.
func (a *Agent) Silences(ctx context.Context) ([]notify.SilenceStatus, error) {
	if !a.started() {
		return nil, ErrNotStarted
	}
	a.mu.Lock()
	silences, now := slices.Clone(a.silences), a.now()
	targets := silenceTargets(a.datasets)
	a.mu.Unlock()
	if targets == nil { // no agent runs, or its datasets are not resolved yet
		last, err := a.store.LastResults(ctx, store.Filter{})
		if err != nil {
			return nil, err
		}
		for _, r := range last {
			targets = append(targets, silenceTarget{sentinel.Incident{Table: r.Table, Check: r.Check}, false})
		}
	}
	slices.SortStableFunc(silences, func(a, b notify.Silence) int { return a.Until.Compare(b.Until) })
	all := []notify.SilenceStatus{}
	for _, s := range silences {
		if now.Before(s.Until) {
			all = append(all, a.silenceStatus(s, targets, now))
		}
	}
	return all, nil
}

// silenceTarget is a check that a silence may be about. It has the tags, the tier and the owner if it
// is configured.
type silenceTarget struct {
	sentinel.Incident
	configured bool
}

// silenceTargets returns the checks of datasets.
func silenceTargets(datasets []Dataset) (all []silenceTarget) {
	for _, d := range datasets {
		for _, c := range d.Checks {
			i := sentinel.Incident{Table: d.Table, Check: c.Common().ID, Tier: c.Meta.Tier, Owner: c.Meta.Owner, Tags: c.Meta.Tags}
			all = append(all, silenceTarget{i, true})
		}
	}
	return all
}

// silenceStatus says how a silence stands.
func (a *Agent) silenceStatus(s notify.Silence, targets []silenceTarget, now time.Time) notify.SilenceStatus {
	status := notify.SilenceStatus{Silence: s, Active: s.Active(now)}
	if s.Incident != "" {
		a.mu.Lock()
		_, open := a.incidents.find(s.Incident)
		a.mu.Unlock()
		if open {
			status.Matches = 1
		} else {
			status.Warning = "it matches nothing: no open incident has this id"
		}
		return status
	}
	matched, seen := map[sentinel.Table]bool{}, map[sentinel.Table]bool{}
	for _, t := range targets {
		seen[t.Table] = true
		of := s
		if !t.configured {
			of.Tag, of.Tier, of.Owner = "", "", "" // not known here
		}
		if of.Covers(t.Incident) {
			matched[t.Table] = true
		}
	}
	status.Matches = len(matched)
	if len(seen) > 0 && len(matched) == 0 {
		status.Warning = fmt.Sprintf("it matches nothing: none of the checks of %d datasets", len(seen))
	}
	return status
}

// watchSilences exports how many silences match nothing, and logs once of each that it
// matches nothing, or that it ends soon while it hides an incident. logged has what was
// said of which silence.
func (a *Agent) watchSilences(ctx context.Context, logged map[string]bool) {
	silences, err := a.Silences(ctx)
	if err != nil {
		if ctx.Err() == nil {
			a.log.Error("reading the silences", "error", err)
		}
		return
	}
	now, unmatched := a.now(), 0
	once := func(id, what string, args ...any) {
		if !logged[id+what] {
			logged[id+what] = true
			a.log.WarnContext(ctx, what, append([]any{"silence", id}, args...)...)
		}
	}
	for _, s := range silences {
		if s.Warning != "" {
			unmatched++
			once(s.ID, "a silence matches nothing", "what", s.What(), "who", s.Who, "why", s.Why)
		}
		if hidden := a.hiddenBy(s.Silence, now); hidden > 0 && s.Until.Sub(now) < notify.ExpiresSoon {
			once(s.ID, "a silence ends soon, and people are notified then", "until", s.Until, "incidents", hidden,
				"what", s.What(), "who", s.Who, "why", s.Why)
		}
	}
	a.metrics.Set(exporters.SilencesUnmatched, float64(unmatched))
}

// hiddenBy counts the open incidents of which a silence hides a finding that nothing else will
// hide when it ends. Acknowledged ones do not count: nobody is notified of them then.
func (a *Agent) hiddenBy(s notify.Silence, now time.Time) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, i := range a.incidents.open {
		freed := func(p sentinel.Incident) bool {
			_, quiet := a.withheld(p, s.Until)
			return s.Suppresses(p, now) && !quiet
		}
		if i.State != sentinel.Resolved && i.Standing() != sentinel.Acknowledged && slices.ContainsFunc(i.Parts(), freed) {
			n++
		}
	}
	return n
}

// loadSilences reads the silences that have not expired.
func (a *Agent) loadSilences(ctx context.Context) ([]notify.Silence, error) {
	states, err := a.store.States(ctx, silenceState)
	var out []notify.Silence
	for _, s := range states {
		var v notify.Silence
		if err := json.Unmarshal(s.Data, &v); err != nil {
			a.log.Warn("ignoring a damaged silence", "silence", s.Key, "error", err)
			continue
		}
		if a.now().Sub(v.Until) <= notify.ExpiresSoon {
			out = append(out, v)
		}
	}
	return out, err
}

// rereadSilences takes what another process has set or ended in the state. What waits here
// to be written stays: of two ends of a silence the earlier one counts.
func (a *Agent) rereadSilences(ctx context.Context) {
	stored, err := a.loadSilences(ctx)
	if err != nil {
		if ctx.Err() == nil {
			a.log.Error("reading the silences", "error", err)
		}
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.silences = slices.Clone(a.silences)
	for _, s := range stored {
		at := slices.IndexFunc(a.silences, func(o notify.Silence) bool { return o.ID == s.ID })
		switch {
		case at < 0:
			a.silences = append(a.silences, s)
		case s.Until.Before(a.silences[at].Until):
			a.silences[at] = s
		}
	}
}
