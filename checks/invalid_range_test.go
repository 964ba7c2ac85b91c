package checks_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/checks"
)

// TestRangesWithoutValuesAreRefused holds that a range of times that no value can meet is
// refused, and that a range whose order only the column's type tells is not.
func TestRangesWithoutValuesAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ low, high, wrong string }{
		{"10", "5", ""}, // of a column of texts
		{"now", "now-7d", "no value is in the range"},
		{"now + 1h", "now+30m", "no value is in the range"},
		{"2026-12-01", "2026-01-01", "no value is in the range"},
		{"now", "now", "no value lies between"}, // exclusive
		{"5", "10", ""},
		{"9", "10", ""},
		{"now-7d", "now", ""},
		{"opened", "closed", ""},
		{"2026-12-01", "now", ""},
		{"", "5", ""},
	} {
		err := (&checks.Invalid{Column: "a", Min: c.low, Max: c.high, Exclusive: true}).Validate()
		if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%q to %q: %v, want %q", c.low, c.high, err, c.wrong)
		}
	}
}

// TestNumbersOfARange holds that ends between which no number lies are known as such.
func TestNumbersOfARange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		low, high string
		exclusive bool
		none      bool
	}{
		{"10", "5", false, true},
		{"-1", "-1.5", false, true},
		{"9007199254740993", "9007199254740992", false, true},
		{"1e3", "999", false, true},
		{"5", "5.0", true, true},
		{"5", "5.0", false, false},
		{"9", "10", true, false},
		{"a", "5", true, false},
		{"", "5", true, false},
	} {
		if got := checks.NoNumberBetween(c.low, c.high, c.exclusive); got != c.none {
			t.Errorf("%q to %q, exclusive %v: %v", c.low, c.high, c.exclusive, got)
		}
	}
}
