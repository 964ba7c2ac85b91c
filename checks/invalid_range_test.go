package checks_test

import (
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel/checks"
)

// TestRangesWithoutValuesAreRefused holds that a range or a pair of lists that no value can
// meet is refused, and that a range whose order only the column's type tells is not.
func TestRangesWithoutValuesAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ low, high, wrong string }{
		{"10", "5", "no value is in the range"},
		{"-1", "-1.5", "no value is in the range"},
		{"9007199254740993", "9007199254740992", "no value is in the range"},
		{"1e3", "999", "no value is in the range"},
		{"now", "now-7d", "no value is in the range"},
		{"now + 1h", "now+30m", "no value is in the range"},
		{"2026-12-01", "2026-01-01", "no value is in the range"},
		{"5", "5", "no value lies between"}, // exclusive
		{"now", "now", "no value lies between"},
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
	err := (&checks.Invalid{Column: "a", ValidValues: checks.ValueList{"1", "2"}, InvalidValues: checks.ValueList{"3", "2"}}).Validate()
	if err == nil || !strings.Contains(err.Error(), `"2" is one of valid_values too`) {
		t.Errorf("a value of both lists: %v", err)
	}
}
