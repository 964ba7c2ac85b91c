package agent

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/repair/reload"
	"github.com/sentinel-dq/sentinel/repair/repairtest"
)

// The rows that were there before a repair are kept as long as its plan says, and no longer.
func TestSweepKeepsRowsAsPlanned(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ configured, kept time.Duration }{
		{time.Hour, time.Hour}, {0, 24 * time.Hour}, {72 * time.Hour, 72 * time.Hour},
	} {
		t.Run(fmt.Sprint(c.configured), func(t *testing.T) {
			t.Parallel()
			p := newProving(t, "sqlite", "staging")
			action := p.policy.Action.(*reload.Partition)
			action.KeepFor = c.configured
			p.Must(action.Validate())
			p.add("day", perDay(t, 8))
			p.begin()
			if got := p.statuses(); got != "day fail" {
				t.Fatal(got)
			}
			r := p.repair("day")
			p.want(r, sentinel.RepairSucceeded)
			staged := func() int {
				tables := repairtest.Query(t, p.Driver, p.Owner, "SELECT name FROM sqlite_master")
				return strings.Count(tables, r.ID+"_old|")
			}
			p.clock = r.Finished.Add(c.kept - time.Second)
			if p.agent.sweep(t.Context(), p.plan); staged() != 1 {
				t.Errorf("the rows are gone %s after the repair", c.kept-time.Second)
			}
			p.clock = r.Finished.Add(c.kept)
			if p.agent.sweep(t.Context(), p.plan); staged() != 0 {
				t.Errorf("the rows are there %s after the repair", c.kept)
			}
		})
	}
}
