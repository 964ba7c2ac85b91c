package app_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/testenv"
)

// TestRollingUpdate restarts two agents one after the other, as a Deployment does: the next
// one is ended only when the one before is ready. Both are ready, one leads, and every tick
// was run once or is written down with its reason. Meanwhile tables are emptied and filled
// again, and each incident is notified once when it begins and once when it ends.
func TestRollingUpdate(t *testing.T) {
	t.Parallel()
	const datasets = 10
	c := newCluster(t, 2, datasets, testenv.Postgres(t))
	ready := func(n int) {
		t.Helper()
		c.until(fmt.Sprintf("agent %d is ready", n), func() bool { return c.get(n, "/-/ready") != "" })
	}
	ready(0)
	ready(1)
	c.ticked(time.Time{})
	var slowest time.Duration
	for step := range 4 {
		n := step % 2
		name := fmt.Sprintf("t_%04d", step)
		testenv.Exec(t, "pgx", c.shop, "DELETE FROM "+name)
		led := c.leader() == n
		began := time.Now()
		if err := c.agents[n].cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := c.agents[n].cmd.Wait(); err != nil {
			t.Errorf("agent %d ends with %v", n, err)
		}
		c.agents[n].cmd = nil
		if next := c.leader(); next == n {
			t.Errorf("agent %d leads after its end", n)
		}
		if led {
			slowest = max(slowest, time.Since(began))
		}
		ready(1 - n)
		c.start(n)
		ready(n)
		if c.get(n, "/-/leader") != "" {
			t.Errorf("agent %d leads beside the other one", n)
		}
		c.ticked(time.Now())
		c.until("the incident is notified", func() bool { return c.notified() > 2*step })
		testenv.Exec(t, "pgx", c.shop, "INSERT INTO "+name+" VALUES (1)")
		c.until("its end is notified", func() bool { return c.notified() > 2*step+1 })
	}
	t.Logf("leadership moved within %s", slowest.Round(100*time.Millisecond))
	if slowest > 10*time.Second {
		t.Errorf("leadership moved after %s", slowest)
	}
	for n := range c.agents {
		c.kill(n)
	}
	c.complete(datasets)
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, times := range c.notices {
		if times != 1 || len(c.notices) != 8 {
			t.Errorf("notice %s arrived %d times, of %d notices; want 8, each once", key, times, len(c.notices))
		}
	}
}

// notified counts the notices that have arrived.
func (c *testCluster) notified() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.notices)
}
