package anomaly_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/anomaly"
)

// TestAStaircaseOfLossesIsToldAgain loses a share of the rows every ten days, for six weeks.
func TestAStaircaseOfLossesIsToldAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		step, noise, floor float64
		least              int
	}{"a seventh": {0.15, 0.05, 0, 2}, "a twentieth, a tenth matters": {0.05, 0.02, 0.1, 1}} {
		for seed := range uint64(10) {
			r := rand.New(rand.NewPCG(seed, 36))
			d, conf := profile(t, anomaly.Config{Location: time.UTC, IgnoreBelow: anomaly.Floors{Relative: c.floor}})
			scores := feed(d, conf, monday, 24*time.Hour, 170, func(i int) float64 {
				steps := math.Max(0, math.Floor(float64(min(i, 165)-120)/10)+1)
				return math.Round(10000 * (1 + c.noise*r.NormFloat64()) * math.Pow(1-c.step, steps))
			})
			told := 0
			for _, s := range scores[120:] {
				if s.State.Alarm() && s.Score >= 0.5 {
					told++
				}
			}
			if told < c.least || told > 5 {
				t.Errorf("%s, seed %d: five losses are told %d times", name, seed, told)
			}
		}
	}
}
