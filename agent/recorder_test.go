package agent

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
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
			Audit:     []store.AuditEntry{{At: tick, Actor: "ann", What: "test", Subject: "i"}},
		},
	}
	r.submit(full)
	r.submit(&record{ctx: t.Context(), batch: store.Batch{Results: []sentinel.Result{
		{Check: "rows", Table: theTable, Tick: tick, Status: sentinel.Pass},
	}}})
	if err := r.wait(t.Context(), full); !errors.Is(err, errDropped) {
		t.Errorf("the outcome of the oldest record: %v", err)
	}
	if r.dropped != (size{results: backlogLimit}) || r.waiting.results != 1 {
		t.Errorf("%+v are dropped, and %+v wait", r.dropped, r.waiting)
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

// TestChangesThatWaitAreBounded: while the store cannot be written, the oldest records
// are dropped as a whole beyond the limit of changes. They are counted, and the drop is
// logged once.
func TestChangesThatWaitAreBounded(t *testing.T) {
	t.Parallel()
	memory, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	a := newAgent(memory, time.Now)
	var log bytes.Buffer
	a.log = slog.New(slog.NewTextHandler(&log, nil))
	r := &recorder{agent: a, wake: make(chan struct{}, 1)} // its goroutine does not run
	if err := memory.Close(); err != nil {
		t.Fatal(err)
	}
	tick := time.Now().UTC().Truncate(time.Second)
	var records []*record
	for range 3 {
		rec := &record{
			ctx: t.Context(),
			batch: store.Batch{
				Incidents: make([]sentinel.Incident, changeLimit/2),
				Results:   make([]sentinel.Result, 1),
				Audit:     []store.AuditEntry{{At: tick, Actor: "ann", What: "test", Subject: "i"}},
			},
		}
		records = append(records, rec)
		r.submit(rec)
		r.drain() // fails: the store is closed
	}
	const each = changeLimit/2 + 1
	if r.dropped != (size{results: 2, changes: 2 * each}) || r.waiting != (size{results: 1, changes: each}) {
		t.Errorf("%+v are dropped, and %+v wait", r.dropped, r.waiting)
	}
	if len(r.queue) != 1 || r.queue[0] != records[2] {
		t.Errorf("%d records wait, want the newest", len(r.queue))
	}
	if n := strings.Count(log.String(), "dropping what could not be recorded"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, log.String())
	}
	recorder := httptest.NewRecorder()
	a.metrics.ServeHTTP(recorder, httptest.NewRequest("GET", "/metrics", nil))
	want := fmt.Sprintf(`sentinel_records_dropped_total{what="changes"} %d`, 2*each)
	if !strings.Contains(recorder.Body.String(), want) {
		t.Errorf("%s is missing in the metrics", want)
	}
}
