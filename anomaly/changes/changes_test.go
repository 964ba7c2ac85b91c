package changes_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/sentinel-dq/sentinel/anomaly/changes"
)

const (
	day  = 86400.0
	hour = 3600.0
)

// feed gives n values to a test, one a step, and returns what is told, by index. Levels are in
// hundredths, and so is the spread.
func feed(t *changes.Test, from, n int, step, prob float64, level func(i int) float64) map[int]changes.Found {
	out := map[int]changes.Found{}
	for i := from; i < from+n; i++ {
		v := changes.Value{Time: int64(float64(i) * step), Level: level(i) / 100, Spread: 0.01, Step: step, Ahead: 1}
		if f, news := t.Learn(changes.Chosen(), v, prob); news {
			t.Tell(f)
			out[i] = f
		}
	}
	return out
}

// noises are kinds of series without a change.
var noises = map[string]func(r *rand.Rand) func(i int) float64{
	"independent": func(r *rand.Rand) func(int) float64 {
		return func(int) float64 { return r.NormFloat64() }
	},
	"correlated": func(r *rand.Rand) func(int) float64 {
		x := 0.0
		return func(int) float64 { x = .8*x + r.NormFloat64(); return x }
	},
	"wandering": func(r *rand.Rand) func(int) float64 {
		x := 0.0
		return func(int) float64 { x += r.NormFloat64(); return x }
	},
	"trend": func(r *rand.Rand) func(int) float64 {
		return func(i int) float64 { return .3*float64(i) + r.NormFloat64() }
	},
	"heavy tails": func(r *rand.Rand) func(int) float64 {
		return func(int) float64 { return r.NormFloat64() / math.Sqrt((r.ExpFloat64()+r.ExpFloat64())/2) }
	},
	"skewed": func(r *rand.Rand) func(int) float64 {
		return func(int) float64 { return r.ExpFloat64() }
	},
}

// TestNothingIsToldOfSeriesWithoutAChange holds that no more is told than the budget allows.
func TestNothingIsToldOfSeriesWithoutAChange(t *testing.T) {
	t.Parallel()
	for name, noise := range noises {
		for _, c := range []struct {
			step, prob float64
			n          int
		}{{day, 1e-3, 300}, {hour, 5e-5, 2000}} {
			const series = 60
			told := 0
			for seed := range uint64(series) {
				var test changes.Test
				told += len(feed(&test, 0, c.n, c.step, c.prob, noise(rand.New(rand.NewPCG(seed, 1)))))
			}
			allowed := c.prob * float64(series*c.n)
			if float64(told) > allowed+2*math.Sqrt(allowed) {
				t.Errorf("%s, every %.0f s: %d findings, %.1f allowed", name, c.step, told, allowed)
			}
		}
	}
}

// TestAChangeIsToldOnceWithItsOnset draws changes of level and drifts after 150 values.
func TestAChangeIsToldOnceWithItsOnset(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		step       float64
		size       float64 // in spreads; of a drift, after 14 values
		drift      bool
		delay, off float64 // most values until it is told, and distance of its onset, on average
	}{
		{"two spreads, daily", day, -2, false, 10, 3},
		{"three spreads, daily", day, 3, false, 6, 2},
		{"one spread, hourly", hour, -1, false, 48, 12},
		{"three spreads, hourly", hour, 3, false, 24, 6},
		{"drift, daily", day, -5, true, 14, 5},
		{"drift, hourly", hour, 3, true, 30, 10},
	} {
		const series, before, after = 40, 150, 40
		found, more, delay, off, size := 0, 0, 0.0, 0.0, 0.0
		from := before
		if c.step == hour {
			from = 24 * 40
		}
		for seed := range uint64(series) {
			r := rand.New(rand.NewPCG(seed, 2))
			var test changes.Test
			feed(&test, 0, from, c.step, 1e-3*c.step/day, func(int) float64 { return r.NormFloat64() })
			told := feed(&test, from, after, c.step, 1e-3*c.step/day, func(i int) float64 {
				if c.drift {
					return c.size*math.Min(float64(i-from)/14, 1) + r.NormFloat64()
				}
				return c.size + r.NormFloat64()
			})
			more += max(0, len(told)-1)
			for i := from; i < from+after; i++ {
				if f, ok := told[i]; ok {
					found++
					delay += float64(i - from + 1)
					off += math.Abs(float64(f.Since)/c.step - float64(from))
					now := c.size
					if c.drift {
						now *= math.Min(float64(i-from)/14, 1)
					}
					size += 100 * (f.Now - f.Before) / now
					break
				}
			}
		}
		n := float64(max(found, 1))
		t.Logf("%s: found %d of %d after %.1f, onset off by %.1f, size %.2f, %d more", c.name, found, series,
			delay/n, off/n, size/n, more)
		if found < series*8/10 || more > series/10 {
			t.Errorf("%s: told in %d of %d series, again in %d", c.name, found, series, more)
		}
		if delay/n > c.delay || off/n > c.off || size/n < 0.5 || size/n > 1.5 {
			t.Errorf("%s: after %.1f values, onset off by %.1f, %.2f of the size", c.name, delay/n, off/n, size/n)
		}
	}
}

