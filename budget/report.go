package budget

import "time"

// Report says how a warehouse's budget stands, and which checks tick more rarely for it. All
// times are in seconds.
type Report struct {
	Warehouse  string  `json:"warehouse"`
	Budget     float64 `json:"budget_seconds"`     // that the statements of a day may take
	Used       float64 `json:"used_seconds"`       // that they have taken since midnight in UTC
	Expected   float64 `json:"expected_seconds"`   // of a day with the ticks that remain
	Configured float64 `json:"configured_seconds"` // of a day with all ticks
	// Over means that a day takes more than the budget, although no check may tick more rarely.
	Over  bool    `json:"over"`
	Moved []Moved `json:"moved"` // checks that tick more rarely; those of a table stand together
}

// Moved are checks of one table that tick more rarely, all at the same time.
type Moved struct {
	Table    string   `json:"dataset"`
	Checks   []string `json:"checks"`           // ids
	Schedule string   `json:"schedule"`         // as configured
	Every    float64  `json:"every_seconds"`    // of each stretch of this length one tick runs
	Cost     float64  `json:"tick_seconds"`     // that the statements of one tick take
	Ticks    float64  `json:"ticks"`            // in a day, as a mean
	AllTicks float64  `json:"configured_ticks"` // in a day, as configured
}

// Datasets returns how many tables have checks that tick more rarely.
func (r Report) Datasets() (n int) {
	last := ""
	for _, m := range r.Moved {
		if m.Table != last {
			n, last = n+1, m.Table
		}
	}
	return n
}

// Stretch returns the stretch of which one tick runs.
func (m Moved) Stretch() time.Duration { return time.Duration(m.Every * float64(time.Second)) }
