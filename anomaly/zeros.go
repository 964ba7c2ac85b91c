package anomaly

import "math"

// usualZeros is the smallest share of zeros that makes a zero usual.
const usualZeros = 0.05

// zeroShare returns how often a value at the hour of the forecast is zero. It is 0 where
// zeros are rare, or were too few to tell.
func (s *state) zeroShare(f forecast) float64 {
	own := &s.Week[f.week]
	if own.Zeros >= 2 && 2*own.Zeros >= own.N {
		return float64(own.Zeros) / float64(own.N+1) // an hour that is closed, such as at a weekend
	}
	zeros, n := 0, 0
	for i := range s.Week {
		if w := &s.Week[i]; 2*int(w.Zeros) < int(w.N) || w.N < 2 {
			zeros, n = zeros+int(w.Zeros), n+int(w.N)
		}
	}
	share := float64(zeros) / float64(max(n, 1))
	if !s.daily() {
		own = &s.Day[f.day]
	}
	if usual := share * float64(own.N); float64(own.Zeros) < usual-3*math.Sqrt(usual) {
		share = float64(own.Zeros+1) / float64(own.N+1) // clearly fewer zeros than at other hours
	}
	if zeros < 3 || share < usualZeros {
		return 0
	}
	return share
}

// zeroProbability returns the probability of a zero after the zeros in a row before it. It
// is 0 where zeros are rare.
func (s *state) zeroProbability(f forecast) float64 {
	share := s.zeroShare(f)
	if share == 0 {
		return 0
	}
	return share * math.Exp(s.ZeroRun)
}

// learnZero counts a zero, and learns how improbable the run of zeros is.
func (s *state) learnZero(v float64, f forecast) {
	if v != 0 {
		s.ZeroRun = 0
		return
	}
	s.ZeroRun += math.Log(max(s.zeroShare(f), 1e-3))
	s.Zeros++
	if s.N > 0 {
		s.Day[f.day].zero()
		s.Week[f.week].zero()
	}
}

func (s *slot) zero() {
	if s.Zeros < math.MaxUint16 {
		s.Zeros++
	}
}
