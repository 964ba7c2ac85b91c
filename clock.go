package sentinel

import "time"

// Clock tells the time. The program has one clock, which reads the machine's. Tests
// have clocks of their own, so that none of them waits.
type Clock interface {
	// Now returns the current time. It may be called concurrently.
	Now() time.Time
}

// ClockFunc makes a [Clock] of a function.
type ClockFunc func() time.Time

// Now calls the function.
func (f ClockFunc) Now() time.Time { return f() }
