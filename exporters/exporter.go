// Package exporters sends results to other systems, with one file per destination. It
// defines the name of every metric (metrics.go), and serves them at /metrics
// (prometheus.go, series.go, text.go). Begin with [Exporter] and metrics.go.
package exporters

import (
	"context"
	"errors"
	"sync"

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

// Queue buffers the results for an exporter that may be slow. Its Export never waits. A
// full queue drops the oldest results and reports them. [Queue.Run] must run.
type Queue struct {
	Exporter
	Name     string
	Size     int           // capacity in batches; 0: 1000
	Observer QueueObserver // nil: losses are not reported

	mu      sync.Mutex
	waiting [][]sentinel.Result
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

// Export implements Exporter.
func (q *Queue) Export(_ context.Context, results []sentinel.Result) error {
	if len(results) == 0 {
		return nil
	}
	q.start()
	q.mu.Lock()
	q.waiting = append(q.waiting, results)
	dropped := max(0, len(q.waiting)-q.Size)
	q.waiting = q.waiting[dropped:]
	q.mu.Unlock()
	if dropped > 0 {
		q.problem(dropped, errors.New("the destination is too slow"))
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil
}

// Run exports batches until ctx ends. Then it exports the rest, up to the first error,
// and closes the exporter.
func (q *Queue) Run(ctx context.Context) {
	q.start()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-q.wake:
			q.drain(ctx)
		}
	}
	last := context.WithoutCancel(ctx)
	q.drain(last)
	if err := panics.Catch(func() error { return q.Exporter.Close(last) }); err != nil {
		q.problem(0, err)
	}
}

func (q *Queue) drain(ctx context.Context) {
	for {
		q.mu.Lock()
		if len(q.waiting) == 0 {
			q.mu.Unlock()
			return
		}
		next := q.waiting[0]
		q.waiting = q.waiting[1:]
		q.mu.Unlock()
		err := panics.Catch(func() error {
			return secrets.Of(q.Exporter).Try(ctx, secrets.IsRefused, func() error { return q.Exporter.Export(ctx, next) })
		})
		if err != nil {
			q.problem(len(next), err)
			if ctx.Err() != nil {
				return
			}
		}
	}
}

func (q *Queue) problem(dropped int, err error) {
	if q.Observer != nil {
		q.Observer.Lost(q.Name, dropped, err)
	}
}
