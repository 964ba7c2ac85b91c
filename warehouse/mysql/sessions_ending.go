package mysql

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel/warehouse"
)

// endWithin is for how long a session that was given up is tried to be ended.
const endWithin = 5 * time.Minute

// mostFailed bounds the errors that close returns; it counts the others. All are reported when
// they happen.
const mostFailed = 20

// ender ends sessions on the server that were given up here, which rolls back their
// transactions. It tries again while the server cannot be reached, until the pool is closed.
type ender struct {
	login    *warehouse.Login[*writeConnector]
	observer warehouse.Observer

	mu      sync.Mutex
	closing chan struct{} // closed by close
	closed  bool
	tries   sync.WaitGroup
	failed  []error // of sessions that could not be ended, at most mostFailed
	more    int     // sessions that could not be ended, without an error in failed
}

func newEnder(login *warehouse.Login[*writeConnector], observer warehouse.Observer) *ender {
	return &ender{login: login, observer: observer, closing: make(chan struct{})}
}

// end ends a session. If the server cannot be reached, a goroutine goes on with it.
func (e *ender) end(i identity) error {
	err := e.try(i)
	if err == nil {
		return nil
	}
	if !errors.Is(err, errUnsure) && e.goOn(i) {
		return nil
	}
	return e.fail(i, err)
}

// goOn starts a goroutine that goes on trying. It returns false if the pool is closed.
func (e *ender) goOn(i identity) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.tries.Go(func() { e.endLater(i) })
	return true
}

// fail reports a session that could not be ended: database/sql does not return what closing a
// connection says.
func (e *ender) fail(i identity, err error) error {
	err = fmt.Errorf("session %s was given up, and could not be ended on the server: %w", i.id, err)
	e.observer.Abandoned(err)
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.failed) < mostFailed {
		e.failed = append(e.failed, err)
	} else {
		e.more++
	}
	return err
}

// endLater tries until the session has ended, time is up, or the pool is closed.
func (e *ender) endLater(i identity) {
	var err error
	pause := time.Second
	for waited, more := time.Duration(0), true; more && waited < endWithin; waited += pause + warehouse.Probe {
		more = !e.pause(pause)
		if err = e.try(i); err == nil {
			return
		}
		pause = min(2*pause, 30*time.Second)
	}
	_ = e.fail(i, err) // close returns it
}

// pause reports whether the pool was closed meanwhile.
func (e *ender) pause(d time.Duration) (closed bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-e.closing:
		return true
	case <-timer.C:
		return false
	}
}

// try ends a session from a new one, by the DSN as it is now.
func (e *ender) try(i identity) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), warehouse.Probe)
	defer cancel()
	var conn driverConn
	_, err = e.login.Connect(ctx, func(to *writeConnector) error {
		opened, err := to.Connector.Connect(ctx)
		if err == nil {
			conn = opened.(driverConn)
		}
		return unlessOver(ctx, err)
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if on, err := i.isOn(ctx, conn); err != nil || !on {
		return err
	}
	_, err = conn.ExecContext(ctx, "KILL "+i.id, nil)
	return err
}

// close has every session that has not ended tried once more. The error names those that
// could not be ended, at most mostFailed, and says how many more there are.
func (e *ender) close() error {
	e.mu.Lock()
	if !e.closed {
		e.closed = true
		close(e.closing)
	}
	e.mu.Unlock()
	e.tries.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.more > 0 {
		return fmt.Errorf("%w\nand %d more sessions", errors.Join(e.failed...), e.more)
	}
	return errors.Join(e.failed...)
}
