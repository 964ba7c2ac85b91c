package repair

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// ErrNothing says that there is nothing to repair: the target already is as
// the plan would make it.
var ErrNothing = errors.New("there is nothing to repair")

// RefusedError says that a repair must not be done, and what a person may do.
// It is never tried again.
type RefusedError struct{ Why string }

// Error implements error.
func (e *RefusedError) Error() string { return "refused: " + e.Why }

// Refuse makes a [RefusedError]; its arguments are those of [fmt.Sprintf].
func Refuse(format string, args ...any) error {
	return &RefusedError{Why: fmt.Sprintf(format, args...)}
}

// ChangedError says that the target is no longer what was planned against:
// the repair is planned anew, never forced.
type ChangedError struct{ What string }

// Error implements error.
func (e *ChangedError) Error() string { return "the target has changed since the plan: " + e.What }

// FencedError says that another agent has taken the repair up since.
type FencedError struct{ Fence int64 }

// Error implements error.
func (e *FencedError) Error() string {
	return fmt.Sprintf("another agent has taken this repair up: fence %d is no longer the newest", e.Fence)
}

// TransientError says that the same try may succeed later: a lock that was not
// to be had, a deadlock, a server that was busy. After is how long the other
// side asked to wait; 0 when it did not say.
type TransientError struct {
	Err   error
	After time.Duration
}

// Error implements error.
func (e *TransientError) Error() string { return e.Err.Error() }

// Unwrap returns what happened.
func (e *TransientError) Unwrap() error { return e.Err }

// UnknownError says that the change may or may not have been made, and that
// only a look at the target can tell.
type UnknownError struct{ Err error }

// Error implements error.
func (e *UnknownError) Error() string { return "outcome unknown: " + e.Err.Error() }

// Unwrap returns what happened.
func (e *UnknownError) Unwrap() error { return e.Err }

// RunningError says that another system works on the step, and was asked for it
// only once: the repair stays in its state, and is taken up again after a while.
// It is no failed try; how often it may be said is the action's to limit.
type RunningError struct {
	What  string
	After time.Duration
}

// Error implements error.
func (e *RunningError) Error() string { return e.What }

// PanicError says that the code of an action, or of a check that verifies one,
// panicked. It is final, as an error is that no other kind fits.
type PanicError struct {
	Doing string // what was under way
	Value any    // what was panicked with
	Stack []byte // of the goroutine, as [debug.Stack] writes it
}

// Error implements error.
func (e *PanicError) Error() string {
	return fmt.Sprintf("%s panicked: %v (a defect of Sentinel or of a module built into it)", e.Doing, e.Value)
}

// recoverPanic turns a panic into an error; it is deferred.
func recoverPanic(doing string, err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{Doing: doing, Value: v, Stack: debug.Stack()}
	}
}
