package page_test

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// Every open incident is in the list, also where incidents explain each other in a circle, and the
// number in the navigation is that of the list.
func TestEveryOpenIncidentIsListed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		upstream map[int]int // of incidents by number; -1: one that has resolved
		state    map[int]sentinel.IncidentState
		needs    int
	}{
		"alone":           {map[int]int{}, nil, 4},
		"a chain":         {map[int]int{1: 0, 2: 1, 3: 2}, nil, 1},
		"a circle":        {map[int]int{0: 1, 1: 0, 2: 1}, nil, 2},
		"itself":          {map[int]int{0: 0}, nil, 4},
		"resolved":        {map[int]int{0: -1, 1: 0}, nil, 3},
		"below a silence": {map[int]int{1: 0}, map[int]sentinel.IncidentState{0: sentinel.Suppressed}, 2},
		"a silence below": {map[int]int{1: 0, 2: 1}, map[int]sentinel.IncidentState{1: sentinel.Suppressed}, 2},
		"a circle at work": {map[int]int{0: 1, 1: 2, 2: 3, 3: 0},
			map[int]sentinel.IncidentState{0: sentinel.Repairing}, 0},
	} {
		s := serve(t)
		var b store.Batch
		id := func(n int) string { return fmt.Sprint("incident-", n) }
		for n := range 4 {
			i := incident(table(n), "0 rows")
			i.ID = id(n)
			if up, explained := c.upstream[n]; explained {
				i.Upstream = id(up)
			}
			if to, changed := c.state[n]; changed {
				i.State = to
			}
			b.Incidents = append(b.Incidents, i)
		}
		s.record(b)
		status, body, _ := s.get("/incidents", nil)
		_, main, _ := strings.Cut(body, `id="main"`)
		listed := map[string]bool{}
		for _, found := range regexp.MustCompile(`table_0000\d`).FindAllString(main, -1) {
			listed[found] = true
		}
		if status != http.StatusOK || len(listed) != 4 {
			t.Errorf("%s: %d with %q", name, status, slices.Sorted(maps.Keys(listed)))
		}
		want := map[bool]string{true: "No incident needs you", false: fmt.Sprint(c.needs, " incident")}[c.needs == 0]
		count := regexp.MustCompile(`href="/incidents"[^>]*>[^<]*(?:<[^>]*>)*(\d*)`).FindStringSubmatch(body)
		if !strings.Contains(main, want) || count == nil || count[1] != strings.TrimPrefix(fmt.Sprint(c.needs), "0") {
			t.Errorf("%s: want %q, and the navigation has %q", name, want, count)
		}
	}
}
