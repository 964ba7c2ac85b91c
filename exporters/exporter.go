// Package exporters sends results to other systems, with one file per destination. It
// defines the name of every metric (metrics.go), and serves them at /metrics
// (prometheus.go, series.go, text.go). Begin with [Exporter] and metrics.go.
package exporters

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/internal/registry"
	"github.com/sentinel-dq/sentinel/secrets"
)

// Exporter receives the results of each tick. The exported fields of a registered
// exporter are its YAML keys. Exporters are safe for concurrent use.
type Exporter interface {
	// Validate checks the configuration and fills in defaults.
	Validate() error
	// Export sends the results. All exporters share them, so an exporter must not change
	// them. It may keep them.
	Export(ctx context.Context, results []sentinel.Result) error
	// Close releases what the exporter holds.
	Close(ctx context.Context) error
}

var kinds = registry.New[func() Exporter]("exporter")

// Register adds a kind of exporter. Only init functions call it. It panics if the name
// is taken.
func Register(kind string, zero func() Exporter) { kinds.Add(kind, zero) }

// New returns the zero value of a kind.
func New(kind string) (Exporter, error) {
	zero, err := kinds.Get(kind)
	if err != nil {
		return nil, err
	}
	return zero(), nil
}

// Kinds returns the registered kinds in alphabetical order.
func Kinds() []string { return kinds.Names() }

// QueueObserver observes results that a [Queue] loses. It is safe for concurrent use.
type QueueObserver interface {
	// Lost reports how many results of an exporter are lost, and why.
	Lost(exporter string, results int, err error)
}

// lastExports bounds the exports of a queue that is to end: a stop waits for them.
const lastExports = 20 * time.Second

// ErrClosed is returned for results that come after a queue has exported its last ones.
var ErrClosed = errors.New("the exporter is closed")

// Queue buffers the results for an exporter that may be slow. Its Export never waits. A
// full queue drops the oldest results and reports them. [Queue.Run] must run.
type Queue struct {
	Exporter
	Name     string
	Size     int           // capacity in batches; 0: 1000
	Observer QueueObserver // nil: losses are not reported
	Last     time.Duration // limit of all exports from when Run is to end; 0: 20 s

	mu      sync.Mutex
	waiting [][]sentinel.Result
	closed  bool // no results are taken any more
	wake    chan struct{}
	once    sync.Once
}

func (q *Queue) start() {
	q.once.Do(func() {
		q.wake = make(chan struct{}, 1)
		if q.Size == 0 {
			q.Size = 1000
		}
	})
}

// Export implements Exporter. It returns [ErrClosed] after Run has ended.
func (q *Queue) Export(_ context.Context, results []sentinel.Result) error {
	if len(results) == 0 {
		return nil
	}
	q.start()
	dropped, err := q.put(results)
	if err != nil {
		return err
	}
	if dropped > 0 {
		q.problem(dropped, errors.New("the destination is too slow"))
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil
}

// put adds results. It returns how many older ones it drops.
func (q *Queue) put(results []sentinel.Result) (dropped int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return 0, ErrClosed
	}
	q.waiting = append(q.waiting, results)
	extra := max(0, len(q.waiting)-q.Size)
	dropped = count(q.waiting[:extra])
	q.waiting = q.waiting[extra:]
	return dropped, nil
}

func count(batches [][]sentinel.Result) (n int) {
	for _, b := range batches {
		n += len(b)
	}
	return n
}

// take returns the oldest batch. Without one it closes the queue, if it is the last time.
func (q *Queue) take(last bool) (batch []sentinel.Result, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.closed = q.closed || last
		return nil, false
	}
	batch, q.waiting = q.waiting[0], q.waiting[1:]
	return batch, true
}

// Run exports batches until ctx ends. It lets the export that is under way end, exports the
// rest, up to the first error and within the limit of the last exports, reports what is lost,
// and closes the exporter.
func (q *Queue) Run(ctx context.Context) {
	q.start()
	forGood := context.WithoutCancel(ctx)
	exporting, cancel := context.WithCancel(forGood)
	defer cancel()
	context.AfterFunc(ctx, func() { time.AfterFunc(cmp.Or(q.Last, lastExports), cancel) })
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-q.wake:
			q.drain(ctx, exporting)
		}
	}
	for batch, ok := q.take(true); ok; batch, ok = q.take(true) {
		if err := q.export(exporting, batch); err != nil {
			q.problem(len(batch)+q.abandon(), err)
		}
	}
	if err := panics.Catch(func() error { return q.Exporter.Close(forGood) }); err != nil {
		q.problem(0, err)
	}
}

// abandon closes the queue and returns how many results waited in it.
func (q *Queue) abandon() (lost int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	lost, q.waiting, q.closed = count(q.waiting), nil, true
	return lost
}

// drain exports what waits, as long as ctx lasts. The end of ctx ends no request: exporting does.
func (q *Queue) drain(ctx, exporting context.Context) {
	for ctx.Err() == nil {
		batch, ok := q.take(false)
		if !ok {
			return
		}
		if err := q.export(exporting, batch); err != nil {
			q.problem(len(batch), err)
		}
	}
}

func (q *Queue) export(ctx context.Context, batch []sentinel.Result) error {
	return panics.Catch(func() error {
		return secrets.Of(q.Exporter).Try(ctx, secrets.IsRefused, func() error { return q.Exporter.Export(ctx, batch) })
	})
}

func (q *Queue) problem(dropped int, err error) {
	if q.Observer != nil {
		q.Observer.Lost(q.Name, dropped, err)
	}
}
