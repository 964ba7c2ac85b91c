package main

import (
	"math"
	"math/rand/v2"
	"time"
)

// hiddenState is a state of a hidden Markov process with a normal arrival.
type hiddenState struct {
	mean, sd float64
	start    float64 // probability that the process starts here
	moves    []move
}

type move struct {
	to          int
	probability float64
}

// hidden draws from a hidden Markov process. Its truth is the mixture over the exact forward filter: what somebody
// knows who knows the process and has seen the arrivals alone.
type hidden struct {
	states []hiddenState
	belief []float64
	at     int
}

func newHidden(r *rand.Rand, states []hiddenState) *hidden {
	h := &hidden{states: states}
	var start []move
	for k, s := range states {
		h.belief = append(h.belief, s.start)
		start = append(start, move{k, s.start})
	}
	h.at = choose(r, start)
	return h
}

func (h *hidden) next(r *rand.Rand, _ time.Time) (float64, survival) {
	h.at = choose(r, h.states[h.at].moves)
	s := h.predict()
	x := gauss(r, h.states[h.at].mean, h.states[h.at].sd)
	h.see(x)
	return x, s
}

// predict moves the belief on by a day and returns the survival of the mixture.
func (h *hidden) predict() survival {
	next := make([]float64, len(h.belief))
	for k, w := range h.belief {
		for _, m := range h.states[k].moves {
			next[m.to] += w * m.probability
		}
	}
	h.belief = next
	states := h.states
	return func(t float64) float64 {
		s := 0.0
		for k, w := range next {
			if w > 1e-12 {
				s += w * normal((states[k].mean-t)/states[k].sd)
			}
		}
		return s
	}
}

// see conditions the belief on an arrival. The survival of predict keeps the belief of before.
func (h *hidden) see(x float64) {
	seen := make([]float64, len(h.belief))
	total := 0.0
	for k, w := range h.belief {
		s := h.states[k]
		z := (x - s.mean) / s.sd
		seen[k] = w*math.Exp(-z*z/2)/s.sd + 1e-300
		total += seen[k]
	}
	for k := range seen {
		seen[k] /= total
	}
	h.belief = seen
}

func choose(r *rand.Rand, moves []move) int {
	x := r.Float64()
	for _, m := range moves {
		if x -= m.probability; x < 0 {
			return m.to
		}
	}
	return moves[len(moves)-1].to
}
