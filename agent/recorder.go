package agent

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sentinel-dq/sentinel/exporters"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// backlogLimit bounds the results that wait in memory while the store cannot be
// written. Beyond it the oldest results are dropped, together with their ticks.
const backlogLimit = 100_000

// changeLimit bounds the incidents, states, notices and audit entries that wait. Beyond it
// the oldest records are dropped as a whole. Later records of an incident still bring
// its newest state.
const changeLimit = 20_000

// These are the timeouts of the recorder.
const (
	writeTimeout = 20 * time.Second // limits one write
	recordWait   = 5 * time.Second  // limits how long a tick waits for its record
	retryEvery   = 5 * time.Second  // the time between two tries of a failed write
)

// errBehind says that the store cannot be written now, and that the record waits in
// memory.
var errBehind = errors.New("the state cannot be written now; results wait in memory")

// errStopped says that a record was submitted after the recorder had stopped.
var errStopped = errors.New("the agent has stopped; nothing is recorded any more")

// errDropped says that a record, or its results, were dropped.
var errDropped = errors.New("results were dropped: the state could not be written for too long")

// size counts what a record holds.
type size struct {
	results int
	changes int // incidents, states, notices and audit entries
}

func (s *size) add(more size)      { s.results += more.results; s.changes += more.changes }
func (s *size) subtract(less size) { s.results -= less.results; s.changes -= less.changes }

// record is written as a whole, in one transaction: a batch and its notices.
type record struct {
	ctx     context.Context // carries the trace; it is never cancelled
	batch   store.Batch
	changes []notify.Change // transitions of the batch's incidents
	planner *notify.Planner // plans the notices; nil: nobody is notified
	at      time.Time       // when the changes were judged
	outcome chan error      // buffers the outcome of the first try

	// The recorder's lock guards these while the record is in the queue. Otherwise only
	// the recorder's goroutine uses them.
	unwritten store.Batch // the batch, with its notices once they are planned
	planned   bool
}

// answer sends the outcome of an attempt to the waiting goroutine. Only the first
// outcome counts.
func (rec *record) answer(err error) {
	select {
	case rec.outcome <- err:
	default:
	}
}

// recorder writes records to the store. Its one goroutine writes them in the order of
// their submission. A record that cannot be written waits, and is tried again.
type recorder struct {
	agent *Agent

	behind   atomic.Bool            // the last write has failed, or is slow
	problem  atomic.Pointer[string] // why the state cannot be written; nil: it can
	wake     chan struct{}
	stopping chan struct{}
	ended    chan struct{}

	mu      sync.Mutex
	queue   []*record
	waiting size  // what the queue holds
	dropped size  // what was dropped since the store could last be written
	logged  bool  // the first drop of this outage is logged
	err     error // why the oldest record could not be written
	found   bool  // the stop has found that the state is not in its place
	stopped bool  // the queue takes no more records
}

// startRecorder starts the goroutine. Call stop to end it.
func startRecorder(a *Agent) *recorder {
	r := &recorder{
		agent: a, wake: make(chan struct{}, 1), stopping: make(chan struct{}), ended: make(chan struct{}),
	}
	go r.run()
	return r
}

// submit queues a record. It never blocks, so that it may be called under the lock
// that orders transitions. After stop the outcome of the record is errStopped.
func (r *recorder) submit(rec *record) {
	rec.outcome = make(chan error, 1)
	rec.unwritten = rec.batch
	if !r.enqueue(rec) {
		rec.answer(errStopped)
		return
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// enqueue adds a record to the queue. It returns false after stop.
func (r *recorder) enqueue(rec *record) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return false
	}
	r.queue = append(r.queue, rec)
	r.waiting.add(rec.size())
	r.trim()
	return true
}

// trim drops the oldest results and changes beyond the limits, but nothing of the
// newest record. It removes a record that has nothing left. The lock is held.
func (r *recorder) trim() {
	if r.waiting.results <= backlogLimit && r.waiting.changes <= changeLimit {
		return
	}
	for i := 0; r.waiting.results > backlogLimit && i < len(r.queue)-1; i++ {
		r.drop(r.queue[i].dropResults())
	}
	for i := 0; r.waiting.changes > changeLimit && i < len(r.queue)-1; i++ {
		r.drop(r.queue[i].dropAll())
	}
	r.queue = slices.DeleteFunc(r.queue, (*record).empty)
}

// drop counts what was dropped. The lock is held.
func (r *recorder) drop(lost size) {
	r.waiting.subtract(lost)
	r.dropped.add(lost)
	r.agent.metrics.Add(exporters.RecordsDropped, float64(lost.results), "results")
	r.agent.metrics.Add(exporters.RecordsDropped, float64(lost.changes), "changes")
}

// size counts the unwritten rest of a record.
func (rec *record) size() size {
	b := rec.unwritten
	return size{
		results: len(b.Results),
		changes: len(b.Incidents) + len(b.States) + len(b.Outbox) + len(b.Audit),
	}
}

// dropResults removes the results and ticks of a record, and returns what it removed.
func (rec *record) dropResults() size {
	lost := size{results: len(rec.unwritten.Results)}
	if lost.results > 0 {
		rec.unwritten.Results = nil
		rec.unwritten.Ticks = nil
		rec.answer(errDropped)
	}
	return lost
}

// dropAll removes everything of a record, and returns what it removed.
func (rec *record) dropAll() size {
	lost := rec.size()
	rec.unwritten, rec.changes = store.Batch{}, nil
	rec.answer(errDropped)
	return lost
}

