package anomaly_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
)

var monday = time.Date(2025, 3, 3, 0, 0, 0, 0, time.UTC)

func profile(t testing.TB, c anomaly.Config) (*anomaly.Profile, anomaly.Config) {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return &anomaly.Profile{}, c
}

// feed observes n points, one every step, and returns their scores.
func feed(
	d anomaly.Detector,
	c anomaly.Config,
	from time.Time,
	step time.Duration,
	n int,
	value func(i int) float64,
) []sentinel.Score {
	out := make([]sentinel.Score, n)
	for i := range n {
		out[i] = d.Observe(c, sentinel.Point{Time: from.Add(time.Duration(i) * step), Value: value(i)})
	}
	return out
}

func alarms(scores []sentinel.Score) (n int) {
	for _, s := range scores {
		if s.Score >= 0.5 {
			n++
		}
	}
	return n
}

// weekly returns a series of hourly counts with the daily and weekly pattern of a shop.
func weekly(rng *rand.Rand) func(i int) float64 {
	return func(i int) float64 {
		hour, day := float64(i%24), (i/24)%7
		mean := 1000 * (1 + 0.6*math.Sin((hour-9)/24*2*math.Pi))
		if day >= 5 {
			mean *= 0.5
		}
		return math.Round(mean * math.Exp(0.1*rng.NormFloat64()))
	}
}

// stationary holds kinds of series that do not change over time. Every alarm on them
// is false.
var stationary = map[string]struct {
	step  time.Duration
	value func(rng *rand.Rand) func(i int) float64
}{
	"hourly, day and week": {time.Hour, weekly},
	"hourly, few rows": {time.Hour, func(rng *rand.Rand) func(int) float64 {
		return func(int) float64 { return poisson(rng, 3) }
	}},
	"hourly, bursts": {time.Hour, func(rng *rand.Rand) func(int) float64 { // negative binomial: Poisson of a gamma mean
		return func(int) float64 { return poisson(rng, 40*(rng.ExpFloat64()+rng.ExpFloat64()+rng.ExpFloat64())/3) }
	}},
	"hourly, a rate": {time.Hour, func(rng *rand.Rand) func(int) float64 {
		return func(i int) float64 {
			return 0.02 * math.Exp(0.4*rng.NormFloat64()+0.3*math.Sin(float64(i%24)/24*2*math.Pi))
		}
	}},
	"daily": {24 * time.Hour, func(rng *rand.Rand) func(int) float64 {
		return func(i int) float64 { return math.Round((5000 - 1000*float64(i%7/5)) * math.Exp(0.1*rng.NormFloat64())) }
	}},
	"daily, autoregressive": {24 * time.Hour, func(rng *rand.Rand) func(int) float64 {
		level := 0.0
		return func(int) float64 {
			level = 0.6*level + 0.1*rng.NormFloat64()
			return math.Round(5000 * math.Exp(level))
		}
	}},
}

func poisson(rng *rand.Rand, mean float64) float64 {
	n, p := -1.0, 1.0
	for limit := math.Exp(-min(mean, 500)); p > limit; n++ {
		p *= rng.Float64()
	}
	return n
}

// TestFalseAlarmsStayWithinTheBudget holds that a budget of one a month is kept, also
// in the first weeks.
func TestFalseAlarmsStayWithinTheBudget(t *testing.T) {
	t.Parallel()
	for name, kind := range stationary {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(1, 2))
			const series, weeks, first = 40, 26, 4
			total, early := 0, 0
			for range series {
				d, c := profile(t, anomaly.Config{FalseAlarms: "1/month"})
				scores := feed(d, c, monday, kind.step, int(weeks*7*24*time.Hour/kind.step), kind.value(rng))
				total += alarms(scores)
				early += alarms(scores[:int(first*7*24*time.Hour/kind.step)])
			}
			month := func(n int, weeks float64) float64 { return float64(n) / (series * weeks) * 30.44 / 7 }
			t.Logf("%.2f false alarms a month, %.2f in the first four weeks; 1 allowed", month(total, weeks), month(early, first))
			if month(total, weeks) > 1 || month(early, first) > 1 {
				t.Errorf("%.2f false alarms a month, %.2f in the first four weeks", month(total, weeks), month(early, first))
			}
		})
	}
}

