package changes

import "math"

// The profiles: a level, and a line.
const (
	asLevel = iota
	asLine
	profiles // number of profiles
)

const (
	better      = 3.0   // log likelihood by which a profile has to be better than the one in use
	errorMemory = 300.0 // values over which errors are learned
	mostCarried = 0.98  // largest share of an error that the next value is expected to have
	mostAway    = 2.0   // largest distance that counts, as a logarithm
)

// profile is what values are compared with. Its errors are those of an autoregressive model of
// first order around the level or line, so that correlated values do not look like a change.
type profile struct {
	Level, Slope float32
	Before       float32 // distance of the newest value, in spreads
	Away         float32 // distance of the newest value, as a logarithm
	Var, Cov     float32 // mean square of the distances, and mean product of two neighbours
	Err          float32 // mean square of the errors
}

// view says how a profile takes in a value.
type view struct {
	n      float64 // number of values so far
	memory float64 // values in the memory of the profile
	clip   float64 // spreads that an error counts as at most
	still  bool    // the profile learns nothing
}

// learn returns the error of a value in spreads of such errors: its distance from the profile,
// less what the distance before it foretells. Large errors are clipped (Huber 1964).
func (p *profile) learn(kind int, v Value, w view) float64 {
	if w.n == 1 {
		*p = profile{Level: float32(v.Level), Var: 1, Err: 1}
		return 0
	}
	p.Level += p.Slope * float32(math.Min(v.Ahead, w.memory))
	away := v.Level - float64(p.Level)
	x := clipped(away/v.Spread, w.clip*math.Sqrt(float64(p.Var)))
	carried := math.Max(0, math.Min(mostCarried, float64(p.Cov)/math.Max(float64(p.Var), 1e-9)))
	if v.Ahead > 1 {
		carried = math.Pow(carried, v.Ahead)
	}
	e := x - carried*float64(p.Before)
	root := math.Sqrt(math.Max(float64(p.Err), 1e-9))
	z := clipped(e/root, w.clip)
	if !w.still {
		rate := 1 / math.Min(w.n+5, errorMemory)
		p.Var += float32((x*x - float64(p.Var)) * rate)
		p.Cov += float32((x*float64(p.Before) - float64(p.Cov)) * rate)
		p.Err += float32((math.Min(e*e, w.clip*w.clip*float64(p.Err)) - float64(p.Err)) * rate)
		p.move(kind, x*v.Spread, v.Ahead, w)
	}
	p.Before, p.Away = float32(x), float32(clipped(away, mostAway))
	return z
}

// move follows a distance e. First the profile is the mean of all values, or a line through
// them; then its memory fades (Brown 1963).
func (p *profile) move(kind int, e, ahead float64, w view) {
	old, n := 1-1/w.memory, w.n
	if kind == asLevel {
		p.Level += float32(e * math.Max(1-old, 1/n))
		return
	}
	gain := math.Max(1-old*old, 2*(2*n+1)/((n+1)*(n+2)))
	slope := math.Max((1-old)*(1-old), 6/((n+1)*(n+2)))
	p.Level += float32(e * math.Min(gain, 0.98))
	p.Slope += float32(e * math.Min(slope, 0.2) / ahead)
}

// choose changes to the other profile where it is clearly better. The sums then begin again.
func (t *Test) choose() {
	other := 1 - t.Used
	ratio := math.Max(float64(t.Profiles[t.Used].Err), 1e-9) / math.Max(float64(t.Profiles[other].Err), 1e-9)
	if t.N < 5 || math.Min(float64(t.N), errorMemory)/2*math.Log(ratio) < better {
		return
	}
	t.Used = other
	for i := range t.Sums {
		t.Sums[i].begin()
	}
}

func clipped(x, most float64) float64 { return math.Max(-most, math.Min(most, x)) }
