package agent

import (
	"errors"
	"fmt"

	"github.com/sentinel-dq/sentinel/store"
)

// stop writes the waiting records, and ends the goroutine. It returns the error of a
// failed write, which it does not try again, or that the state is not in its place. It may be called more than once.
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
	switch {
	case len(r.queue) > 0:
		return fmt.Errorf("%d results and %d changes were not recorded: %w", r.waiting.results, r.waiting.changes, r.err)
	case r.found:
		return r.err
	}
	return nil
}

// refuse keeps the waiting records, because the state is not in its place at the stop: what
// is written now would be lost with its file. found says that nobody knew it before.
func (r *recorder) refuse(err error, found bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err, r.found = err, found && errors.Is(err, store.ErrReplaced)
	for _, rec := range r.queue {
		rec.answer(err)
	}
}
