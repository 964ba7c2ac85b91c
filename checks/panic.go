package checks

import (
	"fmt"
	"path"
	"runtime"
	"strings"
)

// PanicError is a panic of a check's method. It is a bug of that kind of check. The
// other checks continue.
type PanicError struct {
	Kind     string // kind of the check
	Method   string // Needs, Ask or Judge
	Value    any    // what it panicked with
	Location string // file:line where it panicked
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("bug in the check kind %s: %s panicked at %s: %v", e.Kind, e.Method, e.Location, e.Value)
}

// guard calls a method of a check and turns a panic into an error.
func guard(c Check, method string, call func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{Kind: KindOf(c), Method: method, Value: v, Location: panicLocation()}
		}
	}()
	call()
	return nil
}

// panicLocation returns where the panic that is being recovered from began: the
// first caller below the runtime's own panic functions.
func panicLocation() string {
	callers := make([]uintptr, 32)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	for panicking := false; ; {
		f, more := frames.Next()
		inRuntime := strings.HasPrefix(f.Function, "runtime.")
		if panicking && !inRuntime {
			return fmt.Sprintf("%s:%d", path.Base(f.File), f.Line)
		}
		panicking = panicking || inRuntime && strings.Contains(f.Function, "panic")
		if !more {
			return "an unknown place"
		}
	}
}

// needsOf returns what a check needs, or nothing if it panics.
func needsOf(c Check, t Target) (n Needs, bug error) {
	bug = guard(c, "Needs", func() { n = c.Needs(t) })
	return n, bug
}

// nextAsks returns the next questions of the check, or none if it has panicked.
func (run *checkRun) nextAsks() (asks []Ask) {
	if run.bug == nil {
		run.bug = guard(run.check, "Ask", func() { asks = run.check.Ask(run.target, run.answers) })
	}
	return asks
}
