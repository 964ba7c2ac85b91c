package app_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/testenv"
)

// TestStateStopsAndComesBack: no agent ends while the state's server is away.
// Checks go on, results wait in memory, nothing is repaired; once it is back all
// is written down, and work goes on.
func TestStateStopsAndComesBack(t *testing.T) {
	t.Parallel()
	server := testenv.NewPostgres(t) // keeps what it has confirmed, when it is killed
	c := newCluster(t, 2, 5, server.DSN)
	c.ticked(time.Time{})
	leader := c.leader()
	server.Halt(true)
	c.until("the leader says that the state is away", func() bool {
		page := c.get(leader, "/metrics")
		return strings.Contains(page, "sentinel_store_up 0") && strings.Contains(page, "sentinel_leading 0")
	})
	before := c.get(leader, "/metrics")
	c.until("checks go on without the state", func() bool {
		return lastRun(c.get(leader, "/metrics")) > lastRun(before)
	})
	for n, m := range c.agents {
		if c.get(n, "/-/healthy") == "" {
			text, _ := os.ReadFile(m.log)
			t.Errorf("agent %d ended with the state:\n%s", n, text)
		}
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	c.ticked(back)
	t.Logf("after the state was back, a tick was written down within %s",
		time.Since(back).Round(100*time.Millisecond))
	for n := range c.agents {
		c.kill(n)
	}
	c.complete(5)
}

// lastRun is when a check ran last, as the metrics have it.
func lastRun(page string) float64 {
	const metric = "sentinel_check_last_run_timestamp_seconds{"
	for line := range strings.Lines(page) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		if ok && strings.HasPrefix(name, metric) && strings.Contains(name, "public.quiet") {
			if v, err := strconv.ParseFloat(value, 64); err == nil {
				return v
			}
		}
	}
	return 0
}
