package predict_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/predict"
)

// A feed that always comes an hour early to three minutes is late for certain when it has not come 20 minutes before its
// deadline, also the first time.
func TestWhatHasAlwaysComeByNowIsLate(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	m, c := learned(t, 60, func(int) float64 { return -60 + 3*r.NormFloat64() })
	for day := range 200 {
		if p := m.Probability(c, c.Deadline.Add(-20*time.Minute)); p < .8 {
			t.Fatalf("day %d: risk %.3f at 20 minutes", day, p)
		}
		minutes := -60 + 3*r.NormFloat64()
		if r.Float64() < .02 {
			minutes = math.NaN()
		}
		m.Learn(c, outcome(c, minutes))
		c.Deadline = c.Deadline.AddDate(0, 0, 1)
	}
}

// Month ends that were late four times are foreseen a day ahead, and say so; other days are not.
func TestLateMonthEndsAreForeseen(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 2))
	m := predict.New(predict.DefaultPrior())
	c := predict.Context{Deadline: firstDeadline}
	ends := 0
	for range 300 {
		last := c.Deadline.AddDate(0, 0, 1).Day() == 1
		minutes := -45 + 10*r.NormFloat64()
		if last {
			minutes += 75
			ends++
		}
		p := m.DayAhead(c)
		if last && ends > 4 && p < .8 || !last && ends > 1 && p > .2 {
			t.Errorf("%s: risk %.3f", c.Deadline.Format(time.DateOnly), p)
		}
		if last && ends > 4 {
			if parts := m.Explain(c, c.Deadline.Add(-5*time.Hour)); !strings.Contains(parts[0].Words, "last day of the month") {
				t.Errorf("the first reason is %q", parts[0].Words)
			}
		}
		m.Learn(c, outcome(c, minutes))
		c.Deadline = c.Deadline.AddDate(0, 0, 1)
	}
}

// Whatever has happened before, a record without misses does not raise the odds.
func TestACleanRecordNeverRaisesTheOdds(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 3))
		m := predict.New(predict.DefaultPrior())
		c := predict.Context{Deadline: firstDeadline}
		bad, clean := r.IntN(120), r.IntN(120)
		for day := range bad + clean {
			minutes := -30 + 10*r.NormFloat64()
			if day < bad && r.Float64() < .6 {
				minutes = 40
			} else if minutes > 0 {
				minutes = -1
			}
			m.Learn(c, outcome(c, minutes))
			c.Deadline = c.Deadline.AddDate(0, 0, 1)
			for _, part := range m.Explain(c, c.Deadline.Add(-12*time.Hour)) {
				clean := strings.HasPrefix(part.Words, "late on 0 of") || strings.HasPrefix(part.Words, "late on none")
				if clean && part.LogOdds > 0 {
					t.Fatalf("seed %d, day %d: %+.2f %s", seed, day, part.LogOdds, part.Words)
				}
			}
		}
	}
}
