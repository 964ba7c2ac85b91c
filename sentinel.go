// Package sentinel holds the nouns of Sentinel, a data-quality and freshness
// agent: statuses, numbers, tables, observations, results, drifts, scores and
// incidents. It has no behaviour beyond what a value can say about itself and
// imports the standard library only; every other package speaks in these words.
package sentinel

import "fmt"

// Status is the outcome of a check. The order is the order of severity used
// when several outcomes are folded into one (see [Status.Worse]); the numbers
// are the values of the metric sentinel_check_status and never change.
type Status uint8

const (
	Pass    Status = iota // looked, and what must be true is true
	Warn                  // looked, and the warn threshold is crossed
	Fail                  // looked, and the fail threshold is crossed
	Unknown               // looked, but cannot judge yet (learning, nothing to compare with)
	Error                 // could not look: says nothing about the data
)

var statusNames = [...]string{"pass", "warn", "fail", "unknown", "error"}

// String returns the lower-case word used in output, JSON and metrics labels.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("status(%d)", uint8(s))
}

// MarshalText encodes the status as its word.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText decodes a status word.
func (s *Status) UnmarshalText(b []byte) error {
	for i, n := range statusNames {
		if n == string(b) {
			*s = Status(i)
			return nil
		}
	}
	return fmt.Errorf("unknown status %q: want pass, warn, fail, unknown or error", b)
}

// severity ranks statuses for folding: bad data outweighs not having looked,
// and not having looked outweighs "cannot judge yet".
var severity = [...]int{Pass: 0, Unknown: 1, Warn: 2, Error: 3, Fail: 4}

// Worse reports whether s outweighs t when several outcomes become one:
// fail > error > warn > unknown > pass.
func (s Status) Worse(t Status) bool { return severity[s] > severity[t] }

// Bad reports whether the data crossed a threshold (warn or fail). An error is
// not bad data.
func (s Status) Bad() bool { return s == Warn || s == Fail }
