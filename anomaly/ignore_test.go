package anomaly_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
)

// TestSmallDistancesAreNeverOutside holds that no value is outside of its range that is closer
// to what was expected than ignore_below says, whichever model expected it.
func TestSmallDistancesAreNeverOutside(t *testing.T) {
	t.Parallel()
	const close = 0.999 // of the distance that is ignored
	tried, regular := 0, 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 31))
		d := drawSeries(seed)
		d.counts = false
		absolute := math.Pow(10, 4*rng.Float64()) * float64(rng.IntN(2))
		floors := anomaly.Floors{Absolute: absolute, Relative: 0.5 * rng.Float64()}
		p, c := profile(t, anomaly.Config{IgnoreBelow: floors})
		for i, pt := range d.points {
			_, why := clone(p).Explain(c, pt)
			if why == nil || math.IsNaN(why.Low) {
				p.Observe(c, pt)
				continue
			}
			away := close * max(floors.Absolute, floors.Relative*math.Abs(why.Expected))
			below := why.Expected - away
			if why.Expected >= 0 {
				below = max(below, 0)
			}
			for _, v := range []float64{below, why.Expected + away} {
				s, again := clone(p).Explain(c, sentinel.Point{Time: pt.Time, Value: v})
				if again.Expected != why.Expected || math.IsNaN(s.Low) || again.LowBy == anomaly.ByRule {
					continue // of another forecast, or a rule that is not about the distance
				}
				tried++
				if why.Forecast == anomaly.RegularForecast {
					regular++
				}
				if v < s.Low || v > s.High {
					t.Fatalf("seed %d, point %d, %+v: %g is outside of %g to %g, though %g is expected",
						seed, i, floors, v, s.Low, s.High, why.Expected)
				}
			}
			p.Observe(c, pt)
		}
	}
	if tried < 30_000 || regular < 3_000 {
		t.Errorf("only %d values were tried, %d of them by the model of regular series", tried, regular)
	}
}

func clone(p *anomaly.Profile) *anomaly.Profile {
	q := *p
	return &q
}
