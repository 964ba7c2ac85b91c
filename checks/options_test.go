package checks

import (
	"strings"
	"testing"
)

// measuredCheck is a check of a kind with the given number.
type measuredCheck struct {
	Check
	number measurement
}

func (c measuredCheck) measure() measurement { return c.number }

// Only a kind whose number is a percentage takes a percentage for clear.
func TestClearOfAPercentage(t *testing.T) {
	t.Parallel()
	clear, err := ParseBound("< 5%")
	if err != nil {
		t.Fatal(err)
	}
	o := &Options{Clear: clear}
	if err := o.validateOptions(measuredCheck{number: measurement{Clears: true, Percent: true}}); err != nil {
		t.Error(err)
	}
	err = o.validateOptions(measuredCheck{number: measurement{Clears: true}})
	if err == nil || !strings.Contains(err.Error(), "a percentage has no reference value") {
		t.Error(err)
	}
}
