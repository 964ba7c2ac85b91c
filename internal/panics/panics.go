// Package panics turns a panic into an error, so that one bug costs one tick, one
// delivery or one step, and the agent goes on.
package panics

import (
	"fmt"
	"runtime/debug"
)

// Error is a panic as an error.
type Error struct {
	Value any    // what was panicked with
	Stack []byte // of the goroutine, as debug.Stack writes it
}

func (e *Error) Error() string { return fmt.Sprintf("a bug: panic: %v", e.Value) }

// Catch calls do. It returns do's error, or an *Error when do panics.
func Catch(do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Error{Value: v, Stack: debug.Stack()}
		}
	}()
	return do()
}
