package agent

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// TestAFullBacklogDropsResultsOnly: while the store cannot be written, the oldest
// results are dropped. Incidents, states and audit entries are kept.
func TestAFullBacklogDropsResultsOnly(t *testing.T) {
	t.Parallel()
	memory, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	a := newAgent(memory, time.Now)
	r := &recorder{agent: a, wake: make(chan struct{}, 1)} // its goroutine does not run
	tick := time.Now().UTC().Truncate(time.Second)
	full := &record{
		ctx: t.Context(),
		at:  tick,
		batch: store.Batch{
			Ticks:     []store.TickRecord{{Schedule: "* * * * *", Table: theTable, Tick: tick}},
			Results:   make([]sentinel.Result, backlogLimit),
			Incidents: []sentinel.Incident{{ID: "i", Check: "rows", Table: theTable, State: sentinel.Open, Opened: tick}},
			States:    []store.State{{Kind: "kind", Key: "key", Data: []byte("data")}},
		},
		audit: []store.AuditEntry{{At: tick, Actor: "ann", What: "test", Subject: "i"}},
	}
	r.submit(full)
	r.submit(&record{ctx: t.Context(), batch: store.Batch{Results: []sentinel.Result{
		{Check: "rows", Table: theTable, Tick: tick, Status: sentinel.Pass},
	}}})
	if err := r.wait(t.Context(), full); !errors.Is(err, errDropped) {
		t.Errorf("the outcome of the oldest record: %v", err)
	}
	if r.dropped != backlogLimit || r.waiting != 1 {
		t.Errorf("%d results are dropped, and %d wait", r.dropped, r.waiting)
	}
	r.drain()
	incidents, err := memory.OpenIncidents(t.Context())
	if err != nil || len(incidents) != 1 {
		t.Errorf("open incidents: %v, %v", incidents, err)
	}
	states, err := memory.States(t.Context(), "kind")
	if err != nil || len(states) != 1 {
		t.Errorf("states: %v, %v", states, err)
	}
	audit, err := memory.Audit(t.Context(), "", 10)
	if err != nil || len(audit) != 1 {
		t.Errorf("audit entries: %v, %v", audit, err)
	}
	ticks, err := memory.Ticks(t.Context(), theTable, 10)
	if err != nil || len(ticks) != 0 {
		t.Errorf("ticks: %+v, %v", ticks, err)
	}
}
