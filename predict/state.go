package predict

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"hash/crc32"
	"math"
	"time"
)

// stateVersion changes with every change of [Vector] or of saved.
const stateVersion = 1

const stateMagic = "SNPR"

// StateError says why a saved model could not be decoded. The model returned with it
// starts from the pooled prior.
type StateError struct{ Reason string }

func (e *StateError) Error() string {
	return "predictor state not usable, starting from the pooled prior: " + e.Reason
}

// saved is the encoded form of a Model. gob needs its exported fields.
type saved struct {
	Mean, Variance            []float64
	Line, LineVariance        []float64
	Plain, Calibrated         float64
	CalibrationOutcomes       int
	Deadlines                 []time.Time
	Margin, Volume, Duration  []float64
	Slow, Fast, Unexpected    float64
	Rates                     []float64
	Risk, Base, Recent, Leads []float64
	Missed                    []bool
	Misses                    float64
	Outcomes                  int
}

// MarshalBinary encodes the model without its prior: magic, version, CRC-32 and a gob
// of saved. The result is smaller than 20 kB.
func (m *Model) MarshalBinary() ([]byte, error) {
	s := saved{
		Mean: m.regression.mean, Variance: m.regression.variance,
		Line: m.calibration.line.mean, LineVariance: m.calibration.line.variance,
		Plain: m.calibration.plain, Calibrated: m.calibration.calibrated, CalibrationOutcomes: m.calibration.outcomes,
		Slow: m.slow, Fast: m.fast, Unexpected: m.unexpected, Misses: m.record.misses, Outcomes: m.outcomes,
	}
	for _, p := range m.history {
		s.Deadlines = append(s.Deadlines, p.deadline)
		s.Margin = append(s.Margin, p.margin)
		s.Volume = append(s.Volume, p.volume)
		s.Duration = append(s.Duration, p.duration)
	}
	for _, r := range append(m.weekday[:], m.chain[:]...) {
		s.Rates = append(s.Rates, r.missed, r.total)
	}
	for _, f := range m.record.latest {
		s.Risk, s.Base, s.Recent = append(s.Risk, f.risk), append(s.Base, f.base), append(s.Recent, f.recent)
		s.Leads, s.Missed = append(s.Leads, f.lead), append(s.Missed, f.missed)
	}
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(s); err != nil {
		return nil, fmt.Errorf("encode predictor state: %w", err)
	}
	out := append([]byte(stateMagic), stateVersion)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(body.Bytes()))
	return append(out, body.Bytes()...), nil
}

// Restore returns the model that [Model.MarshalBinary] encoded, with the given prior.
// For a state that is damaged or of another version it returns a new model and a
// [*StateError].
func Restore(p Prior, state []byte) (*Model, error) {
	m := New(p)
	s, reason := decode(state)
	if reason == "" {
		reason = s.check(m)
	}
	if reason != "" {
		return m, &StateError{Reason: reason}
	}
	s.into(m)
	return m, nil
}

func decode(state []byte) (s saved, reason string) {
	const header = len(stateMagic) + 1 + 4
	if len(state) < header || string(state[:len(stateMagic)]) != stateMagic {
		return s, "not a predictor state"
	}
	if v := state[len(stateMagic)]; v != stateVersion {
		return s, fmt.Sprintf("version %d, want %d", v, stateVersion)
	}
	body := state[header:]
	if binary.BigEndian.Uint32(state[header-4:]) != crc32.ChecksumIEEE(body) {
		return s, "checksum does not match: the state is damaged"
	}
	if err := gob.NewDecoder(bytes.NewReader(body)).Decode(&s); err != nil {
		return s, err.Error()
	}
	return s, ""
}

// check returns what is inconsistent; "" if nothing is.
func (s *saved) check(m *Model) string {
	n, k := len(s.Deadlines), len(s.Risk)
	switch {
	case len(s.Mean) != FeatureCount, len(s.Variance) != FeatureCount*FeatureCount:
		return fmt.Sprintf("%d coefficients, want %d", len(s.Mean), FeatureCount)
	case len(s.Line) != 2, len(s.LineVariance) != 4, len(s.Rates) != 2*(len(m.weekday)+len(m.chain)):
		return "calibration or rates incomplete"
	case n > memory, len(s.Margin) != n, len(s.Volume) != n, len(s.Duration) != n:
		return "history incomplete"
	case k > recordSize, len(s.Base) != k, len(s.Recent) != k, len(s.Leads) != k, len(s.Missed) != k:
		return "record incomplete"
	}
	for _, x := range append(append([]float64{s.Slow, s.Fast, s.Unexpected}, s.Mean...), s.Variance...) {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return "a coefficient is not a finite number"
		}
	}
	return ""
}

func (s *saved) into(m *Model) {
	m.regression = regression{mean: s.Mean, variance: s.Variance}
	m.calibration = platt{regression{s.Line, s.LineVariance}, s.Plain, s.Calibrated, s.CalibrationOutcomes}
	m.slow, m.fast, m.unexpected = s.Slow, s.Fast, s.Unexpected
	m.record.misses, m.outcomes = s.Misses, s.Outcomes
	for i, d := range s.Deadlines {
		m.history = append(m.history, period{d, s.Margin[i], s.Volume[i], s.Duration[i]})
	}
	for i := range m.weekday {
		m.weekday[i] = rate{s.Rates[2*i], s.Rates[2*i+1]}
	}
	rest := s.Rates[2*len(m.weekday):]
	for i := range m.chain {
		m.chain[i] = rate{rest[2*i], rest[2*i+1]}
	}
	for i, missed := range s.Missed {
		m.record.latest = append(m.record.latest, forecast{s.Risk[i], s.Base[i], s.Recent[i], missed, s.Leads[i]})
	}
}
