package agent

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/store"
)

// sampleKeyState is the kind of the state that holds the key of hashed values.
const sampleKeyState = "sample_key"

// turned remembers the checks of a dataset that have turned bad, and whose bad rows are kept or
// explained. Each check of the list has one result.
func (t *tickRun) turned(o checks.Outcome, list []*Check) {
	sampled, explained := o.Job, checks.Outcome{Job: o.Job}
	sampled.Checks, explained.Job.Checks = nil, nil
	for i, c := range list {
		r := &o.Results[i]
		if c.Common().Samples == nil || !r.Status.Bad() || !t.agent.incidents.turnedBad(r.Table, r.Check) {
			continue
		}
		sampled.Checks = append(sampled.Checks, c.Check)
		if checks.Explains(c.Check) {
			explained.Job.Checks = append(explained.Job.Checks, c.Check)
			explained.Results = append(explained.Results, *r)
		}
	}
	if len(sampled.Checks) > 0 {
		t.bad = append(t.bad, sampled)
	}
	if len(explained.Results) > 0 {
		t.obscure = append(t.obscure, explained)
	}
}

// turnedBad reports whether all open findings of a check have begun with its last result.
func (t *incidents) turnedBad(table sentinel.Table, check string) (begun bool) {
	for _, f := range t.open[table].Findings {
		if f.Open() && f.Check == check && !f.Monitor {
			if f.Ticks > 1 {
				return false
			}
			begun = true
		}
	}
	return begun
}

// sample takes samples of the bad rows of checks that have turned bad. They are recorded with
// the changed incidents.
func (t *tickRun) sample(ctx context.Context) error {
	a := t.agent
	if len(t.bad) == 0 {
		return nil
	}
	key, err := a.sampleKey(ctx)
	if err != nil {
		return err
	}
	env := checks.Env{Warehouse: t.plan.open, Clock: a.clock}
	samples := checks.TakeSamples(ctx, env, t.loop.name, t.bad, key)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range samples {
		s.Incident = a.incidents.open[s.Table].ID
		if s.Note != "" {
			a.log.InfoContext(ctx, s.Note, "check", s.Check)
		}
		data, err := json.Marshal(s)
		if err != nil {
			return err
		}
		t.deferred.States = append(t.deferred.States,
			store.State{Kind: store.SampleState, Key: s.Incident + "/" + s.Check, Data: data})
	}
	return nil
}

// sampleKey returns the key of hashed values. It is made once, of random bytes.
func (a *Agent) sampleKey(ctx context.Context) ([]byte, error) {
	key, ok, err := a.store.State(ctx, sampleKeyState, "")
	if ok || err != nil {
		return key, err
	}
	key = make([]byte, 32)
	rand.Read(key) // it never fails
	_, err = a.store.Record(ctx, store.Batch{States: []store.State{{Kind: sampleKeyState, Data: key}}})
	return key, err
}

// expireSamples forgets the samples of incidents that were resolved long enough ago, or are
// not known any more.
func (a *Agent) expireSamples(ctx context.Context, now time.Time) error {
	samples, err := a.store.Samples(ctx, "")
	if err != nil {
		return err
	}
	var old []sentinel.Sample
	known := map[string]sentinel.Incident{}
	for _, s := range samples {
		i, looked := known[s.Incident]
		if !looked {
			if i, _, err = a.store.Incident(ctx, s.Incident); err != nil {
				return err
			}
			known[s.Incident] = i
		}
		if i.ID == "" || i.State == sentinel.Resolved && !now.Before(i.Resolved.Add(s.Keep)) {
			old = append(old, s)
		}
	}
	_, err = a.store.ForgetSamples(ctx, old)
	return err
}

// forgetSamples removes the samples of an incident now, and says in the audit log who wanted
// it. An incident without samples is no error.
func (a *Agent) forgetSamples(ctx context.Context, id, who, why string) (sentinel.Incident, error) {
	if !a.started() {
		return sentinel.Incident{}, ErrNotStarted
	}
	i, ok, err := a.store.Incident(ctx, id)
	if err == nil && !ok {
		err = errors.New("there is no incident " + strings.TrimSpace(id) + ": `sentinel incidents list --all` shows all of them")
	}
	if err != nil {
		return i, err
	}
	entry := store.AuditEntry{At: a.now(), Actor: who, What: "incident.forget", Subject: id, Detail: why}
	_, err = a.store.ForgetIncident(ctx, i.ID, entry)
	return i, err
}
