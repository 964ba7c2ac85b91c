package anomaly_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
)

// TestPartsMakeUpTheRange holds that the parts of an explanation add up to what was expected, and
// that the range is what the spread and the tails say, rounded for whole numbers.
func TestPartsMakeUpTheRange(t *testing.T) {
	t.Parallel()
	ends := map[anomaly.Bound]int{}
	forecasts := map[string]int{}
	parts := map[string]int{}
	for seed := range uint64(120) {
		rng := rand.New(rand.NewPCG(seed, 37))
		d := drawSeries(seed)
		conf := anomaly.Config{Holiday: func(at time.Time) bool { return at.YearDay()%40 == 7 }}
		if rng.IntN(4) == 0 {
			conf.IgnoreBelow = anomaly.Floors{Relative: 0.3 * rng.Float64()}
		}
		p, c := profile(t, conf)
		fraction := false
		for i, pt := range d.points {
			fraction = fraction || pt.Value != math.Trunc(pt.Value)
			s, why := p.Explain(c, pt)
			if (why == nil) != (s.State == sentinel.Learning) {
				t.Fatalf("seed %d, point %d: %+v has the explanation %+v", seed, i, s, why)
			}
			if why == nil {
				continue
			}
			for name, v := range map[string]float64{
				"slot": why.Slot, "recent": why.Recent, "month": why.MonthDay, "holiday": why.Holiday,
			} {
				if v != 0 {
					parts[name]++
				}
			}
			forecasts[why.Forecast]++
			sum := why.Level + why.Slot + why.Recent + why.MonthDay + why.Holiday
			if size := math.Abs(why.Level) + math.Abs(why.Expected); math.Abs(sum-why.Expected) > 1e-9*size {
				t.Fatalf("seed %d, point %d: the parts are %g together: %+v", seed, i, sum, why)
			}
			if !same(why.Low, s.Low) || !same(why.High, s.High) {
				t.Fatalf("seed %d, point %d: %+v explains %+v", seed, i, why, s)
			}
			if math.IsNaN(s.Low) {
				if !math.IsNaN(why.TailLow) || why.LowBy != "" {
					t.Fatalf("seed %d, point %d: %+v", seed, i, why)
				}
				continue
			}
			ends[why.LowBy]++
			ends[why.HighBy]++
			low, high := why.At(why.Expected, -why.TailLow), why.At(why.Expected, why.TailHigh)
			round := 0.0
			if !fraction && pt.Value == math.Trunc(pt.Value) {
				round = 1
			}
			if math.IsInf(why.TailLow, 1) {
				low = s.Low // logarithms do not reach it
			}
			if !within(s.Low-low, round, s.Low) || !within(high-s.High, round, s.High) {
				t.Fatalf("seed %d, point %d: the parts make %g to %g of %g to %g: %+v",
					seed, i, low, high, s.Low, s.High, why)
			}
		}
	}
	tried := []anomaly.Bound{anomaly.BySpread, anomaly.ByTests, anomaly.ByZero, anomaly.ByFloor, anomaly.ByRule}
	for _, by := range tried {
		if ends[by] < 20 {
			t.Errorf("only %d ends of ranges are by %s: %v", ends[by], by, ends)
		}
	}
	if len(forecasts) != 8 || len(parts) != 4 {
		t.Errorf("tried %v and %v", forecasts, parts)
	}
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

// within reports whether an end of a range was moved inwards by less than round.
func within(inwards, round, end float64) bool {
	tolerance := 1e-6 * (1 + math.Abs(end))
	return inwards >= -tolerance && inwards < round+tolerance
}

// TestExplainingChangesNothing holds that a detector that explains judges as one that does not.
func TestExplainingChangesNothing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		d := drawSeries(seed)
		quiet, c := profile(t, anomaly.Config{})
		explains, _ := profile(t, anomaly.Config{})
		for i, pt := range d.points {
			want := quiet.Observe(c, pt)
			got, _ := explains.Explain(c, pt)
			if got.Score != want.Score || !same(got.Low, want.Low) || got.Reason != want.Reason || got.State != want.State {
				t.Fatalf("seed %d, point %d: %+v, without an explanation %+v", seed, i, got, want)
			}
		}
	}
}

// TestAnExplanationIsForPeople reads why a Sunday has fewer rows than a Monday.
func TestAnExplanationIsForPeople(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 37))
	p, c := profile(t, anomaly.Config{Unit: "rows"})
	week := [7]float64{1, 1.02, 1.01, .99, 1, .7, .6}
	var why *anomaly.Explanation
	for i := range 7 * 20 {
		v := math.Round(6000 * week[i%7] * (1 + .01*rng.NormFloat64()))
		_, why = p.Explain(c, sentinel.Point{Time: monday.AddDate(0, 0, i), Value: v})
	}
	text := why.Words(c)
	t.Log(text)
	if why.Forecast != anomaly.RegularForecast || why.Slot > -1300 || why.Slot < -1900 || math.Abs(why.Expected-3600) > 50 ||
		why.Spread < .008 || why.Spread > .013 {
		t.Errorf("%+v", why)
	}
	for _, part := range []string{
		"rows expected: level ", ", Sunday -1,", "; spread 1 %; 3,473 to 3,704 is usual: ", " spreads below, ", " spreads above",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in %q", part, text)
		}
	}
}
