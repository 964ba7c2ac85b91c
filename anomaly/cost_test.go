package anomaly_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
)

// TestObservingAllocatesNothing holds that a usual point of a series that is known costs no
// memory, so that the number of points does not matter.
func TestObservingAllocatesNothing(t *testing.T) {
	for name, step := range map[string]time.Duration{"hourly": time.Hour, "daily": 24 * time.Hour} {
		rng := rand.New(rand.NewPCG(1, 43))
		p, c := profile(t, anomaly.Config{})
		at := monday
		observe := func() {
			at = at.Add(step)
			v := 10000 * (1 + .3*math.Sin(float64(at.Hour()+24*int(at.Weekday()))/10)) * (1 + .02*rng.NormFloat64())
			p.Observe(c, sentinel.Point{Time: at, Value: math.Round(v)})
		}
		for range 1000 {
			observe()
		}
		if n := testing.AllocsPerRun(500, observe); n != 0 {
			t.Errorf("%s: a point allocates %g times", name, n)
		}
	}
}
