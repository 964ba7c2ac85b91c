package notify

import (
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// A route by tags takes the datasets of which one tag matches, and says so.
func TestRoutesByTag(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		route, tags string
		want        bool
	}{
		{"", "", true}, {"", "a b", true}, {"pii", "finance pii", true}, {"pii", "finance", false}, {"pii", "", false},
		{"fin*", "x finance", true}, {"fin% pii", "pii", true}, {"*", "", false}, {"*", "a", true},
	} {
		r := Route{Tag: strings.Fields(c.route)}
		i := sentinel.Incident{Tags: strings.Fields(c.tags)}
		if got := r.Matches(i); got != c.want || (r.mismatch(i) == "") != c.want {
			t.Errorf("%+v: %v, %q", c, got, r.mismatch(i))
		}
	}
	for _, c := range []struct {
		early, late string
		want        int
	}{{"pii", "pii", 1}, {"pii finance", "pii", 1}, {"pii", "pii finance", 0}, {"pii", "", 0}, {"", "pii", 1}} {
		routes := []Route{{Tag: strings.Fields(c.early)}, {Tag: strings.Fields(c.late)}}
		if got := Hides(routes, 1); got != c.want {
			t.Errorf("%+v: hidden by %d", c, got)
		}
	}
}

// A silence and a window by tags hold for the datasets of which one tag matches, by the rule of routes.
func TestQuietByTag(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		pattern, tags string
		want          bool
	}{
		{"", "", true}, {"", "a b", true}, {"pii", "finance pii", true}, {"pii", "finance", false}, {"pii", "", false},
		{"fin*", "x finance", true}, {"Pii", "pii", false}, {"*", "", false}, {"%", "a", true},
	} {
		i := sentinel.Incident{ID: "i", Table: sentinel.Table{Warehouse: "w", Name: "t"}, Tags: strings.Fields(c.tags)}
		s := Silence{Tag: c.pattern, From: from, Until: from.Add(time.Hour)}
		if got := s.Suppresses(i, from); got != c.want {
			t.Errorf("silence %+v: %v", c, got)
		}
		w := Window{Tag: strings.Fields(c.pattern)}
		if got := w.matches(i); got != c.want || MatchTag(c.pattern, i.Tags) != c.want && c.pattern != "" {
			t.Errorf("window %+v: %v", c, got)
		}
	}
}
