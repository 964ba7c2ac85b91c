package slo_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/slo"
)

var begin = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// seconds is a history second by second: what the oracle counts. A second that nobody has
// recorded is unknown.
type seconds struct {
	from   time.Time
	states []slo.State
}

const unknown slo.State = 99

func newSeconds(from time.Time, n int) *seconds {
	s := &seconds{from: from, states: make([]slo.State, n)}
	for i := range s.states {
		s.states[i] = unknown
	}
	return s
}

func (s *seconds) set(from, to time.Time, state slo.State) {
	for at := from; at.Before(to); at = at.Add(time.Second) {
		s.states[int(at.Sub(s.from)/time.Second)] = state
	}
}

// count counts the seconds in each state in the window that ends at now.
func (s *seconds) count(now time.Time, window time.Duration, out []slo.Range) (n [4]int) {
	for i, state := range s.states {
		at := s.from.Add(time.Duration(i) * time.Second)
		if at.Before(now.Add(-window)) || !at.Before(now) || state == unknown {
			continue
		}
		for _, r := range out {
			if !at.Before(r.From) && at.Before(r.To) && (state == slo.Good || state == slo.Bad) {
				state = slo.Excluded
			}
		}
		n[state]++
	}
	return n
}

// left is the budget left, computed from counted seconds by the words of the page.
func left(n [4]int, o slo.Objective, window time.Duration) float64 {
	if n[slo.Good]+n[slo.Bad] == 0 {
		return math.NaN()
	}
	allowed := (1 - o.Target) * (window.Seconds() - float64(n[slo.Unjudged]) - float64(n[slo.Excluded]))
	return (allowed - float64(n[slo.Bad])) / allowed
}

func near(a, b float64) bool {
	return math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-9*(1+math.Abs(b))
}

// TestBudgetIsThatOfTheOracle draws histories with results out of order, corrections and
// ranges that do not count. The oracle counts every second on its own.
func TestBudgetIsThatOfTheOracle(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 7))
		const length = 2 * 3600
		var line slo.Timeline
		oracle := newSeconds(begin, length)
		at := func() time.Time { return begin.Add(time.Duration(r.IntN(length)) * time.Second) }
		for range 1 + r.IntN(60) {
			from := at()
			to := from.Add(time.Duration(r.IntN(1200)) * time.Second)
			if end := begin.Add(length * time.Second); to.After(end) {
				to = end
			}
			state := slo.State(r.IntN(4))
			line.Set(from, to, state)
			oracle.set(from, to, state)
		}
		var out []slo.Range
		for range r.IntN(3) {
			from := at()
			out = append(out, slo.Range{From: from, To: from.Add(time.Duration(r.IntN(900)) * time.Second)})
		}
		if seed%3 == 0 { // through the state
			data, err := json.Marshal(line)
			if err != nil {
				t.Fatal(err)
			}
			line = slo.Timeline{}
			if err := json.Unmarshal(data, &line); err != nil {
				t.Fatal(err)
			}
		}
		o := slo.Objective{
			Target: []float64{.5, .9, .99, .999}[r.IntN(4)],
			Window: time.Duration(1+r.IntN(4)) * time.Hour,
		}
		now := at()
		got, n := slo.Evaluate(&line, o, now, out), oracle.count(now, o.Window, out)
		if want := left(n, o, o.Window); !near(got.Left, want) {
			t.Errorf("seed %d: %g of the budget is left, want %g", seed, got.Left, want)
		}
		judged := float64(n[slo.Good] + n[slo.Bad])
		if want := float64(n[slo.Good]) / judged; !near(got.Actual, want) {
			t.Errorf("seed %d: actual %g, want %g", seed, got.Actual, want)
		}
		if want := judged / (judged + float64(n[slo.Unjudged])); !near(got.Judged, want) {
			t.Errorf("seed %d: judged %g, want %g", seed, got.Judged, want)
		}
		for i, w := range slo.Windows() {
			if want := 1 - left(oracle.count(now, w, out), o, w); !near(got.Burn[i], want) {
				t.Errorf("seed %d: burn rate of %s is %g, want %g", seed, w, got.Burn[i], want)
			}
		}
	}
}

