package agent

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
)

// played plays random results of several checks and segments of two datasets, and holds
// what becomes of them to the laws of incidents. It keeps its own account of which
// findings are bad.
type played struct {
	*testing.T
	*rand.Rand
	in     *incidents
	policy *randomPolicy
	now    time.Time
	bad    map[sentinel.Table]map[findingKey]sentinel.Status // what must be open
	errors map[string]int
	seen   map[string]sentinel.Incident // by id, as it was last recorded
	kinds  map[string]notify.Kind       // by id and number of the transition
	last   map[sentinel.Table]notify.Kind
	flaps  map[sentinel.Table]bool
}

// randomPolicy silences a check, and repairs another one.
type randomPolicy struct{ silenced, repaired string }

func (*randomPolicy) flaps() notify.Flaps { return notify.Flaps{}.OrDefault() }

func (p *randomPolicy) suppressed(i sentinel.Incident, _ time.Time) (why string, ok bool) {
	for _, part := range i.Parts() {
		if !strings.HasSuffix(part.Check, "/"+p.silenced) {
			return "", false
		}
	}
	return "silenced", true
}

func (p *randomPolicy) repairedFirst(part sentinel.Incident) bool {
	return strings.HasSuffix(part.Check, "/"+p.repaired)
}

func TestLawsOfIncidents(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			policy := &randomPolicy{}
			h := &played{
				T: t, Rand: rand.New(rand.NewPCG(seed, 1)), in: newIncidents(nil, policy), policy: policy,
				now:    time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
				bad:    map[sentinel.Table]map[findingKey]sentinel.Status{table("a"): {}, table("b"): {}},
				errors: map[string]int{},
				seen:   map[string]sentinel.Incident{},
				kinds:  map[string]notify.Kind{},
				last:   map[sentinel.Table]notify.Kind{},
				flaps:  map[sentinel.Table]bool{},
			}
			h.in.upstreams = map[sentinel.Table][]sentinel.Table{table("b"): {table("a")}}
			for range 60 {
				h.step()
			}
		})
	}
}

// step is one tick, or what a person or a repair does between two.
func (h *played) step() {
	h.now = h.now.Add(time.Duration(1+h.IntN(40)) * time.Minute)
	h.policy.silenced = []string{"", "", "rows", "day"}[h.IntN(4)]
	h.policy.repaired = []string{"", "day"}[h.IntN(2)]
	of := table([]string{"a", "b"}[h.IntN(2)])
	var changed []sentinel.Incident
	switch i, open := h.in.open[of]; {
	case h.IntN(8) == 0 && open && i.State != sentinel.Resolved:
		changed = h.decide(i)
	case h.IntN(12) == 0:
		h.bad[of] = map[findingKey]sentinel.Status{}
		changed = h.in.end("not configured", h.now, func(t sentinel.Table, _ sentinel.IncidentFinding) bool { return t == of })
	default:
		for range 1 + h.IntN(3) {
			h.in.update(h.result(of), Meta{Tier: []string{"critical", "info"}[h.IntN(2)]})
		}
		changed = h.in.settle(of)
	}
	h.record(of, changed)
}

// decide is what a person or a repair does to an open incident.
func (h *played) decide(i sentinel.Incident) []sentinel.Incident {
	switch h.IntN(4) {
	case 0:
		h.bad[i.Table] = map[findingKey]sentinel.Status{}
		got, err := h.in.decide(i.ID, sentinel.Resolved, "by hand", h.now)
		if err != nil {
			h.Fatal(err)
		}
		return []sentinel.Incident{got}
	case 1:
		got, err := h.in.decide(i.ID, sentinel.Acknowledged, "seen", h.now)
		if err != nil {
			h.Fatal(err)
		}
		return []sentinel.Incident{got}
	}
	states := []sentinel.IncidentState{sentinel.Repairing, sentinel.Verifying, sentinel.Escalated, sentinel.Open}
	if got, ok := h.in.set(i.ID, states[h.IntN(len(states))], "repair"); ok {
		return []sentinel.Incident{got}
	}
	return nil
}

