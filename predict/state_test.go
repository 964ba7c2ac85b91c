package predict_test

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"hash/crc32"
	"math"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel/predict"
)

// TestAnEarlierVersionIsLearnedAgain restores a state of version 1, which holds the last periods but not a distribution
// of arrivals.
func TestAnEarlierVersionIsLearnedAgain(t *testing.T) {
	t.Parallel()
	old := struct {
		Deadlines                []time.Time
		Margin, Volume, Duration []float64
		Rates                    []float64 // no longer used
	}{Rates: []float64{1, 2}}
	want := predict.New(predict.DefaultPrior())
	c := predict.Context{Deadline: firstDeadline}
	for day := range 60 {
		o := outcome(c, mondaysLate(day))
		want.Learn(c, o)
		old.Deadlines = append(old.Deadlines, c.Deadline)
		old.Margin = append(old.Margin, mondaysLate(day))
		old.Volume = append(old.Volume, math.NaN())
		old.Duration = append(old.Duration, math.NaN())
		c.Deadline = c.Deadline.AddDate(0, 0, 1)
	}
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(old); err != nil {
		t.Fatal(err)
	}
	state := binary.BigEndian.AppendUint32([]byte("SNPR\x01"), crc32.ChecksumIEEE(body.Bytes()))
	m, err := predict.Restore(predict.DefaultPrior(), append(state, body.Bytes()...))
	var changed *predict.StateError
	if !errors.As(err, &changed) || m.Outcomes() != 60 {
		t.Fatalf("error %v, %d outcomes", err, m.Outcomes())
	}
	for range 7 {
		if p, q := m.DayAheadRisk(c), want.DayAheadRisk(c); p != q {
			t.Errorf("%s: risk %v, want %v", c.Deadline, p, q)
		}
		c.Deadline = c.Deadline.AddDate(0, 0, 1)
	}
}

// TestTheStateIsBounded learns for two years with volumes and warnings.
func TestTheStateIsBounded(t *testing.T) {
	t.Parallel()
	m := predict.New(predict.DefaultPrior())
	c := predict.Context{Deadline: firstDeadline}
	for day := range 730 {
		o := outcome(c, -30+math.Pi*float64(day%17))
		o.Duration, o.Warned = time.Duration(day+1)*time.Second, c.Deadline.Add(-time.Hour)
		m.Learn(c, o)
		c.Deadline = c.Deadline.AddDate(0, 0, 1)
	}
	state, err := m.MarshalBinary()
	if err != nil || len(state) > 24_000 {
		t.Errorf("%d bytes, error %v", len(state), err)
	}
	t.Logf("%d bytes", len(state))
}

// Extreme arrivals leave a model that answers with probabilities.
func TestAbsurdArrivalsAreSurvived(t *testing.T) {
	t.Parallel()
	for name, arrival := range map[string]func(day int) float64{
		"years late":     func(day int) float64 { return float64(day%3) * 1e6 },
		"years early":    func(day int) float64 { return -float64(day%3) * 1e6 },
		"never":          func(int) float64 { return math.NaN() },
		"to the second":  func(int) float64 { return -30 },
		"at the instant": func(int) float64 { return 0 },
		"one in a while": func(day int) float64 { return []float64{-30, math.NaN(), 1e7, -1e7}[day%4] },
	} {
		m, c := learned(t, 90, arrival)
		for _, left := range []time.Duration{0, time.Minute, time.Hour, 23 * time.Hour, 1e6 * time.Hour} {
			if p := m.Probability(c, c.Deadline.Add(-left)); !(p > 0 && p <= 1) {
				t.Errorf("%s: risk %v, %s before", name, p, left)
			}
		}
		if p := m.DayAheadRisk(c); !(p > 0 && p < 1) {
			t.Errorf("%s: risk %v a day ahead", name, p)
		}
		for _, part := range m.Explain(c, c.Deadline.Add(-time.Hour)) {
			if math.IsNaN(part.LogOdds) || math.IsInf(part.LogOdds, 0) {
				t.Errorf("%s: %+v", name, part)
			}
		}
		state, err := m.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := predict.Restore(predict.DefaultPrior(), state); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