// TestATimelineIsBounded: an indicator that flaps for weeks does not grow without end, and
// its totals stay.
func TestATimelineIsBounded(t *testing.T) {
	t.Parallel()
	var line slo.Timeline
	now := begin
	const flaps = 10000
	for range flaps {
		line.Set(now, now.Add(30*time.Second), slo.Good)
		line.Set(now.Add(30*time.Second), now.Add(time.Minute), slo.Bad)
		now = now.Add(time.Minute)
	}
	sum := line.Sum(begin, now, nil)
	if sum[slo.Good] != flaps*30*time.Second || sum[slo.Bad] != flaps*30*time.Second {
		t.Errorf("%v", sum)
	}
	data, err := json.Marshal(line)
	if err != nil || len(data) > 40_000 {
		t.Errorf("%d bytes (%v)", len(data), err)
	}
	recent := line.Sum(now.Add(-6*time.Hour), now, nil)
	if recent[slo.Bad] != 3*time.Hour {
		t.Errorf("of the last six hours %v", recent)
	}
	line.Forget(now.Add(-time.Hour))
	if sum := line.Sum(begin, now, nil); sum[slo.Bad] != 30*time.Minute || sum[slo.Good] != 30*time.Minute {
		t.Errorf("after forgetting: %v", sum)
	}
}

// TestAForgottenPartOfASecondShiftsNothing: what is stored after forgetting reads as it was.
func TestAForgottenPartOfASecondShiftsNothing(t *testing.T) {
	t.Parallel()
	for part := time.Duration(0); part < time.Second; part += 50 * time.Millisecond {
		for _, left := range []time.Duration{0, 5 * time.Second} {
			var line, again slo.Timeline
			line.Set(begin, begin.Add(20*time.Second), slo.Good)
			line.Set(begin.Add(20*time.Second), begin.Add(50*time.Second), slo.Bad)
			line.Forget(begin.Add(19*time.Second - left + part))
			data, err := json.Marshal(line)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(data, &again); err != nil || !again.End().Equal(begin.Add(50*time.Second)) || !reflect.DeepEqual(line, again) {
				t.Errorf("%s: %+v (%v), want %+v", part, again, err, line)
			}
		}
	}
}

// TestTimelinesOfEarlierStates: the form that earlier versions stored reads as the one of now. What
// is neither is refused.
func TestTimelinesOfEarlierStates(t *testing.T) {
	t.Parallel()
	var old, again slo.Timeline
	const earlier = `[{"f":1772431200,"t":1772431500,"s":[0,300,0,0]},{"f":1772431800,"t":1772431900,"s":[40,60,0,0]}]`
	if err := json.Unmarshal([]byte(earlier), &old); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(old)
	if want := `[[1772431200,300,1],[300,100,40,60,0,0]]`; err != nil || string(data) != want {
		t.Errorf("%s (%v), want %s", data, err, want)
	}
	if err := json.Unmarshal(data, &again); err != nil || !reflect.DeepEqual(old, again) {
		t.Errorf("%+v (%v), want %+v", again, err, old)
	}
	for _, text := range []string{`[[1,2]]`, `[[1,2,4]]`, `[[1,2,-1]]`, `[[1,0,1]]`, `[[1,2,1],[-1,2,1]]`, `{}`, `[[1,2,1,1]]`} {
		if err := json.Unmarshal([]byte(text), &again); err == nil {
			t.Errorf("%s is read", text)
		}
	}
}

