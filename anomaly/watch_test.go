package anomaly_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
)

var nothing = func(time.Time) ([]sentinel.Point, error) { return nil, nil }

func rowsOf(values map[string]float64, tick time.Time) sentinel.Result {
	r := sentinel.Result{Check: "c", Tick: tick, Status: sentinel.Pass, Message: "seen"}
	for _, segment := range []string{"", "country=DE", "country=FR"} {
		if v, ok := values[segment]; ok {
			r.Observations = append(
				r.Observations,
				sentinel.Observation{Metric: "row_count", Segment: segment, Value: sentinel.Float(v)},
			)
		}
	}
	return r
}

// watch is a Watch of one check that restores new series by itself.
type watch struct {
	*testing.T
	anomaly.Watch
	c anomaly.Config
}

func newWatch(t *testing.T, c anomaly.Config) *watch {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	c.Metric, c.Unit = "row_count", "rows"
	return &watch{T: t, c: c}
}

func (w *watch) see(values map[string]float64, tick time.Time) sentinel.Result {
	w.Helper()
	r := rowsOf(values, tick)
	for _, s := range w.SeriesOf(w.c, r) {
		if !w.Has(w.c, s) {
			if err := w.Restore(w.c, s, nil, nothing); err != nil {
				w.Fatal(err)
			}
		}
	}
	w.Score(w.c, &r)
	return r
}

func TestFindingLastsAsLongAsTheEpisode(t *testing.T) {
	t.Parallel()
	w := newWatch(t, anomaly.Config{})
	w.c.Alone = true
	usual := weekly(rand.New(rand.NewPCG(5, 6)))
	at := func(i int) time.Time { return monday.Add(time.Duration(i) * time.Hour) }
	if r := w.see(map[string]float64{"": usual(0)}, at(0)); r.Status != sentinel.Unknown ||
		!strings.Contains(r.Message, "learning, 1 of 48 points") {
		t.Errorf("the first value: %s %q", r.Status, r.Message)
	}
	for i := 1; i < 1000; i++ {
		w.see(map[string]float64{"": usual(i)}, at(i))
	}
	bad := w.see(map[string]float64{"": 0}, at(1000))
	if bad.Status != sentinel.Fail || len(bad.Findings) != 1 || bad.Findings[0].Key != "anomaly" ||
		bad.Scores[0].State != sentinel.Onset {
		t.Fatalf("nothing came: %+v", bad)
	}
	again := w.see(map[string]float64{"": 0}, at(1001))
	if again.Status != sentinel.Fail || again.Scores[0].Score < 0.5 || again.Scores[0].State != sentinel.Ongoing ||
		!strings.HasPrefix(again.Findings[0].Message, "0 rows, expected ") ||
		!strings.Contains(again.Findings[0].Message, "unusual since 2025-04-13 16:00") {
		t.Errorf("it goes on: %+v", again)
	}
	back := 0
	for i := 1002; i < 1002+48; i++ {
		if w.see(map[string]float64{"": usual(i)}, at(i)).Status == sentinel.Pass {
			back = i
			break
		}
	}
	if back < 1003 {
		t.Errorf("well again at %d: not at once, and within two days", back)
	}

	// The same value once more, and the same hour with other values.
	r := w.see(map[string]float64{"": usual(2000)}, at(2000))
	if r.Status != sentinel.Pass || !strings.Contains(r.Message, "expected") {
		t.Fatalf("%+v", r)
	}
	if gone := w.see(map[string]float64{"": 0}, at(2000)); gone.Status != sentinel.Fail ||
		!strings.HasPrefix(gone.Message, "0 rows, expected ") || !strings.Contains(gone.Message, "; it was ") {
		t.Errorf("rows that are gone: %+v", gone)
	}
	if late := w.see(map[string]float64{"": usual(2000)}, at(2000)); late.Status != sentinel.Pass {
		t.Errorf("rows that came late: %+v", late)
	}
}

func TestSegments(t *testing.T) {
	t.Parallel()
	w := newWatch(t, anomaly.Config{Status: "warn"})
	rng := rand.New(rand.NewPCG(7, 8))
	day := func(i int) time.Time { return monday.AddDate(0, 0, i) }
	value := func(mean float64) float64 { return float64(int(mean * (0.95 + 0.1*rng.Float64()))) }
	for i := range 60 {
		if r := w.see(
			map[string]float64{"country=DE": value(1000), "country=FR": value(50)}, day(i),
		); r.Status != sentinel.Pass {
			t.Fatalf("day %d: %+v", i, r)
		}
	}
	r := w.see(map[string]float64{"country=DE": value(1000), "country=FR": 0}, day(60))
	if r.Status != sentinel.Warn || len(r.Findings) != 1 || r.Findings[0].Key != "anomaly:country=FR" ||
		!strings.HasPrefix(r.Findings[0].Message, "country=FR: 0 rows, expected") {
		t.Errorf("a segment without rows: %+v", r)
	}
}

