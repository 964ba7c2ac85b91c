package anomaly

import "math"

// tail is the distribution of the largest tenth of a quantity. It is exponential above
// a lower end, which it learns by stochastic approximation.
type tail struct {
	U      float32 // lower end
	Excess float32 // mean excess over U
	N      uint16  // number of values above U
	Learnt uint16  // number of all values
}

// rarity returns one divided by the probability of a size of x or more.
func (t *tail) rarity(x float64) float64 {
	u, excess := t.shape()
	if x <= u {
		return 1
	}
	return math.Exp((x-u)/excess) / tailPart
}

// shape returns the lower end and the mean excess. Before the first value it returns
// those of a distribution somewhat wider than the normal one.
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
