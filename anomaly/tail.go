package anomaly

import "math"

// tail is how the largest tenth of a quantity is distributed: its lower end, by
// stochastic approximation, and the mean excess over it.
type tail struct {
	U, Excess float32
	N         uint16 // values that were beyond U
	Learnt    uint16 // values at all
}

// p is the probability of a value at least as large.
func (t *tail) p(x float64) float64 {
	u, excess := t.shape()
	if x <= u {
		return 1
	}
	return tailPart * math.Exp(-(x-u)/excess)
}

// shape is the lower end and the mean excess: as long as nothing was learnt,
// those of something wider than the normal distribution.
func (t *tail) shape() (u, excess float64) {
	if t.U == 0 {
		return 1.7, 1.2
	}
	return float64(t.U), float64(t.Excess)
}

func (t *tail) learn(x float64) {
	if t.U == 0 {
		u, excess := t.shape()
		t.U, t.Excess = float32(u), float32(excess)
	}
	if t.Learnt < math.MaxUint16 {
		t.Learnt++
	}
	gain := max(2/float64(t.Learnt+4), 0.01) * float64(t.U+t.Excess)
	if x > float64(t.U) {
		if t.N < math.MaxUint16 {
			t.N++
		}
		over := min(x-float64(t.U), 6*float64(t.Excess))
		t.Excess += float32((over - float64(t.Excess)) / min(float64(t.N)+8, tailMemory))
		t.U += float32(gain * (1 - tailPart))
		return
	}
	t.U = max(0.2, t.U-float32(gain*tailPart))
}