func TestRestoreFromStateAndHistory(t *testing.T) {
	t.Parallel()
	w := newWatch(t, anomaly.Config{})
	usual := weekly(rand.New(rand.NewPCG(9, 10)))
	var remembered []sentinel.Point
	saved := map[anomaly.Series][]byte{}
	for i := range 500 {
		p := sentinel.Point{Time: monday.Add(time.Duration(i) * time.Hour), Value: usual(i)}
		remembered = append(remembered, p)
		w.see(map[string]float64{"": p.Value}, p.Time)
		states, err := w.Unsaved("c")
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range states {
			saved[s.Series] = s.Data
		}
	}
	series := anomaly.Series{Check: "c", Metric: "row_count"}
	if len(saved[series]) == 0 || len(saved[series]) > 8<<10 {
		t.Fatalf("a state of %d bytes, want some and at most 8 KB", len(saved[series]))
	}
	for name, state := range map[string][]byte{
		"from the state and what came since": saved[series],
		"from what is remembered alone":      nil,
		"from a damaged state":               []byte("?"),
	} {
		again := newWatch(t, anomaly.Config{})
		asked := 0
		err := again.Restore(again.c, series, state, func(since time.Time) (out []sentinel.Point, _ error) {
			for _, p := range remembered {
				if !p.Time.Before(since) {
					out, asked = append(out, p), asked+1
				}
			}
			return out, nil
		})
		if (name == "from a damaged state") != errors.Is(err, anomaly.ErrState) {
			t.Errorf("%s: %v", name, err)
		}
		if state != nil && err == nil && asked > 30 {
			t.Errorf("%s: %d points were replayed", name, asked)
		}
		tick := monday.Add(500 * time.Hour)
		want := w.see(map[string]float64{"": usual(500)}, tick)
		got := again.see(map[string]float64{"": want.Scores[0].Value}, tick)
		if got.Scores[0].Low != want.Scores[0].Low || got.Scores[0].High != want.Scores[0].High {
			t.Errorf("%s: %+v, want %+v", name, got.Scores[0], want.Scores[0])
		}
		w = newWatch(t, anomaly.Config{})
		if err := w.Restore(w.c, series, saved[series], func(since time.Time) (out []sentinel.Point, _ error) {
			for _, p := range remembered {
				if !p.Time.Before(since) {
					out = append(out, p)
				}
			}
			return out, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHolidaysCountAsSundays(t *testing.T) {
	t.Parallel()
	count := map[bool]int{}
	for _, knows := range []bool{false, true} {
		c := anomaly.Config{}
		holiday := monday.AddDate(0, 0, 70) // a Monday
		if knows {
			c.Holiday = func(t time.Time) bool { return t.Equal(holiday) }
		}
		d, conf := profile(t, c)
		rng := rand.New(rand.NewPCG(11, 12))
		scores := feed(d, conf, monday, 24*time.Hour, 71, func(i int) float64 {
			mean := 1000.0
			if i%7 == 6 || i == 70 {
				mean = 100
			}
			return float64(int(mean * (0.97 + 0.06*rng.Float64())))
		})
		count[knows] = alarms(scores[70:])
	}
	if count[false] != 1 || count[true] != 0 {
		t.Errorf("alarms on the holiday: %d without a calendar, %d with one", count[false], count[true])
	}
}

func TestDaysOfTheMonthAreLearnt(t *testing.T) {
	t.Parallel()
	for name, special := range map[string]func(day time.Time) bool{
		"the last": func(day time.Time) bool { return day.AddDate(0, 0, 1).Day() == 1 },
		"the 15th": func(day time.Time) bool { return day.Day() == 15 },
	} {
		d, c := profile(t, anomaly.Config{})
		rng := rand.New(rand.NewPCG(13, 14))
		begin := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
		scores := feed(d, c, begin, 24*time.Hour, 700, func(i int) float64 {
			mean := 1000.0
			if special(begin.AddDate(0, 0, i)) {
				mean = 3000 // invoices of the month
			}
			return float64(int(mean * (0.95 + 0.1*rng.Float64())))
		})
		if count := alarms(scores[200:]); count > 0 {
			t.Errorf("%s: %d alarms after six months of peaks", name, count)
		}
		for day := scores[len(scores)-1].Time.AddDate(0, 0, 1); ; day = day.AddDate(0, 0, 1) {
			s := d.Observe(c, sentinel.Point{Time: day, Value: float64(int(1000 * (0.95 + 0.1*rng.Float64())))})
			if special(day) {
				if s.Score < 0.5 {
					t.Errorf("%s, without its peak: %+v", name, s)
				}
				break
			}
		}
	}
}
