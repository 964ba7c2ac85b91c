package predict

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// stateVersion changes with every change of [Vector] or of saved.
const stateVersion = 2

const stateMagic = "SNPR"

// StateError says why a saved model could not be decoded. The model returned with it
// starts from the pooled prior.
type StateError struct{ Reason string }

func (e *StateError) Error() string {
	return "predictor state not usable, starting from the pooled prior: " + e.Reason
}

// saved is the encoded form of a Model. gob needs its exported fields.
type saved struct {
	Arrivals                 arrivals
	Mean, Variance           []float64
	Answers                  answers
	Line, LineVariance       []float64
	Plain, Calibrated        float64
	CalibrationOutcomes      int
	Deadlines                []time.Time
	Margin, Volume, Duration []float64
	Slow, Fast               float64
	Recent, Warned           []float64
	Given                    [][len(Leads)]given
	Missed                   []bool
	Misses                   float64
	Open                     [len(Leads)]openCounts
	Outcomes                 int
}

// MarshalBinary encodes the model without its prior: magic, version, CRC-32 and a gob
// of saved. The result is smaller than 24 kB.
func (m *Model) MarshalBinary() ([]byte, error) {
	s := saved{
		Mean: m.regression.mean, Variance: m.regression.variance,
		Line: m.calibration.line.mean, LineVariance: m.calibration.line.variance,
		Plain: m.calibration.plain, Calibrated: m.calibration.calibrated, CalibrationOutcomes: m.calibration.outcomes,
		Slow: m.slow, Fast: m.fast, Misses: m.record.misses, Open: m.record.open, Outcomes: m.outcomes,
		Arrivals: m.arrivals, Answers: m.answers,
	}
	for _, p := range m.history {
		s.Deadlines = append(s.Deadlines, p.deadline)
		s.Margin = append(s.Margin, p.margin)
		s.Volume = append(s.Volume, p.volume)
		s.Duration = append(s.Duration, p.duration)
	}
	for _, f := range m.record.latest {
		s.Given, s.Recent = append(s.Given, f.at), append(s.Recent, f.recent)
		s.Warned, s.Missed = append(s.Warned, f.lead), append(s.Missed, f.missed)
	}
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(s); err != nil {
		return nil, fmt.Errorf("encode predictor state: %w", err)
	}
	out := append([]byte(stateMagic), stateVersion)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(body.Bytes()))
	return append(out, body.Bytes()...), nil
}

// Restore returns the model that [Model.MarshalBinary] encoded, with the given prior. For a state that is damaged or of
// another version it returns a [*StateError] and a new model. That has learned the periods that a state of an earlier
// version remembers.
func Restore(p Prior, state []byte) (*Model, error) {
	m := New(p)
	version, s, reason := decode(state)
	if reason == "" && version < stateVersion {
		s.relearn(m)
		reason = fmt.Sprintf("version %d, want %d: %d periods are learned again", version, stateVersion, m.outcomes)
	}
	if reason == "" {
		reason = s.check()
	}
	if reason != "" {
		return m, &StateError{Reason: reason}
	}
	s.into(m)
	return m, nil
}

func decode(state []byte) (version byte, s saved, reason string) {
	const header = len(stateMagic) + 1 + 4
	if len(state) < header || string(state[:len(stateMagic)]) != stateMagic {
		return 0, s, "not a predictor state"
	}
	version = state[len(stateMagic)]
	if version < 1 || version > stateVersion {
		return 0, s, fmt.Sprintf("version %d, want %d", version, stateVersion)
	}
	body := state[header:]
	if binary.BigEndian.Uint32(state[header-4:]) != crc32.ChecksumIEEE(body) {
		return 0, s, "checksum does not match: the state is damaged"
	}
	if err := gob.NewDecoder(bytes.NewReader(body)).Decode(&s); err != nil {
		return 0, s, err.Error()
	}
	return version, s, ""
}

// relearn teaches a new model the remembered periods.
func (s *saved) relearn(m *Model) {
	n := len(s.Deadlines)
	if len(s.Margin) != n || len(s.Volume) != n || len(s.Duration) != n {
		return
	}
	for i, d := range s.Deadlines {
		o := Outcome{Volume: sentinel.Float(math.Expm1(s.Volume[i]))}
		if !math.IsNaN(s.Margin[i]) {
			o.Arrival = d.Add(time.Duration(s.Margin[i] * float64(time.Minute)))
		}
		if !math.IsNaN(s.Duration[i]) {
			o.Duration = time.Duration(math.Exp(s.Duration[i]) * float64(time.Second))
		}
		m.Learn(Context{Deadline: d}, o)
	}
}

// check returns what is inconsistent; "" if nothing is.
func (s *saved) check() string {
	n, k := len(s.Deadlines), len(s.Given)
	a := &s.Arrivals
	switch {
	case len(s.Mean) != FeatureCount, len(s.Variance) != FeatureCount*FeatureCount:
		return fmt.Sprintf("%d coefficients, want %d", len(s.Mean), FeatureCount)
	case len(s.Line) != 2, len(s.LineVariance) != 4:
		return "calibration incomplete"
	case n > memory, len(s.Margin) != n, len(s.Volume) != n, len(s.Duration) != n:
		return "history incomplete"
	case k > recordSize, len(s.Recent) != k, len(s.Warned) != k, len(s.Missed) != k:
		return "record incomplete"
	case a.Trouble.State < 0, a.Trouble.State >= len(a.Trouble.Chain), len(a.Shifts.Runs) > maxRuns, !(a.Noise.Square > 0):
		return "distribution of arrivals inconsistent"
	}
	numbers := append(append([]float64{s.Slow, s.Fast, s.Answers.Day, s.Answers.Open}, s.Mean...), s.Variance...)
	for _, x := range append(numbers, a.Weights[:]...) {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return "a coefficient is not a finite number"
		}
	}
	return ""
}

func (s *saved) into(m *Model) {
	m.arrivals, m.answers = s.Arrivals, s.Answers
	m.regression = regression{mean: s.Mean, variance: s.Variance}
	m.calibration = platt{regression{s.Line, s.LineVariance}, s.Plain, s.Calibrated, s.CalibrationOutcomes}
	m.slow, m.fast = s.Slow, s.Fast
	m.record.misses, m.record.open, m.outcomes = s.Misses, s.Open, s.Outcomes
	for i, d := range s.Deadlines {
		m.history = append(m.history, period{d, s.Margin[i], s.Volume[i], s.Duration[i]})
	}
	for i, missed := range s.Missed {
		m.record.latest = append(m.record.latest, forecast{s.Given[i], s.Recent[i], missed, s.Warned[i]})
	}
}
