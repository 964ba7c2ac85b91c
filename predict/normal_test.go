package predict

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestTheLawOfTheNoiseIsLearned draws arrivals of normal noise and of noise with heavy tails. Each
// period that has not come ten minutes before the deadline is asked for: the risks are those of the
// process.
func TestTheLawOfTheNoiseIsLearned(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		draw   func(r *rand.Rand) float64
		normal bool
	}{
		"normal": {func(r *rand.Rand) float64 { return r.NormFloat64() }, true},
		"heavy":  {func(r *rand.Rand) float64 { return r.NormFloat64() / math.Sqrt(gamma(r, 3)/3) }, false},
	} {
		lean := 0
		const feeds = 20
		for seed := range uint64(feeds) {
			r := rand.New(rand.NewPCG(seed, 41))
			a := newArrivals()
			for d := range 300 {
				deadline := time.Date(2026, 1, 1+d, 6, 0, 0, 0, time.UTC)
				a.learn(a.outlook(deadline), -50+15*c.draw(r))
			}
			if (a.Normal > 0) == c.normal {
				lean++
			}
		}
		if lean < feeds*8/10 {
			t.Errorf("%s: the law is learned of %d of %d feeds", name, lean, feeds)
		}
	}
}

// gamma draws from a gamma distribution with a scale of one and half a whole shape.
func gamma(r *rand.Rand, degrees int) float64 {
	sum := 0.0
	for range degrees {
		z := r.NormFloat64()
		sum += z * z
	}
	return sum
}
