package predict

import "math"

// expert predicts the arrival of the next period without its calendar places. The fields of experts are exported
// because they are saved.
type expert interface {
	// predict returns the distribution with an effect of the calendar added, which has a mean and a variance.
	predict(effect, variance float64) mixture
	// learn takes an arrival without the effect of the calendar.
	learn(x float64)
	// skip says that nothing came.
	skip()
}

// level is an exponential average of arrivals.
type level struct {
	Gain  float64 // weight of the newest arrival, once there are enough
	Value float64 // minutes after the deadline
	Count float64
	Noise noise
}

// newLevel returns a level that expects arrivals half an hour early, with the weight of a fifth of an arrival.
func newLevel(gain, memory float64) level {
	return level{Gain: gain, Value: -30, Count: .2, Noise: newNoise(memory)}
}

// variance is that of the next residual: of the noise and of the level.
func (l *level) variance() float64 { return l.Noise.Square * (1 + 1/(l.Count+1)) }

func (l *level) predict(effect, variance float64) mixture {
	return mixture{{1, l.Value + effect, math.Sqrt(l.variance() + variance)}}
}

func (l *level) learn(x float64) { l.follow(x, (x-l.Value)/math.Sqrt(l.variance())) }

// follow learns an arrival that was z scales off.
func (l *level) follow(x, z float64) {
	l.Noise.learn(z, 1)
	l.Value += math.Max(l.Gain, 1/(l.Count+1)) * math.Min(1, robust(z)) * (x - l.Value)
	l.Count++
}

func (l *level) skip() {}

// autoregression expects a share of the last deviation from the level again: a late day follows a late day.
type autoregression struct {
	Level        level
	Last         float64 // last deviation in minutes; it fades while nothing comes
	Cross, Power float64 // sums of products of successive deviations, in scales; their ratio is the share
}

// priorCross and priorPower are the sums that a share of a half starts from.
const priorCross, priorPower = 3, 6

func newAutoregression(gain float64) autoregression {
	return autoregression{Level: newLevel(gain, 120), Cross: priorCross, Power: priorPower}
}

func (a *autoregression) carried() float64 { return clamp(a.Cross/a.Power, 0, .98) * a.Last }

func (a *autoregression) predict(effect, variance float64) mixture {
	return a.Level.predict(effect+a.carried(), variance)
}

func (a *autoregression) learn(x float64) {
	const keep = .99
	z := (x - a.Level.Value - a.carried()) / math.Sqrt(a.Level.variance())
	deviation := x - a.Level.Value
	a.Level.follow(x, z)
	scale := a.Level.Noise.scale()
	d, last := clamp(deviation/scale, -6, 6), a.Last/scale
	a.Cross = keep*a.Cross + (1-keep)*priorCross + last*d
	a.Power = keep*a.Power + (1-keep)*priorPower + last*last
	a.Last = d * scale
}

func (a *autoregression) skip() { a.Last *= .7 }

// trend is a level with a slope, which starts again after a jump (Holt 1957).
type trend struct {
	Level  level
	Slope  float64 // minutes a period
	Before level   // the level before a jump, until the next arrival shows that it was none
	Jumped bool
}

const (
	trendGain  = .08
	slopeGain  = .005
	slopeKeep  = .995
	trendJump  = 5 // scales
	trendYoung = 5 // arrivals after a jump from which no slope is learned
)

func newTrend() trend { return trend{Level: newLevel(trendGain, 120)} }

func (t *trend) predict(effect, variance float64) mixture { return t.Level.predict(effect, variance) }

func (t *trend) learn(x float64) {
	if t.Jumped && math.Abs(x-t.Before.Value) < math.Abs(x-t.Level.Value) {
		t.Level = t.Before
	}
	residual := x - t.Level.Value
	z := residual / math.Sqrt(t.Level.variance())
	t.Before, t.Jumped = t.Level, math.Abs(z) > trendJump
	if t.Jumped {
		t.Level.Noise.learn(z, 1)
		t.Level.Value += .9 * residual
		t.Level.Count = 2
	} else {
		t.Level.follow(x, z)
		if t.Level.Count > trendYoung {
			t.Slope = slopeKeep * (t.Slope + slopeGain*math.Min(1, robust(z))*residual)
		}
	}
	t.skip()
}

// skip moves the level on by a period.
func (t *trend) skip() {
	t.Level.Value += t.Slope
	t.Before.Value += t.Slope
}
