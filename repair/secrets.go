package repair

import (
	"errors"
	"fmt"

	"github.com/sentinel-dq/sentinel/outbound"
)

// Hide keeps secrets out of every message of this step, beside those of the action's
// configuration: a token that another system has given, for example.
func (r *Run) Hide(secrets ...string) { r.secrets = append(r.secrets, secrets...) }

// Scrub replaces the secrets of this step in a text by ***. Scrub what another system
// says before it is cut. What the step returns is scrubbed by the engine.
func (r *Run) Scrub(text string) string { return outbound.Scrub(text, r.secrets...) }

// scrub replaces secrets in what a step returns, and keeps the kind of the error.
func (r *Run) scrub(err error) error {
	if err == nil || errors.Is(err, errNotAlive) {
		return err
	}
	var bug *PanicError
	if errors.As(err, &bug) {
		return &PanicError{Doing: bug.Doing, Value: r.Scrub(fmt.Sprint(bug.Value)), Stack: bug.Stack}
	}
	text := r.Scrub(err.Error())
	if text == err.Error() {
		return err
	}
	var transient *TransientError
	var unknown *UnknownError
	var changed *ChangedError
	var running *RunningError
	var refused *RefusedError
	switch {
	case errors.As(err, &running):
		return &RunningError{What: r.Scrub(running.What), After: running.After}
	case errors.As(err, &unknown):
		return &UnknownError{Err: errors.New(r.Scrub(unknown.Err.Error()))}
	case errors.As(err, &transient):
		return &TransientError{Err: errors.New(r.Scrub(transient.Err.Error())), After: transient.After,
			Restage: transient.Restage}
	case errors.As(err, &changed):
		return &ChangedError{What: r.Scrub(changed.What)}
	case errors.As(err, &refused):
		return &RefusedError{Why: r.Scrub(refused.Why), Written: refused.Written}
	}
	return &scrubbedError{text, err}
}

// scrubbedError is an error with another text.
type scrubbedError struct {
	text string
	err  error
}

// Error implements error.
func (e *scrubbedError) Error() string { return e.text }

// Unwrap returns the error, whose own text has secrets.
func (e *scrubbedError) Unwrap() error { return e.err }
