package agent

import (
	"testing"
	"time"
)

// TestLongTicksAreNoClockSkew: the warehouse's clock was read at some time of the tick.
func TestLongTicksAreNoClockSkew(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)
	to := from.Add(10 * time.Minute)
	for at, want := range map[time.Duration]time.Duration{
		0: 0, 5 * time.Minute: 0, 10 * time.Minute: 0,
		11 * time.Minute: time.Minute, -time.Minute: -time.Minute,
	} {
		if got := clockSkew(from.Add(at), from, to); got != want {
			t.Errorf("shown %s after the beginning: %s, want %s", at, got, want)
		}
	}
}
