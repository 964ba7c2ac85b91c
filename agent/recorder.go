package agent

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// backlogLimit bounds the results that wait in memory while the store cannot be
// written. Beyond it the oldest results are dropped, with the ticks that they belong
// to. Incidents, states, notices and audit entries are never dropped.
const backlogLimit = 100_000

// The timeouts of the recorder.
const (
	writeTimeout = 20 * time.Second // limits one write
	recordWait   = 5 * time.Second  // limits how long a tick waits for its record
	retryEvery   = 5 * time.Second  // the time between two tries of a failed write
)

// errBehind says that the store cannot be written at the moment, and that the record
// waits in memory.
var errBehind = errors.New("the state cannot be written now; results wait in memory")

// errStopped says that a record came after the recorder had stopped.
var errStopped = errors.New("the agent has stopped; nothing is recorded any more")

// errDropped says that the results of a record were dropped.
var errDropped = errors.New("results were dropped: the state could not be written for too long")

// record is written as a whole: a batch, its notices, and its audit entries.
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
	audit     []store.AuditEntry
	planned   bool
}

// answer sends the outcome of a try to the goroutine that waits. The first outcome
// counts.
func (rec *record) answer(err error) {
	select {
	case rec.outcome <- err:
	default:
	}
}

// recorder writes records to the store. Its one goroutine writes them in the order in
// which they were submitted. A record that cannot be written waits, and is tried
// again.
type recorder struct {
	agent *Agent

	behind   atomic.Bool // the last write has failed, or is slow
	wake     chan struct{}
	stopping chan struct{}
	ended    chan struct{}

	mu      sync.Mutex
	queue   []*record
	waiting int   // results in the queue
	dropped int   // results dropped and not yet logged
	err     error // why the oldest record could not be written
	stopped bool  // nothing is queued any more
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
	r.waiting += len(rec.unwritten.Results)
	r.trim()
	return true
}

// trim drops the oldest results beyond the limit, but not those of the newest record.
// A record in which nothing is left is removed. The lock is held.
func (r *recorder) trim() {
	if r.waiting <= backlogLimit {
		return
	}
	for i := 0; r.waiting > backlogLimit && i < len(r.queue)-1; i++ {
		n := r.queue[i].dropResults()
		r.waiting -= n
		r.dropped += n
	}
	r.queue = slices.DeleteFunc(r.queue, (*record).empty)
}

// dropResults removes the results and ticks of a record, and returns how many results
// it had.
func (rec *record) dropResults() int {
	n := len(rec.unwritten.Results)
	if n == 0 {
		return 0
	}
	rec.unwritten.Results = nil
	rec.unwritten.Ticks = nil
	rec.answer(errDropped)
	return n
}

// empty reports whether nothing of a record is left to write.
func (rec *record) empty() bool {
	return rec.unwritten.Empty() && len(rec.audit)+len(rec.changes) == 0
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

// waitBriefly waits for the outcome of a record for as long as a tick may. It returns
// errBehind at once where the store cannot be written, unless half of the backlog is
// used.
func (r *recorder) waitBriefly(rec *record) error {
	limit := recordWait
	if r.behind.Load() {
		r.mu.Lock()
		many := r.waiting > backlogLimit/2
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

// stop writes the records that wait, and ends the goroutine. It returns the error of
// a write that fails; that write is not tried again. It may be called again.
func (r *recorder) stop() error {
	r.mu.Lock()
	if !r.stopped {
		r.stopped = true
		close(r.stopping)
	}
	r.mu.Unlock()
	<-r.ended
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return nil
	}
	return r.err
}

// run writes records until stop is called.
func (r *recorder) run() {
	defer close(r.ended)
	retry := time.NewTicker(retryEvery)
	defer retry.Stop()
	for {
		select {
		case <-r.stopping:
			r.drain()
			return
		case <-r.wake:
		case <-retry.C:
		}
		r.drain()
	}
}

// drain writes records until none waits or one cannot be written.
func (r *recorder) drain() {
	defer r.logDropped()
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
	if r.behind.Swap(false) {
		r.agent.log.Info("the state can be written again")
	}
}

// logDropped logs how many results have been dropped since it was last called.
func (r *recorder) logDropped() {
	r.mu.Lock()
	dropped := r.dropped
	r.dropped = 0
	r.mu.Unlock()
	if dropped > 0 {
		r.agent.log.Error("dropped results that could not be recorded", "results", dropped)
	}
}

// take removes and returns the oldest record. It returns nil where none waits.
func (r *recorder) take() *record {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return nil
	}
	rec := r.queue[0]
	r.queue = slices.Delete(r.queue, 0, 1)
	r.waiting -= len(rec.unwritten.Results)
	return rec
}

// failed puts a record back, and answers all goroutines that wait.
func (r *recorder) failed(rec *record, err error) {
	r.agent.metrics.StoreUp(false)
	if !r.behind.Swap(true) {
		r.agent.log.ErrorContext(rec.ctx, "results could not be recorded; they are kept in memory", "error", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = slices.Insert(r.queue, 0, rec)
	r.waiting += len(rec.unwritten.Results)
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
		rec.unwritten = store.Batch{} // a failure after this does not write it again
	}
	for len(rec.audit) > 0 {
		if err := r.agent.store.AppendAudit(ctx, rec.audit[0]); err != nil {
			return err
		}
		rec.audit = rec.audit[1:]
	}
	r.agent.metrics.StoreUp(true)
	if rec.planner != nil && len(rec.changes) > 0 {
		r.agent.wakeDispatcher()
	}
	return nil
}

// plan adds the notices of a record's changes to its batch. It reads from the store
// who was notified of the incidents before; all earlier records have been written.
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
