package page_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/web"
)

// look configures one dataset in each of several zones, and tells of results of them at noon.
func (s *site) look() {
	s.Helper()
	var datasets []agent.Dataset
	var b store.Batch
	for n, name := range []string{"UTC", "Pacific/Auckland", "America/Los_Angeles"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			s.Fatal(err)
		}
		d := configured(table(n), "ann")
		d.Location = zone
		datasets = append(datasets, d)
		b.Results = append(b.Results, results(table(n), sentinel.Pass, 13200, "13,200 rows")...)
	}
	s.board.Configured(datasets)
	s.board.Judged(b)
	s.mu.Lock()
	s.now = noon.Add(time.Hour)
	s.mu.Unlock()
}

// strips waits until the strip of each dataset says what is wanted.
func (s *site) strips(want string) {
	s.Helper()
	ctx, end := context.WithTimeout(s.Context(), 20*time.Second)
	defer end()
	var labels []string
	for ctx.Err() == nil {
		_, body, _ := s.get("/datasets", nil)
		labels = regexp.MustCompile(`30 days: [^"]*`).FindAllString(body, -1)
		if slices.Equal(labels, []string{want, want, want}) {
			return
		}
	}
	s.Errorf("the strips say %q, want %q", labels, want)
}

// The days on which an agent has looked are known from its first tick on, in the zone of each
// dataset.
func TestTheFirstLookIsKnownAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.look()
	s.strips("30 days: 29 not watched")
}

// What the agent tells while the state is read is kept, and so is what the state has.
func TestTheDaysOfTheStateAndOfTheAgent(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w *web.Server) {
		tick := store.TickRecord{Schedule: "s", Table: table(0), Tick: noon.AddDate(0, 0, -5)}
		if _, err := w.Store.Record(t.Context(), store.Batch{Ticks: []store.TickRecord{tick}}); err != nil {
			t.Fatal(err)
		}
	})
	s.look()
	s.strips("30 days: 28 not watched") // four days lie between, and 24 before
}

// An incident that ended long ago is forgotten.
func TestThePastEnds(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.fill(1)
	ended := func(id, message string, at time.Time) {
		i := incident(table(0), message)
		i.ID, i.State, i.Opened, i.Resolved = id, sentinel.Resolved, at.Add(-time.Hour), at
		i.Findings[0].Opened, i.Findings[0].Resolved = i.Opened, at
		s.record(batchOf(i))
	}
	ended("i-1", "an old story", noon)
	later := noon.AddDate(0, 0, 40)
	s.mu.Lock()
	s.now = later
	s.mu.Unlock()
	ended("i-2", "a new story", later)
	if _, body, _ := s.get("/datasets/shop/schema_00/table_00000", nil); strings.Contains(body, "an old story") ||
		!strings.Contains(body, "a new story") {
		t.Error("the past of the dataset is not that of the last 30 days")
	}
}
