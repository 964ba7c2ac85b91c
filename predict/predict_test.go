package predict_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/predict"
)

var firstDeadline = time.Date(2025, 1, 6, 6, 0, 0, 0, time.UTC) // a Monday

// learned returns a model that has learnt the arrivals of some days, in minutes after
// the deadline. NaN is a day without an arrival.
func learned(t *testing.T, days int, arrival func(day int) float64) (*predict.Model, predict.Context) {
	t.Helper()
	m := predict.New(predict.DefaultPrior())
	for d := range days {
		c := predict.Context{Deadline: firstDeadline.AddDate(0, 0, d)}
		if !m.Learn(c, outcome(c, arrival(d))) {
			t.Fatalf("day %d was not learned", d)
		}
	}
	return m, predict.Context{Deadline: firstDeadline.AddDate(0, 0, days)}
}

func outcome(c predict.Context, minutes float64) predict.Outcome {
	if math.IsNaN(minutes) {
		return predict.Outcome{}
	}
	return predict.Outcome{Arrival: c.Deadline.Add(time.Duration(minutes * float64(time.Minute)))}
}

func usual(day int) float64 { return -45 + float64(day%7)*5 }

func mondaysLate(day int) float64 {
	if day%7 == 0 {
		return 20
	}
	return -60
}

func TestRiskLearnsThePattern(t *testing.T) {
	t.Parallel()
	steady, next := learned(t, 140, usual)
	if p := steady.DayAhead(next); p > .03 {
		t.Errorf("never late in 140 days: risk %.3f, want below .03", p)
	}
	outage, next := learned(t, 140, func(day int) float64 {
		if day > 130 {
			return math.NaN()
		}
		return usual(day)
	})
	if p := outage.DayAhead(next); p < .8 {
		t.Errorf("nothing for nine days: risk %.3f, want above .8", p)
	}
	weekly, monday := learned(t, 140, mondaysLate)
	tuesday := predict.Context{Deadline: monday.Deadline.AddDate(0, 0, 1)}
	if p, q := weekly.DayAhead(monday), weekly.DayAhead(tuesday); p < .6 || q > p/2 {
		t.Errorf("late every Monday: risk on Monday %.3f, on Tuesday %.3f", p, q)
	}
}

func TestRiskGrowsWhileNothingArrives(t *testing.T) {
	t.Parallel()
	m, next := learned(t, 90, usual)
	last := m.Probability(next, next.Deadline.Add(-4*time.Hour))
	for _, left := range []time.Duration{
		2 * time.Hour, 40 * time.Minute, 25 * time.Minute, 10 * time.Minute, time.Minute,
	} {
		p := m.Probability(next, next.Deadline.Add(-left))
		if p < last-.005 {
			t.Errorf("%s before the deadline the risk fell from %.3f to %.3f", left, last, p)
		}
		last = p
	}
	if last < .3 {
		t.Errorf("a minute before the deadline, always here by then: risk %.3f", last)
	}
	if p := m.Probability(next, next.Deadline.Add(time.Second)); p != 1 {
		t.Errorf("past the deadline: risk %v, want 1", p)
	}
}

func TestRiskNamesModelArrivalAndReasons(t *testing.T) {
	t.Parallel()
	m, monday := learned(t, 140, mondaysLate)
	monday.Upstreams = []predict.Upstream{{Name: "customers", Late: 40 * time.Minute}}
	now := monday.Deadline.Add(-25 * time.Minute)
	r := m.Risk(monday, now)
	if r.Model != predict.Own || r.Left != 25*time.Minute || !r.Deadline.Equal(monday.Deadline) {
		t.Errorf("model %s, left %s, deadline %s", r.Model, r.Left, r.Deadline)
	}
	if !r.Arrival.After(now) {
		t.Errorf("expected arrival %s is not after now, %s", r.Arrival, now)
	}
	var words []string
	for _, part := range m.Explain(monday, now) {
		words = append(words, part.Words)
	}
	all := strings.Join(words, "\n")
	for _, want := range []string{
		"later on Mondays", "late on 5 of the last 5 Mondays", "upstream customers is 40 minutes late",
		"not arrived yet: like 8 of the last 60 periods by now, of which 8 missed",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no reason %q in:\n%s", want, all)
		}
	}
	if len(r.Reasons) == 0 || len(r.Reasons) > 3 {
		t.Errorf("reasons %q, want one to three", r.Reasons)
	}
	fresh := predict.New(predict.DefaultPrior()).Risk(monday, now)
	if fresh.Model != predict.Pooled || !fresh.Arrival.IsZero() || fresh.Probability <= 0 || fresh.Probability >= 1 {
		t.Errorf("nothing learned: %+v", fresh)
	}
}

func TestUnknownInputsChangeNothing(t *testing.T) {
	t.Parallel()
	m, next := learned(t, 60, usual)
	plain := m.DayAhead(next)
	nameOnly := next
	nameOnly.Upstreams = []predict.Upstream{{Name: "customers"}}
	if p := m.DayAhead(nameOnly); p != plain {
		t.Errorf("an upstream of unknown risk moved the risk from %v to %v", plain, p)
	}
	for name, change := range map[string]func(*predict.Context){
		"late upstream": func(c *predict.Context) { c.Upstreams = []predict.Upstream{{Name: "a", Late: time.Hour}} },
		"risky upstream": func(c *predict.Context) {
			c.Upstreams = []predict.Upstream{{
				Name: "a",
				Risk: sentinel.Float(.9),
			}}
		},
		"retries": func(c *predict.Context) { c.Retries = sentinel.Int(2) },
	} {
		c := next
		change(&c)
		if p := m.DayAhead(c); !(p > plain) {
			t.Errorf("%s: risk %v, without %v", name, p, plain)
		}
	}
}