func TestExhaustion(t *testing.T) {
	t.Parallel()
	o := slo.Objective{Target: .9, Window: 10 * 24 * time.Hour} // allows a day
	now := begin.Add(o.Window)
	var line slo.Timeline
	line.Set(begin, now, slo.Good)
	if l := slo.Evaluate(&line, o, now, nil); l.Left != 1 || !l.Exhausted.IsZero() || l.Actual != 1 {
		t.Errorf("nothing bad: %+v", l)
	}
	line.Set(now.Add(-6*time.Hour), now, slo.Bad) // a quarter of the budget; the rate is 10
	if l := slo.Evaluate(&line, o, now, nil); !near(l.Left, .75) || !l.Exhausted.Equal(now.Add(18*time.Hour)) {
		t.Errorf("bad for six hours: left %g, exhausted %s", l.Left, l.Exhausted)
	}
	line.Set(now.Add(-30*time.Hour), now, slo.Bad)
	if l := slo.Evaluate(&line, o, now, nil); !near(l.Left, -.25) || !l.Exhausted.Equal(now) {
		t.Errorf("bad for thirty hours: left %g, exhausted %s", l.Left, l.Exhausted)
	}
	// Three days were not judged and two are left out: the budget is half a day, half of it
	// is spent, and the rate is still 10.
	line = slo.Timeline{}
	line.Set(begin, now, slo.Good)
	line.Set(begin, begin.Add(3*24*time.Hour), slo.Unjudged)
	line.Set(begin.Add(3*24*time.Hour), begin.Add(5*24*time.Hour), slo.Excluded)
	line.Set(now.Add(-6*time.Hour), now, slo.Bad)
	l := slo.Evaluate(&line, o, now, nil)
	if !near(l.Left, .5) || !l.Exhausted.Equal(now.Add(6*time.Hour)) {
		t.Errorf("a part was not judged: left %g, exhausted %s", l.Left, l.Exhausted)
	}
	if l := slo.Evaluate(&slo.Timeline{}, o, now, nil); !math.IsNaN(l.Left) || !math.IsNaN(l.Burn[0]) {
		t.Errorf("nothing known: %+v", l)
	}
}

// TestNoObjectiveIsTooSmallToAlert: an indicator that is always bad fires every alert.
func TestNoObjectiveIsTooSmallToAlert(t *testing.T) {
	t.Parallel()
	for _, target := range []float64{.5, .9, .99, .999, .9999} {
		for _, days := range []int{1, 7, 30, 90} {
			o := slo.Objective{Target: target, Window: time.Duration(days) * 24 * time.Hour}
			for _, a := range o.Alerts() {
				if worst := 1 / (1 - target); a.Rate >= worst {
					t.Errorf("%g over %d days: %+v never fires: the worst rate is %g", target, days, a, worst)
				}
				if a.Rate < 1 || a.Long > o.Window {
					t.Errorf("%g over %d days: %+v fires although the objective is met", target, days, a)
				}
			}
		}
	}
	if a := (slo.Objective{Target: .999, Window: 30 * 24 * time.Hour}).Alerts(); !near(a[0].Rate, 14.4) ||
		!near(a[1].Rate, 6) || !near(a[2].Rate, 1) {
		t.Errorf("%+v", a)
	}
}

// TestCombinedTimelinesAreThoseOfTheOracle draws several timelines. In each second the
// state that stands first of excluded, bad, not judged and good holds.
func TestCombinedTimelinesAreThoseOfTheOracle(t *testing.T) {
	t.Parallel()
	rank := map[slo.State]int{slo.Excluded: 4, slo.Bad: 3, slo.Unjudged: 2, slo.Good: 1, unknown: 0}
	for seed := range uint64(80) {
		r := rand.New(rand.NewPCG(seed, 11))
		const length = 600
		all := newSeconds(begin, length)
		var lines []*slo.Timeline
		for range 1 + r.IntN(4) {
			one, line := newSeconds(begin, length), &slo.Timeline{}
			for range r.IntN(12) {
				from := begin.Add(time.Duration(r.IntN(length)) * time.Second)
				to := from.Add(time.Duration(r.IntN(120)) * time.Second)
				if end := begin.Add(length * time.Second); to.After(end) {
					to = end
				}
				state := slo.State(r.IntN(4))
				one.set(from, to, state)
				line.Set(from, to, state)
			}
			lines = append(lines, line)
			for i, s := range one.states {
				if rank[s] > rank[all.states[i]] {
					all.states[i] = s
				}
			}
		}
		now := begin.Add(time.Duration(r.IntN(length)) * time.Second)
		got, want := slo.Combine(lines...).Sum(begin, now, nil), all.count(now, time.Hour, nil)
		for state := range want {
			if got[state] != time.Duration(want[state])*time.Second {
				t.Errorf("seed %d: %v, want %v", seed, got, want)
				break
			}
		}
	}
}
