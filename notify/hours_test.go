package notify_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// drawHours draws the hours of a route: none, or one or two spans in a zone.
func drawHours(r *rand.Rand) (all []notify.Times) {
	days := [][]string{nil, {"mon-fri"}, {"sat", "sun"}, {"wed"}}
	for range r.IntN(3) {
		all = append(all, notify.Times{
			From: fmt.Sprintf("%02d:%02d", r.IntN(24), 30*r.IntN(2)), To: fmt.Sprintf("%02d:00", r.IntN(24)),
			Days: days[r.IntN(len(days))], Timezone: []string{"UTC", "Europe/Berlin", "America/St_Johns"}[r.IntN(3)],
		})
	}
	return all
}

// takers are the channels of an incident at an instant, by the documented rule: the first
// route that matches and holds, and the next ones as long as they say continue.
func takers(routes []notify.Route, i sentinel.Incident, now time.Time) (to []string) {
	for n := range routes {
		r := &routes[n]
		in := len(r.During) == 0 || slices.ContainsFunc(r.During, func(t notify.Times) bool { return t.Active(now) })
		if in && (len(r.Tier) == 0 || slices.Contains(r.Tier, i.Tier)) {
			to = append(to, r.To...)
			if !r.Continue {
				break
			}
		}
	}
	slices.Sort(to)
	return slices.Compact(to)
}

// TestHoursOfRoutes draws routes with hours and incidents, and looks every half hour for
// two weeks in which Berlin's clock is set back. A channel is notified of an incident while a
// route to it holds and never at another time, and each channel that was notified of the
// beginning is notified of the end, at any hour.
func TestHoursOfRoutes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 21))
		w := hoursWorld{t: t, seed: seed, store: openStore(t), told: map[string]bool{}}
		for n := range 1 + r.IntN(4) {
			route := notify.Route{
				To: []string{fmt.Sprintf("c%d", r.IntN(3)), fmt.Sprintf("d%d", n)}, During: drawHours(r),
				Continue: r.IntN(2) == 0, GroupWait: &at0s, Repeat: &at0s,
			}
			if r.IntN(2) == 0 {
				route.Tier = []string{"critical"}
			}
			if err := route.Validate(route.To); err != nil {
				t.Fatal(err)
			}
			w.planner.Routes = append(w.planner.Routes, route)
		}
		now := time.Date(2026, 10, 19, 0, 0, 0, 0, time.UTC)
		for n := 0; n < 14*48; n++ {
			now = now.Add(30 * time.Minute)
			switch {
			case w.open == nil && r.IntN(20) == 0:
				i := incident(n)
				i.Opened, i.Tier = now, []string{"critical", "warning"}[r.IntN(2)]
				w.transition(i, notify.Opened, now)
			case w.open != nil && r.IntN(40) == 0:
				i := *w.open
				i.State, i.Resolved = sentinel.Resolved, now
				w.transition(i, notify.Recovered, now)
			}
			w.sweep(now)
		}
	}
}

// hoursWorld is one incident after the other, and who was notified.
type hoursWorld struct {
	t       *testing.T
	seed    uint64
	store   *store.Store
	planner notify.Planner
	open    *sentinel.Incident
	told    map[string]bool // channels that were told of the open incident
}

func (w *hoursWorld) transition(i sentinel.Incident, kind notify.Kind, now time.Time) {
	w.t.Helper()
	sent, err := w.store.OutboxNotified(w.t.Context(), []string{i.ID})
	if err != nil {
		w.t.Fatal(err)
	}
	i.Transitions++
	items, err := w.planner.Plan([]notify.Change{{Kind: kind, Incident: i}}, sent, now)
	if err != nil {
		w.t.Fatal(err)
	}
	batch := store.Batch{Incidents: []sentinel.Incident{i}, Outbox: items}
	if _, err := w.store.Record(w.t.Context(), batch); err != nil {
		w.t.Fatal(err)
	}
	w.check(i, items, now)
	if w.open = &i; kind == notify.Recovered {
		var ended []string
		for _, item := range items {
			ended = append(ended, item.Channel)
		}
		if len(ended) != len(w.told) {
			w.t.Errorf("seed %d, %s: the end is told to %v, the beginning to %v", w.seed, now, ended, w.told)
		}
		w.open, w.told = nil, map[string]bool{}
	}
}

// check holds new items to the hours.
func (w *hoursWorld) check(i sentinel.Incident, items []store.OutboxItem, now time.Time) {
	w.t.Helper()
	for _, item := range items {
		if item.Kind == string(notify.Recovered) {
			continue
		}
		if w.told[item.Channel] {
			w.t.Errorf("seed %d, %s: %s is told again", w.seed, now, item.Channel)
		}
		w.told[item.Channel] = true
		if !slices.Contains(takers(w.planner.Routes, i, now), item.Channel) {
			w.t.Errorf("seed %d, %s: %s is told outside of its hours", w.seed, now, item.Channel)
		}
	}
}

