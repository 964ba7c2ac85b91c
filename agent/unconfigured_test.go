package agent

import (
	"fmt"
	"testing"

	"github.com/sentinel-dq/sentinel"
)

// TestRemovedChecksAreForgotten lets tables come and go: what is remembered of checks is bounded by
// those that are configured.
func TestRemovedChecksAreForgotten(t *testing.T) {
	t.Parallel()
	in := newIncidents(nil, &fixedPolicy{})
	for day := range 50 {
		id := fmt.Sprint("check of day ", day)
		for _, status := range []sentinel.Status{sentinel.Pass, sentinel.Error} {
			r := result(status, 0, "")
			r.Check, r.Table, r.Findings = id, table("t"), nil
			in.apply(r, Meta{})
		}
		in.keep(map[string]bool{id: true, "another": true})
		if len(in.lastGood) != 1 || len(in.errors) != 1 {
			t.Fatalf("day %d: %d and %d checks are remembered", day, len(in.lastGood), len(in.errors))
		}
	}
}
