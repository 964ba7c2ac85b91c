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

// ScaledClock runs at a multiple of another clock. It shows Start when the other one shows
// Origin. What waits for a time of it asks [ScaledClock.Wall] how long that takes.
type ScaledClock struct {
	Of     Clock
	Origin time.Time
	Start  time.Time
	Rate   float64 // seconds of this clock in a second of the other one; above zero
}

// Now implements [Clock].
func (c ScaledClock) Now() time.Time { return c.At(c.Of.Now()) }

// At returns what this clock shows when the other one shows at.
func (c ScaledClock) At(at time.Time) time.Time {
	return c.Start.Add(time.Duration(float64(at.Sub(c.Origin)) * c.Rate))
}

// Wall returns how long the other clock takes for d of this one.
func (c ScaledClock) Wall(d time.Duration) time.Duration { return time.Duration(float64(d) / c.Rate) }
