package warehouse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Limits on the client's side. A server ends a statement that takes too long by itself.
// One that does not within Grace after the time limit is asked on another connection
// whether it is there, for Probe.
const (
	Grace      = 2 * time.Second
	Probe      = 2 * time.Second
	MaxOverrun = 5 * time.Second // from the time limit of a statement to the error, at most
)

// ConnectTime returns the time that a connection may take to open, for statements with
// a time limit.
func ConnectTime(statementTimeout time.Duration) time.Duration {
	return min(10*time.Second, statementTimeout+Grace)
}

// NoAnswer returns the error of a server that is silent on every connection.
func NoAnswer(after time.Duration) error {
	err := fmt.Errorf("no answer within %s, and none on a new connection: "+
		"the server or the network between is stuck", after)
	return &Error{Kind: Unreachable, Err: err, Silent: true}
}

// Overdue returns the error of a statement that went on for longer than the server
// should have let it, while the server answers others.
func Overdue(after time.Duration) error {
	err := fmt.Errorf("given up after %s: the server answers, but did not end the statement in its time", after)
	return &Error{Kind: TimedOut, Err: err}
}

// ErrorKind classes the errors of engines: what the user has to do, and whether a retry
// can help.
type ErrorKind string

const (
	Unreachable   ErrorKind = "unreachable"    // refused, DNS, TLS, connection lost
	Unauthorized  ErrorKind = "unauthorized"   // wrong password or user
	Forbidden     ErrorKind = "forbidden"      // the user lacks a privilege
	MissingTable  ErrorKind = "missing_table"  // or schema
	NoDatabase    ErrorKind = "no_database"    // the server has no database of that name
	MissingColumn ErrorKind = "missing_column" //
	TimedOut      ErrorKind = "timeout"        // statement_timeout, or the caller's deadline
	Locked        ErrorKind = "locked"         // lock_timeout
	Transient     ErrorKind = "transient"      // deadlock, serialization, too many connections, shutdown
	Conflict      ErrorKind = "conflict"       // a row with the same key exists
	BadStatement  ErrorKind = "bad_statement"  // syntax, types, anything a retry cannot help
	HiddenRows    ErrorKind = "hidden_rows"    // row security would hide rows from the user
	Unguarded     ErrorKind = "unguarded"      // the session's settings, such as read-only, could not be set
)

// ErrorKinds are all classes.
func ErrorKinds() []ErrorKind {
	return []ErrorKind{
		Unreachable, Unauthorized, Forbidden, MissingTable, NoDatabase, MissingColumn, TimedOut, Locked, Transient, Conflict,
		BadStatement, HiddenRows, Unguarded,
	}
}

// Error is what an engine or the way to it answered. Its text never holds the
// DSN's password.
type Error struct {
	Kind ErrorKind
	Code string // SQLSTATE or the engine's number; "" when there is none
	Err  error
	// Silent says that a server which is Unreachable takes connections and answers
	// nothing: every further try costs its whole time limit.
	Silent bool
}

// Error returns the kind, the code and at most [sentinel.LongestText] of the text of Err.
func (e *Error) Error() string {
	text := sentinel.Clip(e.Err.Error())
	if e.Code == "" {
		return fmt.Sprintf("%s: %s", e.Kind, text)
	}
	return fmt.Sprintf("%s (%s): %s", e.Kind, e.Code, text)
}

func (e *Error) Unwrap() error { return e.Err }

// Temporary reports whether the same statement may succeed later unchanged.
func (e *Error) Temporary() bool {
	switch e.Kind {
	case Unreachable, TimedOut, Locked, Transient:
		return true
	}
	return false
}

// KindOf returns the class of err; "" when err is nil or not from an engine.
func KindOf(err error) ErrorKind {
	if err == nil {
		return "" // called for every answer
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return TimedOut
	}
	return ""
}

// scrubbed replaces secrets of the DSN in an error's text.
type scrubbed struct {
	err    error
	secret string
}

func (s scrubbed) Error() string { return strings.ReplaceAll(s.err.Error(), s.secret, "***") }
func (s scrubbed) Unwrap() error { return s.err }

// Scrub replaces a secret in the text of an error. It returns err itself where the
// text does not hold the secret; errors.Is and errors.As see through it.
func Scrub(err error, secret string) error {
	if err == nil || secret == "" || !strings.Contains(err.Error(), secret) {
		return err
	}
	return scrubbed{err, secret}
}

// ErrEnough is wrapped by what the function of [Statement.Each] returns to be given no more
// rows of a long answer. An engine that would have to read the rest ends the statement.
var ErrEnough = errors.New("enough rows")
