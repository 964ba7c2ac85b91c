package budget_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/budget"
)

// perDay are the ticks that remain of one a step.
func perDay(step time.Duration) func(time.Duration) float64 {
	return func(every time.Duration) float64 {
		return budget.Rarest.Seconds() / max(step, every).Seconds()
	}
}

// drawn draws parts with costs from microseconds to minutes.
func drawn(r *rand.Rand) []budget.Part {
	steps := []time.Duration{time.Minute, 5 * time.Minute, 17 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 168 * time.Hour}
	rarest := []time.Duration{30 * time.Minute, time.Hour, 12 * time.Hour, budget.Rarest}
	parts := make([]budget.Part, r.IntN(30))
	for i := range parts {
		cost := time.Duration(r.Int64N(int64(time.Minute) >> r.IntN(30)))
		if r.IntN(4) == 0 && i > 0 {
			cost = parts[i-1].Cost // the key decides
		}
		p := budget.Part{
			Key: fmt.Sprintf("%03d", i), Cost: cost, Last: r.IntN(3) == 0,
			Rates: budget.Rates(rarest[r.IntN(len(rarest))], perDay(steps[r.IntN(len(steps))])),
		}
		p.At = r.IntN(len(p.Rates) + 2) // beyond the last: a limit has become shorter
		parts[i] = p
	}
	return parts
}

// TestTheDayIsWithinTheBudget holds the laws of a choice, for whatever is in force before.
func TestTheDayIsWithinTheBudget(t *testing.T) {
	t.Parallel()
	var moved, last, over int
	for seed := range uint64(20_000) {
		r := rand.New(rand.NewPCG(seed, 0))
		parts := drawn(r)
		limit := time.Duration(1 + r.Int64N(int64(24*time.Hour)>>r.IntN(24)))
		c := budget.Fit(limit, parts)
		var day, configured time.Duration
		canMove, lastMoved, anyMoved := false, false, false
		for i, p := range parts {
			if c.At[i] < 0 || c.At[i] >= len(p.Rates) {
				t.Fatalf("seed %d: part %d is moved to %d of %d", seed, i, c.At[i], len(p.Rates))
			}
			day += p.Day(c.At[i])
			configured += p.Day(0)
			canMove = canMove || !p.Last && p.Cost > 0 && c.At[i] < len(p.Rates)-1
			lastMoved = lastMoved || p.Last && p.Cost > 0 && c.At[i] > 0
			anyMoved = anyMoved || p.Cost > 0 && c.At[i] > 0
			if c.Over && p.Cost > 0 && c.At[i] < len(p.Rates)-1 {
				t.Fatalf("seed %d: over the budget although part %d can be moved", seed, i)
			}
		}
		switch {
		case day != c.Day || configured != c.Configured:
			t.Fatalf("seed %d: a day takes %v of %v, want %v of %v", seed, c.Day, c.Configured, day, configured)
		case c.Over != (day > limit):
			t.Fatalf("seed %d: over is %v with %v of %v", seed, c.Over, day, limit)
		case lastMoved && canMove:
			t.Fatalf("seed %d: a part is moved that is to be moved last", seed)
		case anyMoved && configured <= limit*4/5-1:
			t.Fatalf("seed %d: parts are moved although all ticks take %v of %v", seed, configured, limit)
		}
		moved, last, over = moved+count(anyMoved), last+count(lastMoved), over+count(c.Over)
		if again := budget.Fit(limit, inForce(parts, c.At)); !reflect.DeepEqual(again, c) {
			t.Fatalf("seed %d: chosen again: %+v, before %+v", seed, again, c)
		}
	}
	if moved < 1000 || last < 1000 || over < 1000 {
		t.Errorf("only %d, %d and %d of the choices moved a part, moved one of the last, and were over", moved, last, over)
	}
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

func inForce(parts []budget.Part, at []int) []budget.Part {
	out := slices.Clone(parts)
	for i := range out {
		out[i].At = at[i]
	}
	return out
}

// TestTheOrderOfPartsDoesNotMatter holds that only the parts decide.
func TestTheOrderOfPartsDoesNotMatter(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		parts := drawn(r)
		limit := time.Duration(1 + r.Int64N(int64(24*time.Hour)>>r.IntN(24)))
		want := map[string]int{}
		for i, at := range budget.Fit(limit, parts).At {
			want[parts[i].Key] = at
		}
		r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		for i, at := range budget.Fit(limit, parts).At {
			if want[parts[i].Key] != at {
				t.Fatalf("seed %d: part %s is moved to %d, in another order to %d", seed, parts[i].Key, at, want[parts[i].Key])
			}
		}
	}
}