// TestSlowDriftRaisesAnAlarm loses half of the rows so slowly that no single value
// shows it.
func TestSlowDriftRaisesAnAlarm(t *testing.T) {
	t.Parallel()
	for _, step := range []time.Duration{time.Hour, 24 * time.Hour} {
		d, c := profile(t, anomaly.Config{})
		rng := rand.New(rand.NewPCG(5, 6))
		day := int(24 * time.Hour / step)
		usual := weekly(rng)
		if step > time.Hour {
			usual = func(i int) float64 {
				return math.Round((5000 - 1000*float64(i%7/5)) * math.Exp(0.05*rng.NormFloat64()))
			}
		}
		begin, length := 90*day, 14*day
		scores := feed(d, c, monday, step, begin+length, func(i int) float64 {
			lost := 0.5 * float64(max(0, i-begin)) / float64(length)
			return math.Round(usual(i) * (1 - lost))
		})
		var alarmed []sentinel.Score
		for _, s := range scores[begin:] {
			if s.Score >= 0.5 {
				alarmed = append(alarmed, s)
			}
		}
		if len(alarmed) == 0 || alarms(scores[:begin]) > 0 ||
			alarmed[0].State != sentinel.SlowDrift && alarmed[0].State != sentinel.LevelShift ||
			!strings.Contains(alarmed[0].Reason, "lower") && !strings.Contains(alarmed[0].Reason, "below its level") {
			t.Errorf("every %s: %d alarms before; %+v", step, alarms(scores[:begin]), alarmed)
		}
	}
}

// TestFormerLevelIsRestored holds that an adopted level ends when values return to the
// former one, as after a long holiday.
func TestFormerLevelIsRestored(t *testing.T) {
	t.Parallel()
	d, c := profile(t, anomaly.Config{})
	usual := weekly(rand.New(rand.NewPCG(7, 8)))
	const day = 24
	scores := feed(d, c, monday, time.Hour, 80*day, func(i int) float64 {
		if i >= 60*day && i < 63*day {
			return math.Round(usual(i) / 2)
		}
		return usual(i)
	})
	if n := alarms(scores[60*day : 63*day]); n != 1 {
		t.Errorf("half the rows for three days: %d alarms", n)
	}
	for _, s := range scores[66*day:] {
		if s.Score >= 0.5 || s.Value < s.Low || s.Value > s.High {
			t.Errorf("after the holiday: %g in %.0f to %.0f: %s", s.Value, s.Low, s.High, s.Reason)
		}
	}
	if s := d.Observe(c, sentinel.Point{Time: monday.Add(80*day*time.Hour + 12*time.Hour), Value: 100}); s.Score < 0.5 {
		t.Errorf("a tenth of a midday's rows afterwards: %+v", s)
	}
}

