package counts_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/sentinel-dq/sentinel/anomaly/counts"
)

// series draws values of a known mean and spread.
type series struct {
	hourly bool
	mean   func(i int) float64
	noise  func(r *rand.Rand, mean float64) float64
}

func proportional(share float64) func(*rand.Rand, float64) float64 {
	return func(r *rand.Rand, mean float64) float64 { return mean * (1 + share*r.NormFloat64()) }
}

func likePoisson(r *rand.Rand, mean float64) float64 { return mean + math.Sqrt(mean)*r.NormFloat64() }

func workdays(i int) float64 {
	if i%7 < 5 {
		return 10000
	}
	return 300
}

var drawn = map[string]series{
	"flat":     {false, func(int) float64 { return 10000 }, proportional(.01)},
	"trend":    {false, func(i int) float64 { return 8000 + 40*float64(i) }, proportional(.01)},
	"workdays": {false, workdays, proportional(.02)},
	"poisson":  {false, func(i int) float64 { return 400 * float64(1+i%7) }, likePoisson},
	"additive": {
		false,
		func(i int) float64 { return 1000 * float64(5+i%7) },
		func(r *rand.Rand, m float64) float64 { return m + 200*r.NormFloat64() },
	},
	"hours": {
		true,
		func(i int) float64 { return 1000 * (1.2 + math.Sin(float64(i%24)*math.Pi/12)) },
		proportional(.03),
	},
	"few, many": {true, func(i int) float64 { return []float64{10, 400, 40}[i/8%3] }, likePoisson},
}

func place(s series, i int) counts.Place {
	if s.hourly {
		return counts.Place{Hour: i % 24, Weekday: i / 24 % 7, Ahead: 1, Step: 3600}
	}
	return counts.Place{Daily: true, Weekday: i % 7, Ahead: 1, Step: 86400}
}

// TestRangesHoldTheShareTheyPromise compares how many values are outside of a range of 98 %
// with the two in a hundred that should be.
func TestRangesHoldTheShareTheyPromise(t *testing.T) {
	t.Parallel()
	for name, s := range drawn {
		n, warm := 300, 100
		if s.hourly {
			n, warm = 24*7*8, 24*7*4
		}
		outside, all, width := 0, 0, 0.0
		for seed := range uint64(20) {
			r := rand.New(rand.NewPCG(seed, 3))
			var m counts.Model
			for i := range n {
				v := math.Max(0, math.Round(s.noise(r, s.mean(i))))
				f := m.Forecast(place(s, i))
				low, high := m.Range(f, 0.01)
				if i >= warm {
					all++
					width += (high - low) / s.mean(i)
					if v < low || v > high {
						outside++
					}
				}
				m.Learn(f, v)
			}
		}
		share := float64(outside) / float64(all)
		t.Logf("%s: %.4f outside, ranges of %.3f of the mean", name, share, width/float64(all))
		if share < 0.008 || share > 0.035 {
			t.Errorf("%s: %.4f of the values are outside of ranges for 0.98", name, share)
		}
	}
}

// TestAStoredModelGoesOnAlike stores and restores the model after every value.
func TestAStoredModelGoesOnAlike(t *testing.T) {
	t.Parallel()
	for name, s := range drawn {
		r := rand.New(rand.NewPCG(5, 6))
		var whole, stored counts.Model
		for i := range 400 {
			v := math.Max(0, math.Round(s.noise(r, s.mean(i))))
			whole.Learn(whole.Forecast(place(s, i)), v)
			stored.Learn(stored.Forecast(place(s, i)), v)
			data, err := stored.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			stored = counts.Model{}
			if err := stored.UnmarshalBinary(data); err != nil {
				t.Fatal(err)
			}
			if whole != stored {
				t.Fatalf("%s: value %d: %+v, want %+v", name, i, stored, whole)
			}
		}
	}
	var m counts.Model
	if err := m.UnmarshalBinary([]byte{1, 2, 3}); err == nil {
		t.Error("three bytes are a model")
	}
}

// TestAnyValuesGiveARange holds that no values break the model: its ranges are numbers, not
// negative, and their ends are in order.
func TestAnyValuesGiveARange(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		s := series{hourly: seed%2 == 0}
		var m counts.Model
		for i := range 200 {
			p := place(s, i)
			p.Ahead, p.Holiday = float64(1+r.IntN(100)), r.IntN(20) == 0
			v := []float64{0, 1, 5, 1000, 1e9, 1e30, 1e-9, 1e-300, 17.5}[r.IntN(1+r.IntN(9))]
			f := m.Forecast(p)
			low, high := m.Range(f, 0.0001)
			if math.IsNaN(low) || math.IsNaN(high) || low < 0 || i > 0 && high < low {
				t.Fatalf("seed %d, value %d: %g to %g", seed, i, low, high)
			}
			m.Learn(f, v)
		}
	}
}

// TestIrregularSeriesDoNotFit holds that the model says so when its tails are too light.
func TestIrregularSeriesDoNotFit(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(8, 9))
	var regular, irregular counts.Model
	var f, g counts.Forecast
	for i := range 300 {
		p := place(drawn["flat"], i)
		f, g = regular.Forecast(p), irregular.Forecast(p)
		v := 10000 * (1 + .01*r.NormFloat64())
		regular.Learn(f, v)
		if i%23 == 0 {
			v *= 1 - .05*float64(1+i%3)/2
		}
		irregular.Learn(g, v)
	}
	if !regular.Fits(f) || irregular.Fits(g) {
		t.Errorf("a regular series fits: %v; one with a bad day in 23 fits: %v", regular.Fits(f), irregular.Fits(g))
	}
}

// TestNoiseIsLearnedAfterAConstantSeries holds that a series without noise does not make the
// model blind for the noise that begins later.
func TestNoiseIsLearnedAfterAConstantSeries(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 3))
	var m counts.Model
	outside, all := 0, 0
	const constant, learned, n = 5000, 600, 2600
	for i := range constant + n {
		v := 1000.0
		if i >= constant {
			v = math.Round(proportional(.05)(r, v))
		}
		f := m.Forecast(place(series{hourly: true}, i))
		low, high := m.Range(f, 0.01)
		if i >= constant+learned {
			all++
			if v < low || v > high {
				outside++
			}
		}
		m.Learn(f, v)
	}
	if outside > all*4/100 {
		t.Errorf("%d of %d values are outside of ranges of 98 %%", outside, all)
	}
}
