package agent

import (
	"fmt"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// TestWhatIsRemovedIsForgotten lets tables come and go, each with an incident: what is remembered
// is bounded by the tables and checks that are configured, and by the incidents that may be
// opened again.
func TestWhatIsRemovedIsForgotten(t *testing.T) {
	t.Parallel()
	policy := &fixedPolicy{}
	in := newIncidents(nil, policy)
	const hours = 50
	for hour := range hours {
		of := table(fmt.Sprint("t", hour))
		id := of.String() + "/check"
		for minute, status := range []sentinel.Status{sentinel.Fail, sentinel.Pass, sentinel.Error} {
			r := result(status, 60*hour+minute, "")
			r.Check, r.Table = id, of
			if status != sentinel.Fail {
				r.Findings = nil
			}
			in.apply(r, Meta{})
			in.keep(nil, map[string]bool{id: true}, r.Tick)
			if changes := in.takeChanges(); (len(changes) == 1) != (status != sentinel.Error) {
				t.Fatalf("hour %d, %s: %d changes", hour, status, len(changes))
			}
		}
		if len(in.lastGood) != 1 || len(in.errors) != 1 {
			t.Fatalf("hour %d: %d and %d checks are remembered", hour, len(in.lastGood), len(in.errors))
		}
		if last := in.open[of]; last.State != sentinel.Resolved {
			t.Fatalf("hour %d: it may be opened again: %+v", hour, last)
		}
		if within := 1 + int(policy.flaps().Settle/time.Hour); len(in.open) > within || len(in.tables) > within {
			t.Fatalf("hour %d: %d incidents of %d ids are remembered", hour, len(in.open), len(in.tables))
		}
	}
	stays := table("t0")
	in.apply(bad("t0", 60*hours), Meta{})
	in.takeChanges()
	in.keep(nil, nil, result(sentinel.Pass, 600*hours).Tick)
	if len(in.open) != 1 || in.open[stays].State != sentinel.Open {
		t.Errorf("only what is open stays: %+v", in.open)
	}
}