func TestObviousChangesRaiseOneAlarm(t *testing.T) {
	t.Parallel()
	day := 24
	for name, c := range map[string]struct {
		change func(i int, v float64) float64 // from hour 0 of the ninth week on
		within int                            // hours
	}{
		"nothing comes":            {func(int, float64) float64 { return 0 }, 2},
		"a double load":            {func(i int, v float64) float64 { return 2 * v }, 12},
		"half is missing":          {func(i int, v float64) float64 { return 0.5 * v }, 12},
		"a quarter less, for days": {func(i int, v float64) float64 { return 0.75 * v }, 3 * day},
		"the same number for ever": {func(int, float64) float64 { return 777 }, day},
	} {
		usual := weekly(rand.New(rand.NewPCG(3, 4)))
		d, conf := profile(t, anomaly.Config{})
		before := feed(d, conf, monday, time.Hour, 8*7*day, usual)
		after := feed(
			d,
			conf,
			monday.Add(8*7*24*time.Hour),
			time.Hour,
			c.within,
			func(i int) float64 { return c.change(i, usual(8*7*day+i)) },
		)
		if alarms(after) != 1 {
			t.Errorf("%s: %d alarms within %d hours (%d before)", name, alarms(after), c.within, alarms(before))
		}
		for _, s := range after {
			if s.Score >= 0.5 &&
				(s.Reason == "" || s.State != sentinel.Onset && s.State != sentinel.LevelShift && s.State != sentinel.SlowDrift) {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
}

func TestConstantSeriesThatHalves(t *testing.T) {
	t.Parallel()
	d, c := profile(t, anomaly.Config{})
	feed(d, c, monday, 24*time.Hour, 60, func(int) float64 { return 10000 })
	if s := feed(d, c, monday.AddDate(0, 0, 60), 24*time.Hour, 1, func(int) float64 { return 5000 })[0]; s.Score < 0.5 ||
		!strings.Contains(s.Reason, "5,000, expected") {
		t.Errorf("%+v", s)
	}
}

func TestNewLevelRaisesOneAlarmAndIsAdopted(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	d, c := profile(t, anomaly.Config{})
	feed(d, c, monday, time.Hour, 6*168, weekly(rng))
	low := weekly(rng)
	scores := feed(
		d,
		c,
		monday.Add(6*168*time.Hour),
		time.Hour,
		6*168,
		func(i int) float64 { return math.Round(0.4 * low(i)) },
	)
	if first, later := alarms(scores[:168]), alarms(scores[2*168:]); first < 1 || first > 2 || later > 1 {
		t.Errorf("%d alarms in the first week and %d after the second", first, later)
	}
	if s := scores[len(scores)-1]; s.State != sentinel.Normal {
		t.Errorf("after six weeks at the new level: %+v", s)
	}
}

func TestSmallCountsRaiseFewAlarms(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 8))
	total := 0
	for range 20 {
		d, c := profile(t, anomaly.Config{})
		total += alarms(feed(d, c, monday, time.Hour, 12*168, func(int) float64 {
			n := 0.0
			for p := rng.Float64(); p > math.Exp(-0.7); p *= rng.Float64() { // Poisson of mean 0.7
				n++
			}
			return n
		}))
	}
	if rate := float64(total) / (20 * 12); rate > 0.1 {
		t.Errorf("%.2f alarms a week", rate)
	}
}

func TestDirectionIgnoreBelowAndBadPoints(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]anomaly.Config{
		"only spikes":        {Direction: "spike"},
		"less than 60% off":  {IgnoreBelow: anomaly.Floors{Relative: 0.6}},
		"less than 9000 off": {IgnoreBelow: anomaly.Floors{Absolute: 9000}},
	} {
		d, conf := profile(t, c)
		feed(d, conf, monday, 24*time.Hour, 60, func(i int) float64 { return 10000 + float64(i%7) })
		if s := feed(d, conf, monday.AddDate(0, 0, 60), 24*time.Hour, 1, func(int) float64 { return 5000 })[0]; s.Score >= 0.5 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	d, c := profile(t, anomaly.Config{})
	feed(d, c, monday, 24*time.Hour, 30, func(i int) float64 { return 1000 + float64(i%7) })
	for i := range 20 {
		if s := d.Observe(
			c, sentinel.Point{Time: monday.AddDate(0, 0, 30+i), Value: 9000, Bad: true},
		); s.State == sentinel.Learning {
			t.Errorf("a bad point is judged: %+v", s)
		}
	}
	if s := d.Observe(c, sentinel.Point{Time: monday.AddDate(0, 0, 50), Value: 1005}); s.High > 3000 {
		t.Errorf("bad points were learnt: %+v", s)
	}
}

func TestLearningReportsItsProgress(t *testing.T) {
	t.Parallel()
	d, c := profile(t, anomaly.Config{})
	scores := feed(d, c, monday, 24*time.Hour, 8, func(int) float64 { return 5 })
	if scores[3].State != sentinel.Learning || scores[3].Reason != "learning, 4 of 7 points" ||
		scores[7].State == sentinel.Learning {
		t.Errorf("%+v %+v", scores[3], scores[7])
	}
}

// TestStateRoundTripKeepsScores encodes and decodes the state after every point.
func TestStateRoundTripKeepsScores(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		step  time.Duration
		limit int
	}{"hourly": {time.Hour, 8 << 10}, "daily": {24 * time.Hour, 3 << 10}} {
		rng := rand.New(rand.NewPCG(9, 10))
		value := weekly(rng)
		whole, conf := profile(t, anomaly.Config{})
		restarted := &anomaly.Profile{}
		largest := 0
		for i := range 1500 {
			p := sentinel.Point{Time: monday.Add(time.Duration(i) * c.step), Value: value(i)}
			a, b := whole.Observe(conf, p), restarted.Observe(conf, p)
			if a.Score != b.Score || a.State != b.State {
				t.Fatalf("%s: point %d: %+v, after a restart %+v", name, i, a, b)
			}
			data, err := restarted.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			largest = max(largest, len(data))
			restarted = &anomaly.Profile{}
			if err := restarted.UnmarshalBinary(data); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%s: %d bytes at most", name, largest)
		if largest > c.limit {
			t.Errorf("%s: %d bytes, want at most %d", name, largest, c.limit)
		}
	}
	d := &anomaly.Profile{}
	for _, damaged := range [][]byte{nil, {1}, {9, 0, 0, 0, 0, 1}, []byte("\x01abcdefgh")} {
		if err := d.UnmarshalBinary(damaged); !errors.Is(err, anomaly.ErrState) {
			t.Errorf("%v: %v", damaged, err)
		}
	}
}

func TestInvalidConfigIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []anomaly.Config{
		{Detector: "magic"}, {Direction: "up"}, {FalseAlarms: "never"}, {FalseAlarms: "0/month"}, {Status: "bad"},
		{IgnoreBelow: anomaly.Floors{Relative: -1}},
	} {
		if err := c.Validate(); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

func TestRemovedDetectorsAreRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"zscore", "mad", "seasonal_zscore", "ewma", "changepoint"} {
		c := anomaly.Config{Detector: name}
		err := c.Validate()
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "use profile") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzObserve(f *testing.F) {
	f.Add(int64(0), 1.0, int64(3600), math.Inf(1))
	f.Add(int64(-5), -1e300, int64(0), math.NaN())
	f.Fuzz(func(t *testing.T, at int64, v float64, step int64, odd float64) {
		for _, name := range anomaly.Names() {
			d, err := anomaly.New(name)
			if err != nil {
				t.Fatal(err)
			}
			c := anomaly.Config{Detector: name}
			if err := c.Validate(); err != nil {
				t.Fatal(err)
			}
			for i := range 80 {
				value := v * float64(1+i%5)
				if i%17 == 16 {
					value = odd
				}
				s := d.Observe(c, sentinel.Point{Time: time.Unix(at+int64(i)*(step%1e6), 0), Value: value})
				if math.IsNaN(s.Score) || s.Score < 0 || s.Score > 1 {
					t.Fatalf("%s: score %v of %v", name, s.Score, value)
				}
			}
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	d, c := profile(b, anomaly.Config{})
	value := weekly(rand.New(rand.NewPCG(11, 12)))
	values := make([]float64, 4096)
	for i := range values {
		values[i] = value(i)
	}
	feed(d, c, monday, time.Hour, len(values), func(i int) float64 { return values[i] })
	at := monday.Add(time.Duration(len(values)) * time.Hour)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		d.Observe(c, sentinel.Point{Time: at, Value: values[i%len(values)]})
		at = at.Add(time.Hour)
		i++
	}
}
