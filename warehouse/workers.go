package warehouse

import (
	"sync"
	"time"
)

// joinInterval is how often it is asked whether another connection is worth it.
const joinInterval = 10 * time.Millisecond

// Workers are the goroutines of one [Sessions.Run], each with a connection of its own. A
// worker that gets no connection leaves the work to the others. All methods may be called
// concurrently.
type Workers struct {
	queue *Queue

	mu      sync.Mutex
	n       int
	refused bool  // another connection could not be opened
	down    error // why the server cannot be reached
}

// NewWorkers returns the workers of a queue.
func NewWorkers(queue *Queue) *Workers { return &Workers{queue: queue} }

// Run calls work from one goroutine after another while there is work for another
// connection, and waits for all. work ends when no statement waits, or with [Workers.Leave].
func (w *Workers) Run(work func()) {
	if len(w.queue.items) == 1 {
		w.n = 1
		work()
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	join := time.NewTicker(joinInterval)
	defer join.Stop()
	for {
		for w.joins() {
			wg.Go(work)
		}
		select {
		case <-w.queue.Empty():
			return
		case <-join.C:
		}
	}
}

// joins counts another worker, if there is work for one.
func (w *Workers) joins() bool {
	wanted := w.queue.Connections()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n > 0 && (w.refused || w.n >= wanted) {
		return false
	}
	w.n++
	return true
}

// Leave reports whether other workers go on without one that has no connection. The last
// one fails the statements that wait.
func (w *Workers) Leave() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refused = true
	if w.n > 1 {
		w.n--
		return true
	}
	return false
}

// GiveUp makes the statements that still wait fail.
func (w *Workers) GiveUp(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = err
}

// Down returns the error of [Workers.GiveUp].
func (w *Workers) Down() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.down
}
