package warehouse

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// ErrorKind classes the errors of engines: what the user has to do, and whether a retry
// can help.
type ErrorKind string

const (
	Unreachable   ErrorKind = "unreachable"    // refused, DNS, TLS, connection lost
	Unauthorized  ErrorKind = "unauthorized"   // wrong password or user
	Forbidden     ErrorKind = "forbidden"      // the user lacks a privilege
	MissingTable  ErrorKind = "missing_table"  // or schema, or database
	MissingColumn ErrorKind = "missing_column" //
	TimedOut      ErrorKind = "timeout"        // statement_timeout, or the caller's deadline
	Locked        ErrorKind = "locked"         // lock_timeout
	Transient     ErrorKind = "transient"      // deadlock, serialization, too many connections, shutdown
	BadStatement  ErrorKind = "bad_statement"  // syntax, types, anything a retry cannot help
)

// ErrorKinds are all classes.
func ErrorKinds() []ErrorKind {
	return []ErrorKind{
		Unreachable, Unauthorized, Forbidden, MissingTable, MissingColumn, TimedOut, Locked, Transient, BadStatement,
	}
}

// Error is what an engine or the way to it answered. Its text never holds the
// DSN's password.
type Error struct {
	Kind ErrorKind
	Code string // SQLSTATE or the engine's number; "" when there is none
	Err  error
}

func (e *Error) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("%s: %v", e.Kind, e.Err)
	}
	return fmt.Sprintf("%s (%s): %v", e.Kind, e.Code, e.Err)
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
		return "" // every statement's answer is looked at
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

// PasswordOf finds the password of a DSN: of a URL, of user:password@address, or
// of words such as password=secret; "" when there is none.
func PasswordOf(dsn string) string {
	if u, err := url.Parse(dsn); err == nil && u.User != nil {
		p, _ := u.User.Password()
		return p
	}
	for _, field := range strings.Fields(dsn) {
		if p, ok := strings.CutPrefix(field, "password="); ok {
			return strings.Trim(p, "'")
		}
	}
	if _, rest, ok := strings.Cut(dsn, "://"); ok {
		dsn = rest
	}
	if at := strings.LastIndex(dsn, "@"); at >= 0 {
		_, p, _ := strings.Cut(dsn[:at], ":")
		return p
	}
	return ""
}

// Scrub replaces a secret in the text of an error. It returns err itself where the
// text does not hold the secret; errors.Is and errors.As see through it.
func Scrub(err error, secret string) error {
	if err == nil || secret == "" || !strings.Contains(err.Error(), secret) {
		return err
	}
	return scrubbed{err, secret}
}
