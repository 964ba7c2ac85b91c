package predict

import "math"

// component is a part of a mixture: Student's t distribution with 8 degrees of freedom, which is near a normal one but
// not surprised by an outlier.
type component struct{ weight, mean, scale float64 }

// mixture is a distribution of the minutes from a deadline to an arrival. Its weights sum to 1.
type mixture []component

// later returns the probability of an arrival later than x.
func (m mixture) later(x float64) float64 {
	p := 0.0
	for _, c := range m {
		p += c.weight * studentTail((x-c.mean)/c.scale)
	}
	return p
}

// normalLater and normalDensity are later and density of the same mixture of normal distributions.
func (m mixture) normalLater(x float64) float64 {
	p := 0.0
	for _, c := range m {
		p += c.weight * .5 * math.Erfc((x-c.mean)/(c.scale*normalScale*math.Sqrt2))
	}
	return p
}

func (m mixture) normalDensity(x float64) float64 {
	p := 0.0
	for _, c := range m {
		s := c.scale * normalScale
		z := (x - c.mean) / s
		p += c.weight * math.Exp(-z*z/2) / (s * math.Sqrt(2*math.Pi))
	}
	return p
}

func (m mixture) density(x float64) float64 {
	p := 0.0
	for _, c := range m {
		p += c.weight * c.density(x)
	}
	return p
}

func (m mixture) mean() float64 {
	x := 0.0
	for _, c := range m {
		x += c.weight * c.mean
	}
	return x
}

// density is that of the component without its weight.
func (c component) density(x float64) float64 { return studentDensity((x-c.mean)/c.scale) / c.scale }

// studentTail returns the probability of more than z in Student's t distribution with 8 degrees of freedom.
func studentTail(z float64) float64 {
	if z > 6 { // the closed form cancels; its series in 1/z has what is needed
		w := 8 / (8 + z*z)
		return 35.0 / 256 * w * w * w * w * (1 + .4*w)
	}
	u := z / math.Sqrt(8+z*z)
	v := u * u
	return .5 - 35.0/32*u*(1-v+.6*v*v-v*v*v/7)
}

// studentDensity is the density of Student's t distribution with 8 degrees of freedom.
func studentDensity(z float64) float64 {
	w := 1 / (1 + z*z/8)
	return 35.0 / 32 / math.Sqrt(8) * w * w * w * w * math.Sqrt(w)
}

// normalScale is the standard deviation of normal residuals over the scale that noise estimates of them.
const normalScale = 1.11

// robust is the weight of a residual of z scales in the estimate of a mean or a scale: one step of the EM algorithm for
// that distribution (Lange, Little and Taylor 1989). It is at most 9/8.
func robust(z float64) float64 { return 9 / (8 + z*z) }

// noise is a robust estimate of the scale of residuals in minutes.
type noise struct {
	Square float64
	Count  float64 // weight of the residuals learned, at most Memory
	Memory float64
}

const (
	firstScale  = 25  // minutes, before the first residual
	leastSquare = .25 // so that no scale is below half a minute
)

func newNoise(memory float64) noise { return noise{firstScale * firstScale, .7, memory} }

func (n *noise) scale() float64 { return math.Sqrt(n.Square) }

// learn takes a residual in units of the scale it was predicted with, and the weight of that.
func (n *noise) learn(z, weight float64) {
	n.Square *= 1 + weight/(n.Count+1)*(robust(z)*z*z-1)
	n.Square = math.Max(n.Square, leastSquare)
	n.Count = math.Min(n.Count+weight, n.Memory)
}
