package anomaly_test

import (
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
)

// drawn is a series that a seed gives: counts or levels, with weeks, a trend, zeros,
// gaps, and values that are mistakes.
type drawn struct {
	step   time.Duration
	counts bool
	points []sentinel.Point
}

func drawSeries(seed uint64) drawn {
	rng := rand.New(rand.NewPCG(seed, 19))
	d := drawn{step: time.Hour, counts: rng.IntN(3) > 0}
	n := 900
	if rng.IntN(2) == 0 {
		d.step, n = 24*time.Hour, 300
	}
	mean := math.Pow(10, 5*rng.Float64())
	noise := 0.3 * rng.Float64()
	trend := 0.002 * rng.NormFloat64() * float64(rng.IntN(2))
	weekend := []float64{1, 0.5, 0}[rng.IntN(3)]
	night := []float64{1, 0.2, 0}[rng.IntN(3)]
	zeros := []float64{0, 0, 0.1}[rng.IntN(3)]
	signed := !d.counts && rng.IntN(2) == 0
	at := monday
	for i := range n {
		at = at.Add(d.step)
		if rng.IntN(50) == 0 {
			at = at.Add(d.step * time.Duration(rng.IntN(5))) // a gap
		}
		v := mean * math.Exp(noise*rng.NormFloat64()+trend*float64(i))
		if wd := at.Weekday(); wd == time.Saturday || wd == time.Sunday {
			v *= weekend
		}
		if d.step == time.Hour && at.Hour() < 6 {
			v *= night
		}
		switch {
		case rng.Float64() < zeros:
			v = 0
		case rng.IntN(60) == 0:
			v *= []float64{0, 0.3, 2, 5}[rng.IntN(4)]
		case rng.IntN(200) == 0:
			v = []float64{-5000, -1, 1e9, 1e300, 0}[rng.IntN(5)]
		}
		if signed {
			v -= 0.5 * mean
		}
		if d.counts && v < 1e300 {
			v = math.Round(v)
		}
		d.points = append(d.points, sentinel.Point{Time: at, Value: v, Bad: rng.IntN(100) == 0})
	}
	return d
}

var statedRange = regexp.MustCompile(`^(\S+), expected (\S+) (?:to (\S+)|or more)`)

