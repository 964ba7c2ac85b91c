package repair

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// ErrNothing says that there is nothing to repair: the target is already as the plan
// would make it.
var ErrNothing = errors.New("there is nothing to repair")

// RefusedError says why a repair must not be done, and what a person may do. The repair
// is never tried again.
type RefusedError struct {
	Why string
	// Written says that a rollback was refused because others have written to the rows
	// since they were applied.
	Written bool
}

// Error implements error.
func (e *RefusedError) Error() string { return "refused: " + e.Why }

// Refuse makes a [RefusedError]; its arguments are those of [fmt.Sprintf].
func Refuse(format string, args ...any) error {
	return &RefusedError{Why: fmt.Sprintf(format, args...)}
}

// RefuseWritten refuses to roll back a window that others have written to since. put and
// holds describe the rows that the repair put there, and those that are there by now.
func RefuseWritten(holds, put string) error {
	return &RefusedError{Written: true, Why: fmt.Sprintf("somebody has written to the window since: it holds %s by "+
		"now, and the repair put %s there", holds, put)}
}

// ChangedError says that the target has changed since the plan was made. The repair is
// planned again, never forced.
type ChangedError struct{ What string }

// Error implements error.
func (e *ChangedError) Error() string { return "the target has changed since the plan: " + e.What }

// FencedError says that another agent has taken the repair up since.
type FencedError struct{ Fence int64 }

// Error implements error.
func (e *FencedError) Error() string {
	return fmt.Sprintf("another agent has taken this repair up: fence %d is no longer the newest", e.Fence)
}

// TransientError says that the same try may succeed later, for example after a lock
// timeout or a deadlock, or on a server that was busy. After is how long the other side
// asked to wait; 0 if it did not say.
type TransientError struct {
	Err   error
	After time.Duration
	// Restage says that the next try begins with staging: what is staged is of no use, and
	// is not in the table.
	Restage bool
}

// Error implements error.
func (e *TransientError) Error() string { return e.Err.Error() }

// Unwrap returns what happened.
func (e *TransientError) Unwrap() error { return e.Err }

// UnknownError says that the change may or may not have been made. Only the target can
// answer that.
type UnknownError struct{ Err error }

// Error implements error.
func (e *UnknownError) Error() string { return "outcome unknown: " + e.Err.Error() }

// Unwrap returns what happened.
func (e *UnknownError) Unwrap() error { return e.Err }

// RunningError says that another system works on the step, and was asked only once. The
// repair keeps its state and continues after a while. It is not a failed try. The
// action limits how often it is returned.
type RunningError struct {
	What  string
	After time.Duration
}

// Error implements error.
func (e *RunningError) Error() string { return e.What }

// LostError says that the repair would delete rows that only the table has, or replace
// rows that are newer there, and more of them than [Run.MayLose]. A person decides, with
// this number in the plan.
type LostError struct {
	Rows int64
	Keys []string // some of their keys, as people read them

	Overwritten     int64 // rows that have other values than the source's row with the same key
	OverwrittenKeys []string
}

// LostOf is the error that a plan has noted.
func LostOf(p sentinel.Plan) *LostError {
	return &LostError{Rows: p.Lost, Keys: p.LostKeys, Overwritten: p.Overwritten, OverwrittenKeys: p.OverwrittenKeys}
}

// Error implements error.
func (e *LostError) Error() string {
	text := fmt.Sprintf("%d rows of the table are not in the source, or newer than there", e.Rows) +
		someKeys(e.Rows, e.Keys)
	if e.Overwritten > 0 {
		text += fmt.Sprintf("; %d rows differ from the source's with the same key, and get its values",
			e.Overwritten) + someKeys(e.Overwritten, e.OverwrittenKeys)
	}
	return text
}

// someKeys lists keys of a number of rows.
func someKeys(rows int64, keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	more := ""
	if rows > int64(len(keys)) {
		more = "; ..."
	}
	return " (" + strings.Join(keys, "; ") + more + ")"
}

// UnhelpfulError says that no source has rows that would help. Nothing was applied.
type UnhelpfulError struct{ Why string }

// Error implements error.
func (e *UnhelpfulError) Error() string { return e.Why }

// PanicError says that the code of an action, or of a check that verifies one,
// panicked. It is final, like an error of no other kind.
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
