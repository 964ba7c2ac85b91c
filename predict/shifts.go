package predict

import (
	"cmp"
	"math"
	"slices"
)

// shifts is a level that jumps now and then. It keeps a belief over when the last jump was (Adams and MacKay 2007), of
// the likeliest runs.
type shifts struct {
	Runs  []run
	Whole level // the arrivals of all runs, which is where a new one may begin
	Noise noise // within a run
}

// run is the stretch since a possible jump.
type run struct{ Weight, Level, Count float64 }

const (
	maxRuns   = 6
	jumpShare = .015 // of the periods
	runMemory = 12   // arrivals, so that a level may also creep
)

func newShifts() shifts { return shifts{Whole: newLevel(.01, 120), Noise: newNoise(120)} }

// predict returns a component for a jump, and then one for each run.
func (s *shifts) predict(effect, variance float64) mixture {
	jump := s.Whole.predict(effect, variance)[0]
	if len(s.Runs) > 0 {
		jump.weight = jumpShare
	}
	m := mixture{jump}
	for _, r := range s.Runs {
		m = append(m, component{
			weight: (1 - jumpShare) * r.Weight,
			mean:   r.Level + effect,
			scale:  math.Sqrt(s.Noise.Square*(1+1/r.Count) + variance),
		})
	}
	return m
}

func (s *shifts) learn(x float64) {
	m := s.predict(0, 0)
	total := m.density(x)
	same, squares := 0.0, 0.0 // weight of the runs that go on, and their mean weighted square
	for i := range s.Runs {
		r, c := &s.Runs[i], m[i+1]
		z := (x - c.mean) / c.scale
		r.Weight = c.weight * c.density(x) / total
		same += r.Weight
		squares += r.Weight * robust(z) * z * z
		r.Level += math.Max(1/(r.Count+1), 1.0/runMemory) * math.Min(1, robust(z)) * (x - r.Level)
		r.Count = math.Min(r.Count+1, runMemory)
	}
	if same > 0 {
		s.Noise.Square = math.Max(leastSquare, s.Noise.Square*(1+(squares-same)/(s.Noise.Count+1)))
		s.Noise.Count = math.Min(s.Noise.Count+same, s.Noise.Memory)
	}
	s.Runs = append(s.Runs, run{m[0].weight * m[0].density(x) / total, x, 1})
	s.keepLikeliest()
	s.Whole.learn(x)
}

func (s *shifts) keepLikeliest() {
	slices.SortStableFunc(s.Runs, func(a, b run) int { return cmp.Compare(b.Weight, a.Weight) })
	s.Runs = s.Runs[:min(len(s.Runs), maxRuns)]
	total := 0.0
	for _, r := range s.Runs {
		total += r.Weight
	}
	for i := range s.Runs {
		s.Runs[i].Weight /= total
	}
}

func (s *shifts) skip() {}
