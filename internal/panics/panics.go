// Package panics turns a panic into an error, so that a bug fails one tick, one delivery
// or one step, and the agent continues. It has one function, [Catch].
package panics

import (
	"fmt"
	"runtime/debug"
)

// Error is a panic as an error.
type Error struct {
	Value any    // value passed to panic
	Stack []byte // stack of the goroutine, as debug.Stack formats it
}

func (e *Error) Error() string { return fmt.Sprintf("a bug: panic: %v", e.Value) }

// Catch calls do. It returns do's error, or an *Error if do panics.
func Catch(do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Error{Value: v, Stack: debug.Stack()}
		}
	}()
	return do()
}
