package warehouse

import (
	"fmt"
	"strconv"
	"time"
)

// Lag is how far a standby is behind its primary. The zero value is no lag.
type Lag struct {
	Behind  time.Duration // the standby has all changes that are older
	Unknown string        // why Behind is not known; empty when it is known
}

// Small reports whether the lag is too short to mention.
func (l Lag) Small() bool { return l.Behind < time.Second && l.Unknown == "" }

// ParseLag reads a number of seconds, as an engine prints it.
func ParseLag(seconds string) Lag {
	v, err := strconv.ParseFloat(seconds, 64)
	if err != nil {
		return Lag{Unknown: fmt.Sprintf("%q is not a number of seconds", seconds)}
	}
	return Lag{Behind: max(0, time.Duration(v*float64(time.Second)))} // clocks of two servers: it may be below 0
}