func (w *hoursWorld) sweep(now time.Time) {
	w.t.Helper()
	ctx := w.t.Context()
	open, err := w.store.OpenIncidents(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	notices, err := w.store.OutboxNotices(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	items, err := w.planner.Remind(open, notices, nil, now)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.Enqueue(ctx, items); err != nil {
		w.t.Fatal(err)
	}
	if w.open == nil {
		return
	}
	w.check(*w.open, items, now)
	want := takers(w.planner.Routes, *w.open, now)
	for _, name := range want {
		if !w.told[name] {
			w.t.Errorf("seed %d, %s: %s holds, and was not told of what opened %s", w.seed, now, name, w.open.Opened)
		}
	}
	var explained []string
	for _, s := range notify.Explain(w.planner.Routes, *w.open, now) {
		if s.Taken {
			explained = append(explained, s.To...)
		}
	}
	slices.Sort(explained)
	if explained = slices.Compact(explained); !slices.Equal(explained, want) {
		w.t.Errorf("seed %d, %s: explained %v, want %v", w.seed, now, explained, want)
	}
	gaps, _ := notify.Gaps(w.planner.Routes, *w.open, now, now.Add(time.Hour))
	matched := slices.ContainsFunc(w.planner.Routes, func(r notify.Route) bool { return r.Matches(*w.open) })
	if in := len(gaps) > 0 && gaps[0].From.Equal(now); in != (matched && len(want) == 0) {
		w.t.Errorf("seed %d, %s: gaps %v, told are %v", w.seed, now, gaps, want)
	}
}

// TestGapsAreTheTimesWithoutANotice draws routes with hours, some of escalations alone. Nobody
// is notified of an incident that has just begun in its gaps, and somebody is at other times.
func TestGapsAreTheTimesWithoutANotice(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 10, 23, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(0, 0, 8)
	found := 0
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 23))
		var routes []notify.Route
		for n := range 1 + r.IntN(4) {
			routes = append(routes, notify.Route{
				To: []string{fmt.Sprint(n)}, During: drawHours(r), Continue: r.IntN(2) == 0, OnlyEscalated: r.IntN(2) == 0,
			})
			if err := routes[n].Validate([]string{"0", "1", "2", "3"}); err != nil {
				t.Fatal(err)
			}
		}
		gaps, until := notify.Gaps(routes, sentinel.Incident{}, from, to)
		if !until.Equal(to) {
			t.Errorf("seed %d: looked at until %s", seed, until)
		}
		told := func(at time.Time) bool {
			for n := range routes {
				if !routes[n].Holds(at) {
					continue
				}
				if !routes[n].OnlyEscalated {
					return true
				}
				if !routes[n].Continue {
					return false
				}
			}
			return false
		}
		ever := false
		for at := from; at.Before(to); at = at.Add(15 * time.Minute) {
			ever = ever || told(at)
		}
		for at := from; ever && at.Before(to); at = at.Add(15 * time.Minute) {
			in := slices.ContainsFunc(gaps, func(g notify.Gap) bool { return !at.Before(g.From) && at.Before(g.To) })
			if in == told(at) {
				t.Fatalf("seed %d, %s: in a gap %t, and told %t: %v", seed, at, in, told(at), gaps)
			}
		}
		found += len(gaps)
	}
	if found < 100 {
		t.Errorf("%d gaps", found)
	}
}

// Next and Ends are the instants at which Active changes.
func TestSpansBeginAndEnd(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 22))
		for _, span := range drawHours(r) {
			if err := span.Validate(); err != nil {
				t.Fatal(err)
			}
			from := time.Date(2026, 10, 23, 0, 0, 0, 0, time.UTC)
			next, end := span.Next(from), span.Ends(from)
			for at := from; at.Before(from.AddDate(0, 0, 8)); at = at.Add(15 * time.Minute) {
				if !next.After(at) {
					next = span.Next(at)
					if !span.Active(at) {
						t.Fatalf("%s begins at %s, and is not active", &span, at)
					}
					end = span.Ends(at)
				}
				if active := !end.IsZero() && at.Before(end); active != span.Active(at) {
					t.Fatalf("%s at %s: active is %v, it ends at %s", &span, at, !active, end)
				}
			}
		}
	}
}

func TestHoursWithCalendars(t *testing.T) {
	t.Parallel()
	dates := t.TempDir() + "/dates.txt"
	if err := os.WriteFile(dates, []byte("2026-12-25 Christmas\n2026-12-26\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	office := notify.Times{Days: []string{"mon-fri"}, From: "22:00", To: "06:00", Holidays: dates}
	whole := notify.Times{Dates: dates}
	for _, span := range []*notify.Times{&office, &whole} {
		if err := span.Validate(); err != nil {
			t.Fatal(err)
		}
	}
	for at, want := range map[string][2]bool{
		"2026-12-24 23:00": {true, false},
		"2026-12-25 05:59": {true, true}, // it began on the 24th
		"2026-12-25 23:00": {false, true},
		"2026-12-26 23:59": {false, true},
		"2026-12-27 00:00": {false, false},
		"2026-12-28 22:00": {true, false},
	} {
		now, err := notify.ParseInstant(at, time.UTC)
		if got := [2]bool{office.Active(now), whole.Active(now)}; err != nil || got != want {
			t.Errorf("%s: %v, %v, want %v", at, got, err, want)
		}
	}
	never := notify.Times{Days: []string{"mon"}, Dates: dates}
	if err := never.Validate(); err == nil || !strings.Contains(err.Error(), "it never holds") {
		t.Errorf("%v, want that it never holds", err)
	}
	night := notify.Route{To: []string{"a"}, During: []notify.Times{}}
	if err := night.Validate([]string{"a"}); err == nil || !strings.Contains(err.Error(), "never holds") {
		t.Errorf("%v, want that it never holds", err)
	}
}
