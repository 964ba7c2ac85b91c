package sentinel

import "time"

// Clock returns the time by the wall clock. It may be called concurrently. The
// program has one clock, which reads the machine's; tests have clocks of their
// own, so that none of them has to wait.
type Clock func() time.Time
