package counts

import "math"

// tail is the distribution of the largest twentieth of a quantity, on one side. Above a
// lower end U, a power of the quantity is exponential: the second power for a normal
// distribution, the first for an exponential one, the square root for a heavier one. It
// learns how well each power explains the values over U (peaks over a threshold, as
// Siffer et al. 2017, with Weibull tails).
type tail struct {
	U      float32         // lower end
	Excess [shapes]float32 // mean excess of each power over that of U
	Fit    [shapes]float32 // mean log likelihood of each power
	N      float32         // number of values above U
	Learnt float32         // number of all values
}

const (
	shapes     = 3
	heaviest   = 0.7  // smallest power
	tailPart   = 0.05 // share of values that form the tail, on each side
	tailPrior  = 15.0 // values that the normal tail counts as
	capFar     = 6.0  // a value counts as no rarer than this, as a logarithm, among those of the tail
	tailMemory = 80.0 // values in the tail
)

var exponents = [shapes]float64{2, 1, heaviest}

// normalTail is the tail of a normal distribution, from which learning starts.
var normalTail = tail{
	U:      1.645,
	Excess: [shapes]float32{1.69, 0.418, float32(math.Pow(2.02, heaviest) - math.Pow(1.645, heaviest))},
	Fit:    [shapes]float32{0, -0.02, -0.06},
}

func power(x float64, k int) float64 {
	switch k {
	case 0:
		return x * x
	case 1:
		return x
	}
	return math.Pow(x, heaviest)
}

func root(x float64, k int) float64 {
	switch k {
	case 0:
		return math.Sqrt(x)
	case 1:
		return x
	}
	return math.Pow(x, 1/heaviest)
}

// bound returns the size that is exceeded with a probability.
func (t *tail) bound(prob float64) float64 {
	c := t
	if t.U == 0 {
		c = &normalTail
	}
	far := math.Max(math.Log(tailPart/prob), 0.05)
	most := float64(max(c.Fit[0], c.Fit[1], c.Fit[2]))
	n := math.Min(float64(c.N)+tailPrior, tailMemory)
	sum, weights := 0.0, 0.0
	for k := range exponents {
		w := math.Exp(n * (float64(c.Fit[k]) - most))
		sum += w * root(power(float64(c.U), k)+float64(c.Excess[k])*far, k)
		weights += w
	}
	return sum / weights
}

func (t *tail) learn(x float64) {
	if t.U == 0 {
		*t = normalTail
	}
	t.Learnt = min(t.Learnt+1, 1e6)
	gain := max(1/(float64(t.Learnt)+50), 0.002) * 6 * float64(t.U)
	if x <= float64(t.U) {
		t.U = float32(max(0.3, float64(t.U)-gain*tailPart))
		return
	}
	t.N = min(t.N+1, 1e6)
	x = min(x, t.bound(tailPart*math.Exp(-capFar)))
	rate := float32(1 / (min(float64(t.N), tailMemory) + tailPrior))
	for k, e := range exponents {
		over := power(x, k) - power(float64(t.U), k)
		mean := float64(t.Excess[k])
		fit := math.Log(e/mean) + (e-1)*math.Log(x) - over/mean - math.Log(2.063)
		t.Fit[k] += (float32(fit) - t.Fit[k]) * rate
		t.Excess[k] += (float32(over) - t.Excess[k]) * rate
	}
	t.U += float32(gain * (1 - tailPart))
}
