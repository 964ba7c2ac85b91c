package notify_test

import (
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
)

// TestOpeningsAreBounded: an incident that flaps for months remembers no more openings than the
// rule needs, which a configuration may set to 20 at most.
func TestOpeningsAreBounded(t *testing.T) {
	t.Parallel()
	most := notify.Flaps{Openings: 21, Within: time.Hour, Settle: time.Hour}
	if err := most.Validate(); err == nil {
		t.Error("21 openings are valid")
	}
	for _, openings := range []int{2, 3, 20} {
		rule := notify.Flaps{Openings: openings, Within: time.Hour, Settle: time.Hour}
		if err := rule.Validate(); err != nil {
			t.Fatal(err)
		}
		var i sentinel.Incident
		for n := range 500 {
			i = rule.CountOpening(i, night.Add(time.Duration(n)*time.Minute))
		}
		if len(i.Openings) != openings || i.Flapping.Count != 500 {
			t.Errorf("of %d: %d openings are remembered, %+v", openings, len(i.Openings), i.Flapping)
		}
	}
}
