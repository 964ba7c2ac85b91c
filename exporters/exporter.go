// Package exporters brings results to other systems, one file per destination,
// and owns the name of every metric.
package exporters

import (
	"context"
	"errors"
	"sync"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/panics"
	"github.com/sentinel-dq/sentinel/internal/registry"
)

// Exporter takes the results of each tick. The exported fields of a registered
// one are its YAML. Export may be called from several goroutines at once.
type Exporter interface {
	// Validate checks the configuration and fills in defaults.
	Validate() error
	// Export sends the results. Nobody changes them any more: an exporter may keep
	// them, and must not change them either, since others get the same.
	Export(ctx context.Context, results []sentinel.Result) error
	Close(ctx context.Context) error
}

var kinds = registry.New[func() Exporter]("exporter")

// Register adds a kind of exporter; it is called from init functions only and
// panics on a name taken twice.
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

// QueueObserver hears of results that do not arrive. It may be called concurrently.
type QueueObserver interface {
	// Lost says how many results of an exporter are lost, and why.
	Lost(exporter string, results int, err error)
}

// Queue stands before an exporter that may be slow: Export never waits. What
// does not fit is dropped, the oldest first, and reported.
type Queue struct {
	Exporter
	Name     string
	Size     int           // batches; default 1000
	Observer QueueObserver // nil: nobody

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

// Run hands batches on until ctx ends, then those that wait, as long as they
// arrive, and closes the exporter.
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
		if err := panics.Catch(func() error { return q.Exporter.Export(ctx, next) }); err != nil {
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
