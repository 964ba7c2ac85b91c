package checks

import "testing"

// TestClearCanHold holds which conditions for the end of an incident are refused, because
// each number that meets them is bad.
func TestClearCanHold(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		clear, warn, fail string
		want              bool
	}{
		{"> 1200", "", "< 1000", true},
		{"< 3", "", "< 5", false},
		{"> 10", "", "> 5", false},
		{"> 5", "", "> 5", false},
		{"<= 5", "", "> 5", true},
		{"= 5", "", "!= 5", true},
		{"= 6", "", "!= 5", false},
		{"between 4 and 9", "< 5", "< 2", true},
		{"between 2 and 4", "< 5", "< 2", false},
		{"between 1 and 9", "", "between 2 and 8", true},
		{"between 2 and 8", "", "between 1 and 9", false},
		{"not between 1 and 9", "", "between 2 and 8", true},
		{"< 0", "", "", false}, // no count is negative
		{"> 0", "", "", true},
		{"> 3", "between 2 and 8", "> 8", false},
		{"> 3", "between 2 and 8", "> 8.5", true},
		{"> 3", "between 2 and 8", ">= 8.5", true},
	} {
		var clear, warn, fail Bound
		for _, b := range []struct {
			text string
			into *Bound
		}{{r.clear, &clear}, {r.warn, &warn}, {r.fail, &fail}} {
			if b.text == "" {
				continue
			}
			if err := b.into.UnmarshalText([]byte(b.text)); err != nil {
				t.Fatal(err)
			}
		}
		o := Options{Clear: clear}
		if err := o.validateClear(0, warn, fail); (err == nil) != r.want {
			t.Errorf("clear %s, warn %s, fail %s: %v", r.clear, r.warn, r.fail, err)
		}
	}
}
