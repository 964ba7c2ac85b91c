// Package sentinel holds the types that all packages of Sentinel, a data-quality and
// freshness agent, share: statuses, numbers, tables, observations, results, drifts,
// scores, incidents, plans and repairs. It contains values without behaviour of their
// own, and imports only the standard library. Begin with [Result] in result.go: a
// check produces one at every tick.
package sentinel

import "fmt"

// Status is the outcome of a check. Its numbers are the values of the metric
// sentinel_check_status and never change. They are not an order of severity: see
// [Status.Worse].
type Status uint8

const (
	Pass    Status = iota // the check ran, and its condition holds
	Warn                  // the check ran, and the warn threshold is crossed
	Fail                  // the check ran, and the fail threshold is crossed
	Unknown               // the check ran, but cannot judge yet: it learns, or has nothing to compare with
	Error                 // the check could not run; the data was not judged
)

var statusNames = [...]string{"pass", "warn", "fail", "unknown", "error"}

// String returns the lower-case word that output, JSON and metric labels use.
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

// severity ranks statuses for [Status.Worse]. Bad data outweighs a check that could
// not run, which outweighs a check that cannot judge yet.
var severity = [...]int{Pass: 0, Unknown: 1, Warn: 2, Error: 3, Fail: 4}

// Worse reports whether s is more severe than t. The order is
// fail > error > warn > unknown > pass.
func (s Status) Worse(t Status) bool { return severity[s] > severity[t] }

// Bad reports whether the data crossed a threshold: warn or fail. An error says
// nothing about the data, so it is not bad.
func (s Status) Bad() bool { return s == Warn || s == Fail }
