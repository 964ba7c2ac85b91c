package predict

import "math"

// The kinds of a period: rows came about when they usually do, at an odd time, or not
// at all.
const (
	ordinary = iota
	oddEarly // before the deadline
	oddLate  // after it
	nothing
	kindCount
)

// shares are probabilities of the kinds, or weights of past periods of each.
type shares [kindCount]float64

func (s shares) normal() shares {
	total := 0.0
	for _, x := range s {
		total += x
	}
	for k := range s {
		s[k] /= total
	}
	return s
}

func (s shares) dot(t shares) float64 {
	sum := 0.0
	for k := range s {
		sum += s[k] * t[k]
	}
	return sum
}

func (s shares) mix(t shares, w float64) shares {
	for k := range s {
		s[k] += w * (t[k] - s[k])
	}
	return s
}

// trouble predicts the kind of a period. Trouble comes in runs, so it is a Markov chain; a calendar place may have
// shares of its own.
type trouble struct {
	Chain  [5]shares // after an ordinary period, an odd early one, an odd late one, one without rows, more of those
	State  int       // index of Chain
	Places [placeCount]troublePlace
	Odd    level // odd arrivals
}

// troublePlace holds the shares of a calendar place, and the log odds that it has shares of its own.
type troublePlace struct {
	Kinds shares
	Odds  float64
}

// Prior weights of the kinds. They are those of feeds that are in trouble on one or two days in a hundred, for a day or
// two.
var (
	priorChain = [5]shares{
		{19.5, .125, .125, .25}, {2, .4, .2, .3}, {2, .2, .4, .4}, {.9, .08, .08, .34}, {1, .2, .2, 2.6},
	}
	priorPlace = shares{.4, .08, .08, .24}
)

// ownShares is the prior log odds that a place has shares of trouble of its own, beside those of an effect.
const ownShares = -1

func newTrouble() trouble {
	t := trouble{Chain: priorChain, Odd: level{Value: 60, Count: 4, Noise: noise{Square: 150 * 150}}}
	for p := range t.Places {
		t.Places[p] = troublePlace{priorPlace, placeOdds(p) + ownShares}
	}
	return t
}

// probabilities returns those of the kinds on a day at these places.
func (t *trouble) probabilities(ps places) shares {
	q := t.Chain[t.State].normal()
	for _, p := range ps {
		q = q.mix(t.Places[p].Kinds.normal(), logistic(t.Places[p].Odds))
	}
	return q
}

// oddArrival is the distribution of arrivals at odd times, of which a share comes before the deadline.
type oddArrival struct {
	all  component
	late float64 // share after the deadline
}

func (t *trouble) odd() oddArrival {
	c := component{1, t.Odd.Value, t.Odd.Noise.scale()}
	return oddArrival{c, clamp(mixture{c}.later(0), .02, .98)}
}

// density returns that of an odd arrival under shares of the kinds.
func (o oddArrival) density(x float64, kinds shares) float64 {
	if x > 0 {
		return kinds[oddLate] * o.all.density(x) / o.late
	}
	return kinds[oddEarly] * o.all.density(x) / (1 - o.late)
}

// later returns the probability of an odd arrival later than x under shares of the kinds.
func (o oddArrival) later(x float64, kinds shares) float64 {
	tail := mixture{o.all}.later(x)
	if x > 0 {
		return kinds[oddLate] * math.Min(1, tail/o.late)
	}
	return kinds[oddLate] + kinds[oddEarly]*clamp((tail-o.late)/(1-o.late), 0, 1)
}

// learnArrival takes an arrival that was odd with a probability.
func (t *trouble) learnArrival(margin, odd float64) {
	t.Odd.Count += odd
	gain := odd / t.Odd.Count
	d := clamp(margin-t.Odd.Value, -600, 600)
	t.Odd.Value += gain * d
	t.Odd.Noise.Square += gain * (d*d*(1-gain) - t.Odd.Noise.Square)
	t.Odd.Count = math.Min(t.Odd.Count, 40)
}

// learn takes the probabilities of the kinds that a period was of. Trouble that its place explains says nothing about
// the next period.
func (t *trouble) learn(ps places, y shares) {
	before := &t.Chain[t.State]
	q := before.normal()
	explained := 0.0
	for _, p := range ps {
		place := &t.Places[p]
		own, w := place.Kinds.normal(), logistic(place.Odds)
		explained = math.Max(explained, w*(1-own[ordinary]))
		place.learn(y, q, placeOdds(p)+ownShares)
		q = q.mix(own, w)
	}
	if y[ordinary] < .5 && explained > .5 {
		return
	}
	for k := range y {
		before[k] = .995*before[k] + y[k]
	}
	switch {
	case y[nothing] == 1:
		t.State = min(4, max(3, t.State+1))
	case y[oddLate] > .5:
		t.State = 2
	case y[oddEarly] > .5:
		t.State = 1
	default:
		t.State = 0
	}
}

// learn compares the place's own shares with those expected without it.
func (p *troublePlace) learn(y, without shares, prior float64) {
	const keepOdds, keep = .98, .93
	odds := p.Odds + math.Log(p.Kinds.normal().dot(y)/without.dot(y))
	p.Odds = clamp(prior+keepOdds*(odds-prior), prior-3, 20)
	for k := range y {
		p.Kinds[k] = keep*p.Kinds[k] + (1-keep)*priorPlace[k] + y[k]
	}
}