// TestCostsThatVaryMoveNothingToAndFro holds that no check is moved up and down by costs that
// vary by a fifth.
func TestCostsThatVaryMoveNothingToAndFro(t *testing.T) {
	t.Parallel()
	back := 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 2))
		parts := drawn(r)
		limit := time.Duration(1 + r.Int64N(int64(24*time.Hour)>>r.IntN(24)))
		at := budget.Fit(limit, parts).At
		for range 50 {
			now := inForce(parts, at)
			for i := range now {
				now[i].Cost -= time.Duration(r.Float64() * 0.199 * float64(now[i].Cost))
			}
			next := budget.Fit(limit, now).At
			for i := range next {
				if parts[i].Cost == 0 || now[i].Cost == 0 {
					continue
				}
				if next[i] > at[i] {
					t.Fatalf("seed %d: part %d goes from %d to %d", seed, i, at[i], next[i])
				}
				back += at[i] - next[i]
			}
			at = next
		}
	}
	if back == 0 {
		t.Error("no part was ever moved back")
	}
}

func TestTheDearestIsMovedFirst(t *testing.T) {
	t.Parallel()
	five := budget.Rates(budget.Rarest, perDay(5*time.Minute))
	parts := []budget.Part{
		{Key: "cheap", Cost: time.Millisecond, Rates: five},
		{Key: "dear", Cost: 10 * time.Second, Rates: five},
		{Key: "freshness", Cost: time.Second, Rates: budget.Rates(time.Hour, perDay(5*time.Minute)), Last: true},
	}
	for _, c := range []struct {
		limit      time.Duration
		at         []time.Duration
		day        time.Duration
		configured time.Duration
		over       bool
	}{
		{time.Hour, []time.Duration{0, 0, 0}, 3168288 * time.Millisecond, 3168288 * time.Millisecond, false},
		{20 * time.Minute, []time.Duration{0, 20 * time.Minute, 0}, 1008288 * time.Millisecond, 3168288 * time.Millisecond, false},
		{6 * time.Minute, []time.Duration{0, 4 * time.Hour, 0}, 348288 * time.Millisecond, 3168288 * time.Millisecond, false},
		{time.Minute, []time.Duration{budget.Rarest, budget.Rarest, 30 * time.Minute}, 58001 * time.Millisecond, 3168288 * time.Millisecond, false},
		{10 * time.Second, []time.Duration{budget.Rarest, budget.Rarest, time.Hour}, 34001 * time.Millisecond, 3168288 * time.Millisecond, true},
	} {
		got := budget.Fit(c.limit, parts)
		every := make([]time.Duration, len(parts))
		for i, at := range got.At {
			every[i] = parts[i].Rates[at].Every
		}
		if !slices.Equal(every, c.at) || got.Day != c.day || got.Configured != c.configured || got.Over != c.over {
			t.Errorf("%v: %v, %+v; want %+v", c.limit, every, got, c)
		}
	}
}

func TestStretchesDivideADay(t *testing.T) {
	t.Parallel()
	list := budget.Stretches()
	for i, every := range list {
		if budget.Rarest%every != 0 || i > 0 && every <= list[i-1] {
			t.Errorf("stretch %v", every)
		}
	}
	if list[len(list)-1] != budget.Rarest {
		t.Errorf("the rarest is %v", list[len(list)-1])
	}
}