// empty reports whether all of a record is written or dropped.
func (rec *record) empty() bool {
	return rec.unwritten.Empty() && len(rec.changes) == 0
}

// wait waits for the outcome of a record, or returns ctx's error.
func (r *recorder) wait(ctx context.Context, rec *record) error {
	select {
	case err := <-rec.outcome:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// waitBriefly waits for the outcome of a record, but no longer than recordWait. It
// returns errBehind at once if the store cannot be written, unless half of the backlog
// is used.
func (r *recorder) waitBriefly(rec *record) error {
	limit := recordWait
	if r.behind.Load() {
		r.mu.Lock()
		many := r.waiting.results > backlogLimit/2
		r.mu.Unlock()
		if !many {
			return errBehind
		}
		limit = writeTimeout
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-rec.outcome:
		return err
	case <-timer.C:
		r.behind.Store(true)
		return errBehind
	}
}

// run writes records until stop is called.
func (r *recorder) run() {
	defer close(r.ended)
	var misplaced error
	retry := time.NewTicker(retryEvery)
	defer retry.Stop()
	for {
		select {
		case <-r.stopping:
			if err := r.guard(); err != nil {
				r.refuse(err, misplaced == nil)
				return
			}
			r.drain()
			return
		case <-r.wake:
		case <-retry.C:
			misplaced = r.guard()
		}
		if misplaced == nil {
			r.drain()
		}
	}
}

// drain writes records until the queue is empty or a write fails.
func (r *recorder) drain() {
	defer r.logFirstDrop()
	for rec := r.take(); rec != nil; rec = r.take() {
		err := panics.Catch(func() error { return r.write(rec) })
		var bug *panics.Error
		switch {
		case errors.As(err, &bug):
			r.agent.recovered(rec.ctx, "recorder", bug)
			r.agent.log.Error("dropping a record that cannot be written", "results", len(rec.batch.Results),
				"incidents", len(rec.batch.Incidents), "states", len(rec.batch.States))
			rec.answer(err)
		case err != nil:
			r.failed(rec, err)
			return
		default:
			rec.answer(nil)
		}
	}
	r.problem.Store(nil)
	if r.behind.Swap(false) {
		r.mu.Lock()
		dropped := r.dropped
		r.dropped, r.logged = size{}, false
		r.mu.Unlock()
		r.agent.log.Info("the state can be written again",
			"dropped_results", dropped.results, "dropped_changes", dropped.changes)
	}
}

// logFirstDrop logs the first drop of an outage. The total is logged when the store can
// be written again.
func (r *recorder) logFirstDrop() {
	r.mu.Lock()
	first := r.dropped != size{} && !r.logged
	r.logged = r.logged || first
	dropped := r.dropped
	r.mu.Unlock()
	if first {
		r.agent.log.Error("dropping what could not be recorded: the memory for it is full",
			"results", dropped.results, "changes", dropped.changes)
	}
}

// take removes and returns the oldest record. It returns nil if there is none.
func (r *recorder) take() *record {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return nil
	}
	rec := r.queue[0]
	r.queue = slices.Delete(r.queue, 0, 1)
	r.waiting.subtract(rec.size())
	return rec
}

// failed puts a record back into the queue, and sends the error to all waiting
// goroutines.
func (r *recorder) failed(rec *record, err error) {
	r.agent.metrics.StoreUp(false)
	r.tell(err)
	if !r.behind.Swap(true) {
		r.agent.log.ErrorContext(rec.ctx, "results could not be recorded; they are kept in memory", "error", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = slices.Insert(r.queue, 0, rec)
	r.waiting.add(rec.size())
	r.trim()
	r.err = err
	for _, waiting := range r.queue {
		waiting.answer(err)
	}
}

// write writes one record.
func (r *recorder) write(rec *record) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(rec.ctx), writeTimeout)
	defer cancel()
	if err := r.plan(ctx, rec); err != nil {
		return err
	}
	if !rec.unwritten.Empty() {
		dropped, err := r.agent.store.Record(ctx, rec.unwritten)
		if err != nil {
			return err
		}
		if dropped > 0 {
			r.agent.log.DebugContext(ctx, "results were already recorded", "results", dropped)
		}
		rec.unwritten = store.Batch{}
	}
	r.agent.metrics.StoreUp(true)
	if rec.planner != nil && len(rec.changes) > 0 {
		r.agent.wakeDispatcher()
	}
	return nil
}

// plan adds the notices of a record's changes to its batch. It reads from the store who
// was notified of the incidents before. All earlier records have been written by then.
func (r *recorder) plan(ctx context.Context, rec *record) error {
	if rec.planned || rec.planner == nil || len(rec.changes) == 0 {
		return nil
	}
	var ended []string
	for _, c := range rec.changes {
		if c.Kind == notify.Recovered || c.Kind == notify.Acknowledged {
			ended = append(ended, c.Incident.ID)
		}
	}
	var notified []store.Notified
	if len(ended) > 0 {
		var err error
		if notified, err = r.agent.store.OutboxNotified(ctx, ended); err != nil {
			return err
		}
	}
	notices, err := rec.planner.Plan(rec.changes, notified, rec.at)
	if err != nil {
		r.agent.log.ErrorContext(ctx, "planning notifications", "error", err)
	}
	rec.unwritten.Outbox = notices
	rec.planned = true
	return nil
}