// TestIncidentsAreNoChange holds that two odd values in a row, and a level that returns, are
// told as no change and as one.
func TestIncidentsAreNoChange(t *testing.T) {
	t.Parallel()
	const series = 40
	again := 0
	for seed := range uint64(series) {
		r := rand.New(rand.NewPCG(seed, 3))
		var test changes.Test
		odd := feed(&test, 0, 200, day, 1e-4, func(i int) float64 {
			if i%50 == 40 || i%50 == 41 {
				return 400 * r.NormFloat64()
			}
			return r.NormFloat64()
		})
		if len(odd) > 0 {
			t.Errorf("seed %d: two odd values are a change: %v", seed, odd)
		}
		back := feed(&test, 200, 60, day, 1e-4, func(i int) float64 {
			if i < 210 {
				return -8 + r.NormFloat64()
			}
			return r.NormFloat64()
		})
		again += max(0, len(back)-1)
	}
	if again > series/10 {
		t.Errorf("ten days at another level are told %d times more than once", again)
	}
}

// TestAStoredTestGoesOnAlike stores and restores the test after every value.
func TestAStoredTestGoesOnAlike(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	var whole, stored changes.Test
	for i := range 400 {
		v := changes.Value{Time: int64(i) * 3600, Level: r.NormFloat64() / 50, Spread: 0.01, Step: hour, Ahead: 1}
		whole.Learn(changes.Chosen(), v, 1e-4)
		stored.Learn(changes.Chosen(), v, 1e-4)
		data, err := stored.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		stored = changes.Test{}
		if err := stored.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		if whole != stored {
			t.Fatalf("value %d: %+v, want %+v", i, stored, whole)
		}
	}
	var test changes.Test
	if err := test.UnmarshalBinary([]byte{1, 2, 3}); err == nil {
		t.Error("three bytes are a test")
	}
}

// TestAnyValuesLeaveNumbers holds that no values break the test.
func TestAnyValuesLeaveNumbers(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 7))
		var test changes.Test
		step := []float64{60, hour, day}[seed%3]
		at := int64(0)
		for i := range 300 {
			ahead := float64(1 + r.IntN(100)*r.IntN(2))
			at += int64(ahead * step)
			v := changes.Value{
				Time: at, Step: step, Ahead: ahead, Spread: []float64{0.003, 1, 30}[r.IntN(3)],
				Level: []float64{0, -700, 69, r.NormFloat64()}[r.IntN(1+r.IntN(4))],
			}
			f, _ := test.Learn(changes.Chosen(), v, []float64{0, 1e-9, 0.05}[r.IntN(3)])
			level := float64(test.Profiles[test.Used].Level)
			if sum := f.Now + f.Before + level + float64(test.Usual); math.IsNaN(sum) || math.IsInf(sum, 0) {
				t.Fatalf("seed %d, value %d: %+v %+v", seed, i, f, test)
			}
		}
	}
}

// TestLearningAllocatesNothing holds the promise of constant memory.
func TestLearningAllocatesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var test changes.Test
	i := int64(0)
	if n := testing.AllocsPerRun(1000, func() {
		i++
		v := changes.Value{Time: i * 3600, Level: r.NormFloat64() / 50, Spread: 0.01, Step: hour, Ahead: 1}
		test.Learn(changes.Chosen(), v, 1e-4)
	}); n > 0 {
		t.Errorf("%.1f allocations a value", n)
	}
}
