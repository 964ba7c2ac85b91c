package page

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

const (
	verifiedAtOnce = 20_000                 // entries of the audit log that are read at once
	verifyPause    = 200 * time.Millisecond // between two parts, so that a large log costs little
	verifyWait     = 400 * time.Millisecond // how long a page waits for the end of the log
	verifyAnew     = time.Hour              // until the log is verified from its beginning again
	verifyOn       = 10 * time.Second       // until its new entries are
)

// chain verifies the audit log part by part, however long it is: all of it when somebody looks
// at it first, or an hour after the last time, else its new entries. One walk is under way at
// most; after one that failed the next one waits as after any other. All methods may be called concurrently.
type chain struct {
	clock  sentinel.Clock
	news   *news
	wanted chan struct{} // of capacity 1: a walk is wanted

	mu    sync.Mutex
	mark  store.AuditMark
	began time.Time     // of the last walk from the beginning
	tried time.Time     // of the end of the last walk, also of one that failed
	again bool          // all of it is asked for while a walk is under way, which another follows
	ended chan struct{} // is closed at the end of the walk that is under way; nil: none is
	seen  chainState
}

// chainState is what is known of the audit log.
type chainState struct {
	Seq      int64     // up to this entry it is as it was written
	Verified time.Time // when its end was reached last; zero: never
	Walking  bool
	Walked   int64                   // entries of the walk that is under way
	Broken   *store.BrokenChainError // nil: nothing is wrong so far
	Unread   bool                    // the state could not be read
}

// look returns what is known of the log, and verifies more of it where that is due. again asks for
// all of it. It waits for the end of a short log.
func (c *chain) look(ctx context.Context, again bool) chainState {
	if ended := c.begin(again); ended != nil {
		wait, cancel := context.WithTimeout(ctx, verifyWait)
		defer cancel()
		select {
		case <-ended:
		case <-wait.Done():
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	state := c.seen
	state.Walking, state.Walked = c.ended != nil, c.mark.Seq
	return state
}

// begin begins a walk if one is due, and returns what is closed at its end; nil if none is.
func (c *chain) begin(again bool) chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock.Now()
	if c.ended != nil {
		c.again = c.again || again
		return c.ended
	}
	anew := again || now.Sub(c.began) >= verifyAnew
	if !anew && (c.seen.Broken != nil || now.Sub(c.tried) < verifyOn) {
		return nil
	}
	if anew {
		c.mark, c.began = store.AuditMark{}, now
	}
	c.ended = make(chan struct{})
	select {
	case c.wanted <- struct{}{}:
	default: // the walker has not taken the last one yet
	}
	return c.ended
}

// run walks when it is wanted, until ctx ends.
func (c *chain) run(ctx context.Context, from *store.Store, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wanted:
		}
		for !c.step(ctx, from, log) {
			pause := time.NewTimer(verifyPause)
			select {
			case <-ctx.Done():
				pause.Stop()
				return
			case <-pause.C:
			}
		}
	}
}

// step verifies a part of the log, and reports whether the walk has ended.
func (c *chain) step(ctx context.Context, from *store.Store, log *slog.Logger) (over bool) {
	c.mu.Lock()
	mark := c.mark
	c.mu.Unlock()
	to, end, err := from.VerifyAuditFrom(ctx, mark, verifiedAtOnce)
	var broken *store.BrokenChainError
	isBroken := errors.As(err, &broken)
	if err != nil && ctx.Err() == nil {
		log.Error("verifying the audit log", "error", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mark = to
	c.news.add("audit", sentinel.Table{})
	if !end && err == nil {
		return false
	}
	now := c.clock.Now()
	c.tried, c.seen.Unread = now, err != nil && !isBroken
	if !c.seen.Unread {
		c.seen.Seq, c.seen.Broken, c.seen.Verified = to.Seq, broken, now
	}
	if c.again {
		c.again, c.mark, c.began = false, store.AuditMark{}, now
		return false
	}
	close(c.ended)
	c.ended = nil
	return true
}
