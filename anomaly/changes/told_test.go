package changes_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/sentinel-dq/sentinel/anomaly/changes"
)

// stairs returns daily noise of one spread that loses size spreads on day from and every ten days after it.
func stairs(r *rand.Rand, from int, size float64) func(i int) float64 {
	return func(i int) float64 { return r.NormFloat64() - size*math.Max(0, math.Floor(float64(i-from)/10)+1) }
}

// TestAStaircaseIsToldAgain loses 15 spreads every ten days.
func TestAStaircaseIsToldAgain(t *testing.T) {
	t.Parallel()
	const series = 20
	for seed := range uint64(series) {
		r := rand.New(rand.NewPCG(seed, 31))
		var test changes.Test
		feed(&test, 0, 100, day, 1e-3, func(int) float64 { return r.NormFloat64() })
		told := feed(&test, 100, 60, day, 1e-3, stairs(r, 100, 15))
		if len(told) < 3 || len(told) > 6 {
			t.Errorf("seed %d: six steps are told %d times: %v", seed, len(told), told)
		}
		if now := test.Told.Now; now > -0.55 {
			t.Errorf("seed %d: the newest level told is %.2f", seed, now)
		}
	}
}

// TestStepsThatAreNotToldAddUp refuses findings of less than ten spreads, as floors do.
func TestStepsThatAreNotToldAddUp(t *testing.T) {
	t.Parallel()
	const series = 20
	for seed := range uint64(series) {
		r := rand.New(rand.NewPCG(seed, 32))
		var test changes.Test
		feed(&test, 0, 100, day, 1e-3, func(int) float64 { return r.NormFloat64() })
		level, told := stairs(r, 100, 4), 0
		for i := 100; i < 160; i++ {
			v := changes.Value{Time: int64(i) * day, Level: level(i) / 100, Spread: 0.01, Step: day, Ahead: 1}
			f, news := test.Learn(changes.Chosen(), v, 1e-3)
			if !news || f.Before-f.Now < 0.10 {
				continue
			}
			test.Tell(f)
			told++
			if off := float64(f.Since)/day - 100; told == 1 && (off < -5 || off > 15 || math.Abs(f.Before) > 0.03) {
				t.Errorf("seed %d: told since day %.0f after the first step: %+v", seed, off, f)
			}
		}
		if told < 1 || told > 3 {
			t.Errorf("seed %d: six small steps are told %d times", seed, told)
		}
	}
}

// TestAnEpisodeHidesNoLaterChange takes a loss of 50 spreads from an episode, and loses 30 more a week later.
func TestAnEpisodeHidesNoLaterChange(t *testing.T) {
	t.Parallel()
	const series = 20
	rest := 0
	for seed := range uint64(series) {
		r := rand.New(rand.NewPCG(seed, 33))
		var test changes.Test
		feed(&test, 0, 100, day, 1e-3, func(int) float64 { return r.NormFloat64() })
		test.Move(-0.48, 100*day)
		rest += len(feed(&test, 101, 7, day, 1e-3, func(int) float64 { return -50 + r.NormFloat64() }))
		if told := feed(&test, 108, 10, day, 1e-3, func(int) float64 { return -80 + r.NormFloat64() }); len(told) != 1 {
			t.Errorf("seed %d: told %v", seed, told)
		}
	}
	if rest > series/10 {
		t.Errorf("the rest of the loss is told %d times", rest)
	}
}

// TestALongGapBeginsAnew ends a trend during a gap of three months: a line through it leads astray.
func TestALongGapBeginsAnew(t *testing.T) {
	t.Parallel()
	const series = 40
	told := 0
	for seed := range uint64(series) {
		r := rand.New(rand.NewPCG(seed, 34))
		var test changes.Test
		feed(&test, 0, 100, day, 1e-3, func(i int) float64 { return float64(i) + r.NormFloat64() })
		v := changes.Value{Time: 190 * day, Level: 1, Spread: 0.01, Step: day, Ahead: 90}
		test.Learn(changes.Chosen(), v, 1e-3)
		if level := test.Profiles[test.Used].Level; math.Abs(float64(level)-1) > 0.05 {
			t.Fatalf("seed %d: the level after the gap is %.2f, want about 1", seed, level)
		}
		told += len(feed(&test, 191, 100, day, 1e-3, func(int) float64 { return 100 + r.NormFloat64() }))
		if found := feed(&test, 291, 20, day, 1e-3, func(int) float64 { return 95 + r.NormFloat64() }); len(found) != 1 {
			t.Errorf("seed %d: a change after the gap is told as %v", seed, found)
		}
	}
	if allowed := 1e-3 * 100 * series; float64(told) > allowed+2*math.Sqrt(allowed) {
		t.Errorf("%d findings after the gap, %.1f allowed", told, allowed)
	}
}

// TestAStateWithoutWhatWasToldIsRead cuts off what an earlier version did not store.
func TestAStateWithoutWhatWasToldIsRead(t *testing.T) {
	t.Parallel()
	const added = 33 + 2*16
	r := rand.New(rand.NewPCG(1, 35))
	var test, old changes.Test
	feed(&test, 0, 120, day, 1e-3, stairs(r, 100, 15))
	data, err := test.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if err := old.UnmarshalBinary(data[:len(data)-added]); err != nil {
		t.Fatal(err)
	}
	if old.Last.At == 0 || old.Told != old.Last || old.Sums != test.Sums || old.Profiles != test.Profiles {
		t.Errorf("got %+v, want %+v", old, test)
	}
}
