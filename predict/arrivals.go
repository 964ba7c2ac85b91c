package predict

import (
	"math"
	"time"
)

// arrivals predicts when the rows of a dataset come. Several experts, each with one idea of how arrivals go on, are
// averaged by how well they have predicted lately. Calendar places shift what they say. A period may also be in trouble:
// see trouble.
type arrivals struct {
	Steady, Slow, Fast level
	Habit              autoregression
	Shifts             shifts
	Trend              trend
	Weights            [expertCount]float64 // log of the faded likelihood of each expert
	Calendar           calendar
	Noise              noise // of the average
	Trouble            trouble
	Normal             float64           // log of the faded likelihood of normal noise over that of noise with heavier tails
	Tails              [tailBins]float64 // faded number of arrivals by their tail probability
	Known              int               // arrivals learned
}

const (
	expertCount = 6
	expertKeep  = .99 // of the log likelihood, per arrival
	tailBins    = 16
	tailPrior   = 8 // arrivals in each bin
	tailKeep    = .99
)

func newArrivals() arrivals {
	a := arrivals{
		Steady: newLevel(.01, 120), Slow: newLevel(.05, 120), Fast: newLevel(.2, 120),
		Habit: newAutoregression(.02), Shifts: newShifts(), Trend: newTrend(),
		Noise: newNoise(120), Trouble: newTrouble(),
	}
	for i := range a.Tails {
		a.Tails[i] = tailPrior
	}
	return a
}

func (a *arrivals) experts() [expertCount]expert {
	return [...]expert{&a.Steady, &a.Slow, &a.Fast, &a.Habit, &a.Shifts, &a.Trend}
}

// outlook is the predictive distribution of one period.
type outlook struct {
	deadline time.Time
	places   places
	usual    mixture              // of an ordinary arrival
	parts    [expertCount]mixture // the same by each expert
	effect   float64              // minutes that the calendar adds
	variance float64              // of the effect
	monthly  bool                 // most of what the calendar says is said by the place in the month
	kinds    shares
	odd      oddArrival
	noise    background
	normal   float64           // share of normal noise
	tails    [tailBins]float64 // cumulated shares, see recalibrated
}

func (a *arrivals) outlook(deadline time.Time) *outlook {
	o := a.withoutPlaces(deadline)
	o.kinds = a.Trouble.probabilities(o.places)
	o.noise = background{a.Noise.scale(), (o.kinds[oddEarly] + o.kinds[oddLate]) * o.odd.all.density(o.odd.all.mean)}
	o.effect, o.variance = a.Calendar.effect(o.places, o.noise)
	week, _ := effectOf(a.Calendar.Residuals[o.places[0]], placeOdds(o.places[0]), o.noise)
	o.monthly = math.Abs(o.effect-week) > math.Abs(week)
	o.average(a)
	return o
}

// withoutPlaces is the outlook without what is special about the day's places.
func (a *arrivals) withoutPlaces(deadline time.Time) *outlook {
	o := &outlook{deadline: deadline, places: a.Calendar.places(deadline), odd: a.Trouble.odd()}
	o.kinds = a.Trouble.Chain[a.Trouble.State].normal()
	o.normal = logistic(a.Normal)
	total := 0.0
	for i, n := range a.Tails {
		total += n
		o.tails[i] = total
	}
	for i := range o.tails {
		o.tails[i] /= total
	}
	o.average(a)
	return o
}

// average sets the predictions of the experts and their average.
func (o *outlook) average(a *arrivals) {
	best, total := math.Inf(-1), 0.0
	for _, w := range a.Weights {
		best = math.Max(best, w)
	}
	for _, w := range a.Weights {
		total += math.Exp(w - best)
	}
	o.usual = nil
	for i, e := range a.experts() {
		o.parts[i] = e.predict(o.effect, o.variance)
		for _, c := range o.parts[i] {
			c.weight *= math.Exp(a.Weights[i]-best) / total
			o.usual = append(o.usual, c)
		}
	}
}

// survival returns the probability that nothing has come x minutes after the deadline.
func (o *outlook) survival(x float64) float64 {
	return o.kinds[nothing] + o.odd.later(x, o.kinds) + o.kinds[ordinary]*o.recalibrated(o.later(x))
}

// later returns the probability of an ordinary arrival later than x.
func (o *outlook) later(x float64) float64 {
	return o.normal*o.usual.normalLater(x) + (1-o.normal)*o.usual.later(x)
}

// recalibrated maps a tail probability to the share of past arrivals with a smaller one, which learns the shape of the
// noise (Dawid 1984).
func (o *outlook) recalibrated(p float64) float64 {
	at := clamp(p, 0, 1) * tailBins
	bin := min(int(at), tailBins-1)
	below := 0.0
	if bin > 0 {
		below = o.tails[bin-1]
	}
	return below + (at-float64(bin))*(o.tails[bin]-below)
}

// miss returns the probability that a period that is open x minutes after the deadline misses it.
func (o *outlook) miss(x float64) float64 { return o.survival(0) / math.Max(o.survival(x), 1e-12) }

// halfway returns the minutes after the deadline at which the logarithm of the risk of a period that is still open has
// come half the way from the day-ahead risk to 1.
func (o *outlook) halfway() float64 {
	want := math.Sqrt(o.survival(0))
	low, high := -1440.0, 0.0
	for range 20 {
		at := (low + high) / 2
		if o.survival(at) > want {
			low = at
		} else {
			high = at
		}
	}
	return high
}

// learn takes the minutes from the deadline to the arrival, NaN if nothing came, and the outlook on that period.
func (a *arrivals) learn(o *outlook, margin float64) {
	a.Calendar.saw(o.deadline)
	if math.IsNaN(margin) {
		a.Trouble.learn(o.places, shares{nothing: 1})
		for _, e := range a.experts() {
			e.skip()
		}
		return
	}
	strange := o.odd.density(margin, o.kinds)
	odd := strange / (strange + o.kinds[ordinary]*o.usual.density(margin))
	a.Trouble.learnArrival(margin, odd)
	kinds := shares{ordinary: 1 - odd, oddEarly: odd}
	if margin > 0 {
		kinds = shares{ordinary: 1 - odd, oddLate: odd}
	}
	a.Trouble.learn(o.places, kinds)
	a.learnTail(o.later(margin), 1-odd)
	a.Normal *= expertKeep
	if d := o.usual.density(margin); d > 0 {
		a.Normal += (1 - odd) * math.Log(math.Max(o.usual.normalDensity(margin), 1e-6*d)/d)
	}
	for i, p := range o.parts {
		a.Weights[i] = expertKeep*a.Weights[i] + math.Log(o.kinds[ordinary]*p.density(margin)+strange)
	}
	residual := margin - o.usual.mean()
	if a.Known++; a.Known > 4 { // before, the level is not known
		a.Calendar.learn(waiting{o.places, residual + o.effect, margin - o.effect, o.effect}, o.noise)
	}
	a.Noise.learn(residual/math.Sqrt(a.Noise.Square+o.variance), 1)
	for _, e := range a.experts() {
		e.learn(margin - o.effect)
	}
}

func (a *arrivals) learnTail(p, weight float64) {
	for i := range a.Tails {
		a.Tails[i] += weight * (1 - tailKeep) * (tailPrior - a.Tails[i])
	}
	a.Tails[min(tailBins-1, int(p*tailBins))] += weight
}
