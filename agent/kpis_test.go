package agent

import (
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// TestTheTimeToResolveCountsLongIncidents: an incident is in the mean of the time in which
// it was resolved, also if it was opened before.
func TestTheTimeToResolveCountsLongIncidents(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	at := func(days int) time.Time { return since.AddDate(0, 0, days) }
	day := 24 * time.Hour
	var k KPIs
	for _, i := range []sentinel.Incident{
		{Opened: at(-20), Resolved: at(20), State: sentinel.Resolved},
		{Opened: at(1), Resolved: at(3), State: sentinel.Resolved, LastGood: at(0)},
		{Opened: at(-9), Resolved: at(-1), State: sentinel.Resolved, LastGood: at(-12)},
		{Opened: at(5), State: sentinel.Open},
		{Opened: at(-5), State: sentinel.Open},
	} {
		k.incident(i, since)
	}
	if mean, ok := k.Resolve.Value(); !ok || mean != 21*day || k.Resolve.N != 2 {
		t.Errorf("resolved in %s, %d of them", mean, k.Resolve.N)
	}
	if mean, ok := k.Detect.Value(); !ok || mean != day || k.Incidents != 2 {
		t.Errorf("detected in %s, %d incidents", mean, k.Incidents)
	}
}