func TestStateRoundTripAndDamage(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	m, next := learned(t, 200, mondaysLate)
	next.Deadline = next.Deadline.In(berlin)
	state, err := m.MarshalBinary()
	if err != nil || len(state) > 24_000 {
		t.Fatalf("%d bytes, error %v", len(state), err)
	}
	restored, err := predict.Restore(predict.DefaultPrior(), state)
	if err != nil {
		t.Fatal(err)
	}
	for day := range 10 { // the same answers, also after learning on
		c := predict.Context{Deadline: next.Deadline.AddDate(0, 0, day)}
		if p, q := m.DayAheadRisk(c), restored.DayAheadRisk(c); p != q {
			t.Fatalf("day %d: risk %v, restored %v", day, p, q)
		}
		m.Learn(c, outcome(c, mondaysLate(day)))
		restored.Learn(c, outcome(c, mondaysLate(day)))
	}
	flipped := append([]byte(nil), state...)
	flipped[len(flipped)/2] ^= 1
	old := append([]byte(nil), state...)
	old[4] = 0
	for name, bad := range map[string][]byte{
		"empty":         nil,
		"flipped bit":   flipped,
		"other version": old,
		"cut":           state[:len(state)-1],
		"text":          []byte("not a model at all"),
	} {
		fallback, err := predict.Restore(predict.DefaultPrior(), bad)
		var damaged *predict.StateError
		if !errors.As(err, &damaged) {
			t.Errorf("%s: error %v, want a StateError", name, err)
		}
		if p, q := fallback.DayAhead(next), predict.New(predict.DefaultPrior()).DayAhead(next); p != q {
			t.Errorf("%s: risk %v, want that of the pooled prior, %v", name, p, q)
		}
	}
}

// TestBadRegressionLosesItsWeight starts from coefficients that are wrong and stay so.
func TestBadRegressionLosesItsWeight(t *testing.T) {
	t.Parallel()
	stubborn := predict.DefaultPrior()
	stubborn.Mean = predict.Vector{predict.Bias: 3}
	for i := range stubborn.Precision {
		stubborn.Precision[i] = 1e6
	}
	m := predict.New(stubborn)
	c := predict.Context{Deadline: firstDeadline}
	for range 60 {
		m.Learn(c, outcome(c, -30))
		c.Deadline = c.Deadline.AddDate(0, 0, 1)
	}
	if p := m.Probability(c, c.Deadline.Add(-5*time.Hour)); p > .1 {
		t.Errorf("never late in 60 days: risk %.3f", p)
	}
}

func TestReportJudgesTheLastThirty(t *testing.T) {
	t.Parallel()
	if r := predict.New(predict.DefaultPrior()).Report(); r.Outcomes != 0 || !math.IsNaN(r.Skill) {
		t.Errorf("nothing learned: %+v", r)
	}
	m, c := learned(t, 139, mondaysLate)
	o := outcome(c, 15)
	o.Warned = c.Deadline.Add(-50 * time.Minute)
	m.Learn(c, o)
	r := m.Report()
	if r.Outcomes != 30 || r.Misses < 4 || r.Off || !(r.Skill > 0) || r.Warned != 1 || r.Lead != 50*time.Minute {
		t.Errorf("%+v", r)
	}
	n := 0
	for _, b := range r.Reliability {
		n += b.Count
		if b.Risk < b.Low || b.Risk > b.High {
			t.Errorf("mean risk outside its bin: %+v", b)
		}
	}
	if n != 30 {
		t.Errorf("%d forecasts in the reliability table, want 30", n)
	}
}

func TestQuantilesOfArrival(t *testing.T) {
	t.Parallel()
	m, _ := learned(t, 40, func(day int) float64 {
		if day%4 == 0 {
			return math.NaN()
		}
		return -30
	})
	if q, ok := m.Quantile(.5); !ok || q != -30*time.Minute {
		t.Errorf("median %s %t, want -30m", q, ok)
	}
	if q, ok := m.Quantile(.9); ok {
		t.Errorf("a quarter never arrives, yet the 90 %% quantile is %s", q)
	}
}

func TestOutcomesAreLearnedOnceAndInOrder(t *testing.T) {
	t.Parallel()
	m, next := learned(t, 30, usual)
	before := m.DayAhead(next)
	again := predict.Context{Deadline: next.Deadline.AddDate(0, 0, -1)}
	if m.Learn(again, outcome(again, 90)) || m.DayAhead(next) != before {
		t.Error("a period was learned twice")
	}
}

func TestAlarmDoesNotFlap(t *testing.T) {
	t.Parallel()
	a := predict.Alarm{Raise: .8, Clear: .6}
	now := firstDeadline.Add(-time.Hour)
	steps := []struct {
		risk        float64
		changed, on bool
	}{
		{.79, false, false}, {.8, true, true}, {.75, false, true}, {.81, false, true}, {.61, false, true}, {.59, true, false},
		{.7, false, false}, {.9, true, true},
	}
	for i, s := range steps {
		changed := a.Update(
			sentinel.Risk{Deadline: firstDeadline, Probability: s.risk},
			now.Add(time.Duration(i)*time.Minute),
		)
		if changed != s.changed || a.Since.IsZero() == s.on {
			t.Errorf("step %d, risk %.2f: changed %t, since %s", i, s.risk, changed, a.Since)
		}
	}
	if a.Update(sentinel.Risk{Deadline: firstDeadline.AddDate(0, 0, 1), Probability: .1}, now) || !a.Since.IsZero() {
		t.Error("the alarm outlived its deadline")
	}
}
