// Package secrets reads secrets from files and from commands, and reads them again when
// they change and when a login is refused. [Set.Try] is how a secret is used: begin there.
package secrets

import (
	"context"
	"errors"
	"fmt"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

// Source is a secret whose text may change. All methods may be called concurrently.
type Source interface {
	sentinel.SecretSource
	settings.Past
	// Name says where the text comes from, such as "the file /run/secrets/dsn".
	Name() string
	// Unread is why the text could not be read last time; nil: it could.
	Unread() error
	// Version counts the changes of the text.
	Version() uint64
	// Refresh reads the text again if it may have changed. After an error the text stays as
	// it was. The error holds no text.
	Refresh(ctx context.Context) error
	// Renew reads the text again because the one of a version was refused. It does nothing
	// if the text has changed since.
	Renew(ctx context.Context, refused uint64) error
}

// Set is the sources of what uses them together.
type Set []Source

// Of returns the sources of all secrets that values hold, at any depth of their exported
// fields. A secret that stands in the configuration itself has none.
func Of(values ...any) (set Set) {
	for _, v := range values {
		for _, s := range settings.SecretsIn(v) {
			if source, ok := s.Source().(Source); ok {
				set = append(set, source)
			}
		}
	}
	return set
}

// Files returns the sources that are files, which are read without a wait.
func (s Set) Files() (files Set) {
	for _, source := range s {
		if f, ok := source.(*File); ok {
			files = append(files, f)
		}
	}
	return files
}

// Refresh reads every text again that may have changed.
func (s Set) Refresh(ctx context.Context) error {
	var failed []error
	for _, source := range s {
		failed = append(failed, source.Refresh(ctx))
	}
	return errors.Join(failed...)
}

// Try calls try with the texts as they are now. If try fails because a login was refused,
// and a text has changed meanwhile, Try calls it once more. A source that cannot be read
// keeps its text, and its error is added to the one of a refused login.
func (s Set) Try(ctx context.Context, refused func(error) bool, try func() error) error {
	if len(s) == 0 {
		return try()
	}
	unread := s.Refresh(ctx)
	before := make([]uint64, len(s))
	for i, source := range s {
		before[i] = source.Version()
	}
	err := try()
	if err == nil || !refused(err) {
		return err
	}
	changed := false
	for i, source := range s {
		if failed := source.Renew(ctx, before[i]); failed != nil && unread == nil {
			unread = failed
		}
		changed = changed || source.Version() != before[i]
	}
	if changed {
		if err = try(); err == nil || !refused(err) {
			return err
		}
	}
	if unread != nil {
		return fmt.Errorf("%w (and %w)", err, unread)
	}
	return err
}

// RefusedError is an answer that refuses a login, such as HTTP's 401 and 403.
type RefusedError struct{ Err error }

// Error implements error.
func (e *RefusedError) Error() string { return e.Err.Error() }

// Unwrap returns the answer.
func (e *RefusedError) Unwrap() error { return e.Err }

// IsRefused reports whether an error is a [RefusedError].
func IsRefused(err error) bool { return errors.As(err, new(*RefusedError)) }