// result makes a result of a check, and notes what it says.
func (h *played) result(of sentinel.Table) sentinel.Result {
	check := of.Name + []string{"/rows", "/day", "/fresh"}[h.IntN(3)]
	r := sentinel.Result{Check: check, Kind: "row_count", Table: of, Tick: h.now}
	account := h.bad[of]
	switch h.IntN(6) {
	case 0:
		r.Status, r.Message = sentinel.Error, "down"
		if h.errors[check]++; h.errors[check] >= monitorAfter {
			account[findingKey{check, monitorKey}] = sentinel.Error
		}
		return r
	case 1:
		r.Status = sentinel.Unknown
		h.errors[check] = 0
		delete(account, findingKey{check, monitorKey})
		return r
	}
	h.errors[check] = 0
	for key := range account {
		if key.check == check {
			delete(account, key)
		}
	}
	for _, key := range []string{"", "country=DE", "country=FR"} {
		r.Observations = append(r.Observations, sentinel.Observation{Metric: "row_count", Segment: key, Value: sentinel.Int(1)})
		if h.IntN(3) == 0 {
			status := []sentinel.Status{sentinel.Warn, sentinel.Fail}[h.IntN(2)]
			account[findingKey{check, key}] = status
			r.Findings = append(r.Findings, sentinel.Finding{Key: key, Status: status, Message: key})
		}
	}
	r.Status = sentinel.Worst(r.Findings)
	return r
}

// record checks what has changed, and the transitions.
func (h *played) record(of sentinel.Table, changed []sentinel.Incident) {
	h.Helper()
	for _, i := range changed {
		h.check(i)
		h.seen[i.ID] = i
	}
	for _, c := range h.in.takeChanges() {
		key := fmt.Sprint(c.Incident.ID, "/", c.Incident.Transitions)
		if was, twice := h.kinds[key]; twice {
			h.Errorf("transition %s has the kinds %s and %s", key, was, c.Kind)
		}
		h.kinds[key] = c.Kind
		last := h.last[c.Incident.Table]
		// An incident that flaps ends without a transition, or settles with "reopened".
		ended := last == notify.Recovered || last == "" || h.flaps[c.Incident.Table]
		if begins := c.Kind == notify.Opened || c.Kind == notify.Reopened || c.Kind == notify.Flapping; begins != ended &&
			!h.flaps[c.Incident.Table] {
			h.Errorf("%s comes after %q", c.Kind, last)
		}
		h.last[c.Incident.Table], h.flaps[c.Incident.Table] = c.Kind, c.Incident.Flapping.On()
		if stored := h.seen[c.Incident.ID]; stored.Transitions != c.Incident.Transitions {
			h.Errorf("transition %d of %s is notified, %d is recorded", c.Incident.Transitions, c.Incident.ID, stored.Transitions)
		}
	}
	open := 0
	for _, i := range h.seen {
		if i.Table == of && i.State != sentinel.Resolved {
			open++
		}
	}
	want := 0
	if len(h.bad[of]) > 0 {
		want = 1
	}
	if open != want {
		h.Errorf("%d open incidents of %s, want %d", open, of, want)
	}
	i := h.in.open[of]
	var got []findingKey
	for _, f := range i.OpenFindings() {
		got = append(got, findingKey{f.Check, f.Key})
		if f.Severity != h.bad[of][findingKey{f.Check, f.Key}] {
			h.Errorf("%s is %s, want %s", f.Key, f.Severity, h.bad[of][findingKey{f.Check, f.Key}])
		}
	}
	if len(got) != len(h.bad[of]) {
		h.Errorf("open findings %v, want %v", got, h.bad[of])
	}
}

// check holds one incident to the laws.
func (h *played) check(i sentinel.Incident) {
	h.Helper()
	open := i.OpenFindings()
	if (i.State == sentinel.Resolved) != (len(open) == 0) || (i.State == sentinel.Resolved) != !i.Resolved.IsZero() {
		h.Errorf("%s is %s, resolved %s, with %d open findings", i.ID, i.State, i.Resolved, len(open))
	}
	if !i.Resolved.IsZero() && i.Resolved.Before(i.Opened) || i.LastGood.After(i.Opened) {
		h.Errorf("%s: opened %s, last good %s, resolved %s", i.ID, i.Opened, i.LastGood, i.Resolved)
	}
	seen := map[findingKey]bool{}
	for _, f := range i.Findings {
		key := findingKey{f.Check, f.Key}
		if seen[key] {
			h.Errorf("%s has %v twice", i.ID, key)
		}
		seen[key] = true
		if !f.Open() && f.Resolved.Before(f.Opened) || f.LastGood.After(f.Opened) || f.Opened.Before(i.Opened) {
			h.Errorf("%s, opened %s: finding %v: opened %s, last good %s, resolved %s",
				i.ID, i.Opened, key, f.Opened, f.LastGood, f.Resolved)
		}
	}
	if len(open) == 0 {
		return
	}
	worst := sentinel.Pass
	quiet := !slices.ContainsFunc(open, func(f sentinel.IncidentFinding) bool { return !f.Silenced })
	for _, f := range open {
		if f.Severity.Worse(worst) && (quiet || !f.Silenced) {
			worst = f.Severity
		}
	}
	if i.Severity != worst {
		h.Errorf("%s is %s, its findings are %s", i.ID, i.Severity, worst)
	}
}
