package predict

import (
	"strings"
	"testing"
	"time"
)

// TestBadModelIsSwitchedOff gives a model a record of wrong forecasts: an outcome cannot do so, because the weights of
// the answers follow the outcomes.
func TestBadModelIsSwitchedOff(t *testing.T) {
	t.Parallel()
	m := New(DefaultPrior())
	c := Context{Deadline: time.Date(2025, 1, 6, 6, 0, 0, 0, time.UTC)}
	for range warmup {
		m.Learn(c, Outcome{Arrival: c.Deadline.Add(-time.Hour)})
		c.Deadline = c.Deadline.AddDate(0, 0, 1)
	}
	for i := range m.record.latest {
		m.record.latest[i].at[0].Risk = .9
	}
	r := m.Risk(c, c.Deadline.Add(-5*time.Hour))
	if !m.Report().Off || r.Model != BaseRate || r.Probability > .1 {
		t.Errorf("off %t, model %s, risk %.3f", m.Report().Off, r.Model, r.Probability)
	}
	if parts := m.Explain(c, c.Deadline); len(parts) == 0 || !strings.Contains(parts[0].Words, "switched off") {
		t.Errorf("the explanation does not say so: %+v", parts)
	}
}
