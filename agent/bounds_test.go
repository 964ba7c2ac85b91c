package agent

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/schedule"
	"github.com/sentinel-dq/sentinel/store"
)

// TestSilencesInForceAreBounded: no silence is set beside a thousand others, and one is once they
// are over.
func TestSilencesInForceAreBounded(t *testing.T) {
	t.Parallel()
	w := watchOrders(t, filepath.Join(t.TempDir(), "state.db"))
	set := func(n int) error {
		_, err := w.agent.addSilence(t.Context(), silenceOf(fmt.Sprint("s", n), "w.main.*", w.now, time.Hour), []byte("{}"))
		return err
	}
	for n := range mostSilences {
		if err := set(n); err != nil {
			t.Fatal(err)
		}
	}
	if err := set(mostSilences); err == nil || !strings.Contains(err.Error(), "1000 silences are in force") {
		t.Errorf("one more: %v", err)
	}
	w.now = w.now.Add(48 * time.Hour)
	if err := set(mostSilences); err != nil || len(w.agent.silences) != 1 {
		t.Errorf("after their end: %v, %d are remembered", err, len(w.agent.silences))
	}
}

// TestMissedTicksAreBounded: an agent that did not run for months writes down a thousand ticks, of
// which the first stands for the older ones, and runs the newest alone.
func TestMissedTicksAreBounded(t *testing.T) {
	t.Parallel()
	every, err := schedule.Parse("* * * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 2, 0, 0, 30, 0, time.UTC)
	for _, c := range []struct {
		catchUp          string
		away             int // minutes
		first            int // minutes after the last tick at which the first one is run
		skipped, records int
	}{
		{"one", 100, 100, 99, 99},
		{"one", 150_000, 150_000, 149_999, maxMissed},
		{"all", maxCatchUp, 1, 0, 0},
		{"all", 150_000, 150_000, 149_999, maxMissed},
	} {
		s := simulation{t: t, sched: every, now: now, catchUp: c.catchUp, seen: ledger{}}
		s.start()
		last := now.Truncate(time.Minute).Add(-time.Duration(c.away) * time.Minute)
		var entries []*entry
		var tick time.Time
		for at, due := range s.loop.due(now, map[store.TickKey]time.Time{s.loop.entries[0].key(): last}) {
			tick, entries = at, due
		}
		if len(entries) != 1 || !tick.Equal(last.Add(time.Duration(c.first)*time.Minute)) {
			t.Fatalf("%+v: %d entries are due at %s", c, len(entries), tick)
		}
		ticks := 0
		for _, k := range entries[0].skipped {
			ticks += k.ticks()
		}
		if ticks != c.skipped || len(entries[0].skipped) != c.records {
			t.Errorf("%+v: %d ticks in %d records", c, ticks, len(entries[0].skipped))
		}
	}
}
