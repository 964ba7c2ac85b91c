package agent

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// A sample stays while its incident is open and for a while after it, and goes with the
// incident.
func TestSamplesEnd(t *testing.T) {
	t.Parallel()
	memory := openStore(t)
	a := newAgent(memory, time.Now)
	now := time.Now().UTC().Truncate(time.Second)
	var batch store.Batch
	for id, resolved := range map[string]time.Time{"open": {}, "recent": now.Add(-59 * time.Minute), "over": now.Add(-time.Hour), "lost": {}} {
		i := sentinel.Incident{ID: id, Check: "c", Table: sentinel.Table{Warehouse: "w", Name: id}, State: sentinel.Open,
			Severity: sentinel.Fail, Opened: now.Add(-2 * time.Hour), Updated: now.Add(-2 * time.Hour)}
		if !resolved.IsZero() {
			i.State, i.Resolved = sentinel.Resolved, resolved
		}
		if id != "lost" {
			batch.Incidents = append(batch.Incidents, i)
		}
		data, err := json.Marshal(sentinel.Sample{Incident: id, Check: "c", Table: theTable, Keep: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		batch.States = append(batch.States, store.State{Kind: store.SampleState, Key: id + "/c", Data: data})
	}
	if _, err := memory.Record(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	if err := a.expireSamples(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	samples, err := memory.Samples(t.Context(), "")
	if err != nil || len(samples) != 2 || samples[0].Incident != "open" || samples[1].Incident != "recent" {
		t.Errorf("%+v, %v", samples, err)
	}
}

// A check turns bad with the first bad result of an episode, and not with the ones after it,
// whichever segments they are of.
func TestTurnedBad(t *testing.T) {
	t.Parallel()
	known := newIncidents(nil, quietPolicy{})
	at := time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)
	for step, c := range []struct {
		status sentinel.Status
		keys   []string
		want   bool
	}{
		{sentinel.Pass, nil, false},
		{sentinel.Warn, []string{"country=DE", "country=FR"}, true},
		{sentinel.Fail, []string{"country=DE", "country=IT"}, false},
		{sentinel.Pass, nil, false},
		{sentinel.Fail, []string{"country=DE"}, true},
		{sentinel.Fail, []string{"country=DE"}, false},
	} {
		r := sentinel.Result{Check: "c", Kind: "missing", Table: theTable, Tick: at.Add(time.Duration(step) * time.Minute), Status: c.status}
		for _, key := range c.keys {
			r.Findings = append(r.Findings, sentinel.Finding{Key: key, Status: c.status})
		}
		for _, country := range []string{"DE", "FR", "IT"} {
			r.Observations = append(r.Observations, sentinel.Observation{Metric: "failed_rows", Segment: "country=" + country})
		}
		known.apply(r, Meta{})
		if got := r.Status.Bad() && known.turnedBad(theTable, "c"); got != c.want {
			t.Errorf("step %d: %v", step, got)
		}
	}
}

// quietPolicy suppresses and repairs nothing.
type quietPolicy struct{}

func (quietPolicy) suppressed(sentinel.Incident, time.Time) (string, bool) { return "", false }
func (quietPolicy) flaps() notify.Flaps                                    { return notify.Flaps{}.OrDefault() }
func (quietPolicy) repairedFirst(sentinel.Incident) bool                   { return false }