// TestAlarmsAreOutsideOfTheirRange holds that an alarm and the range come from one rule,
// in numbers and in words.
func TestAlarmsAreOutsideOfTheirRange(t *testing.T) {
	t.Parallel()
	stated, ranges := 0, 0
	for seed := range uint64(400) {
		d := drawSeries(seed)
		p, c := profile(t, anomaly.Config{})
		negative := 0
		for i, pt := range d.points {
			s := p.Observe(c, pt)
			if pt.Value < 0 {
				negative++
			}
			if s.State == sentinel.Learning {
				continue
			}
			known := s.Low <= s.High
			outside := s.Value < s.Low || s.Value > s.High
			inAlarm := s.State.Alarm()
			switch {
			case known && outside != inAlarm:
				t.Fatalf("seed %d, point %d: %+v", seed, i, s)
			case !known && (!inAlarm || !math.IsNaN(s.Low) || !math.IsNaN(s.High)):
				t.Fatalf("seed %d, point %d has no range: %+v", seed, i, s)
			case s.Score >= 0.5 && !inAlarm, s.Score < 0 || s.Score > 1 || math.IsNaN(s.Score):
				t.Fatalf("seed %d, point %d: %+v", seed, i, s)
			case (s.Reason == "") != (s.State == sentinel.Normal):
				t.Fatalf("seed %d, point %d: %+v", seed, i, s)
			}
			if known {
				ranges++
			}
			if negative < 2 && s.Low < 0 {
				t.Fatalf("seed %d, point %d: a negative number is expected: %+v", seed, i, s)
			}
			if d.counts && known && (s.Low != math.Trunc(s.Low) || s.High != math.Trunc(s.High)) {
				t.Fatalf("seed %d, point %d: counts are whole numbers: %+v", seed, i, s)
			}
			if m := statedRange.FindStringSubmatch(s.Reason); m != nil {
				stated++
				v, low, high := number(t, m[1]), number(t, m[2]), math.Inf(1)
				if m[3] != "" {
					high = number(t, m[3])
				}
				if v >= low && v <= high {
					t.Fatalf("seed %d, point %d: %s", seed, i, s.Reason)
				}
			}
		}
	}
	if stated < 1000 || ranges < 100_000 {
		t.Errorf("only %d alarms and %d ranges were tried", stated, ranges)
	}
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(strings.ReplaceAll(text, ",", ""), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestAnEpisodeEndsByTheTestThatBeganIt holds that a check is bad as long as its values
// are outside of their ranges, is unknown for two more points, and then passes. Every
// message tells the present value.
func TestAnEpisodeEndsByTheTestThatBeganIt(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		d := drawSeries(seed)
		w := newWatch(t, anomaly.Config{})
		calm, began := 0, false
		for i, pt := range d.points {
			if math.IsInf(pt.Value, 0) {
				continue
			}
			r := w.see(map[string]float64{"": pt.Value}, pt.Time)
			s := r.Scores[0]
			if s.State == sentinel.Learning {
				continue
			}
			if s.Value != pt.Value {
				t.Fatalf("seed %d, point %d: the score tells %g of %g", seed, i, s.Value, pt.Value)
			}
			want := sentinel.Pass
			switch calm++; {
			case s.State.Alarm():
				want, calm, began = sentinel.Fail, 0, true
			case began && calm < 3:
				want = sentinel.Unknown
			}
			if r.Status != want || (s.Score >= 0.5) != (want == sentinel.Fail) {
				t.Fatalf("seed %d, point %d: %s, want %s: %s %+v", seed, i, r.Status, want, r.Message, s)
			}
			if text := digitsOf(r.Message); want != sentinel.Pass && !strings.HasPrefix(text, digitsOf(s.Reason)[:3]) {
				t.Fatalf("seed %d, point %d: %q tells another value than %g", seed, i, r.Message, pt.Value)
			}
		}
	}
}

func digitsOf(s string) string { return strings.ReplaceAll(s, ",", "") + "   " }

// TestAMistakeLeavesTheNextValueUsual holds that one absurd value makes no alarm of the
// usual one after it, whether it counts on its side or not.
func TestAMistakeLeavesTheNextValueUsual(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		rng := rand.New(rand.NewPCG(seed, 7))
		c := anomaly.Config{Direction: []string{"drop", "spike", "both"}[rng.IntN(3)]}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		d, err := anomaly.New("profile")
		if err != nil {
			t.Fatal(err)
		}
		step, learnt := 24*time.Hour, 8+rng.IntN(30)
		if rng.IntN(2) == 0 {
			step, learnt = time.Hour, 50+rng.IntN(200)
		}
		level := float64(1000 + rng.IntN(9000))
		at := monday
		observe := func(v float64) sentinel.Score {
			at = at.Add(step)
			return d.Observe(c, sentinel.Point{Time: at, Value: v})
		}
		usual := func() float64 { return math.Round(level * (1 + 0.02*float64(rng.IntN(3)-1))) }
		for range learnt {
			observe(usual())
		}
		mistake := []float64{0, -level, 20 * level, 1e6 * level}[rng.IntN(4)]
		score := observe(mistake)
		if counts := c.Direction == "both" || (c.Direction == "drop") == (mistake < level); counts != score.State.Alarm() {
			t.Fatalf("seed %d: %g after %d of %g, %s: %+v", seed, mistake, learnt, level, c.Direction, score)
		}
		if next := observe(usual()); next.State.Alarm() {
			t.Errorf("seed %d: after %g of %g, %s: %s", seed, mistake, level, c.Direction, next.Reason)
		}
	}
}
