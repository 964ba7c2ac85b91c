package predict

import (
	"math"
	"time"
)

// A calendar place is a kind of day on which arrivals may differ: a weekday, a day of the month, the last or the first
// day of a month that has a deadline. Weekdays come first, from Sunday on, then the days of the month.
const (
	weekdays   = 7
	monthdays  = 31
	lastPlace  = weekdays + monthdays
	firstPlace = lastPlace + 1
	placeCount = firstPlace + 1
)

// placeResiduals is how many residuals of a weekday, and of another place, are remembered.
var placeResiduals = [2]int{26, 5}

// placeOdds returns the prior log odds that a place has an effect of one size, or shares of trouble of its own.
func placeOdds(place int) float64 {
	switch {
	case place < weekdays:
		return math.Log(.15)
	case place >= lastPlace:
		return math.Log(.4)
	}
	return math.Log(.02)
}

// places are the weekday of a day and its place in the month.
type places [2]int

// calendar holds, for each place, by how many minutes its latest arrivals differed from what was expected without it.
type calendar struct {
	Residuals [placeCount][]float64 // oldest first
	Seen      [weekdays]float64     // faded number of deadlines on each weekday
	Last      time.Time             // last deadline
	Waiting   []waiting             // latest arrivals, oldest first, at most followers
}

// waiting is an arrival that is compared with those that follow it before its residual counts: what also holds for the
// days after it is a change of the level.
type waiting struct {
	Places   places
	Residual float64 // minutes, to what was expected without the places
	Value    float64 // minutes after the deadline, without the effect of the places
	Effect   float64 // that effect
}

// seenFade forgets weekdays that have no deadlines any more: those of a feed that was daily, after 130 deadlines.
const seenFade = .98

// followers is how many arrivals one waits for.
const followers = 3

// places returns those of a deadline. The last day of a month is the last one on a weekday that has deadlines.
func (c *calendar) places(day time.Time) places {
	next := day.AddDate(0, 0, 1)
	for i := 0; i < weekdays-1 && c.Seen[next.Weekday()] < .5; i++ {
		next = next.AddDate(0, 0, 1)
	}
	month := weekdays + day.Day() - 1
	switch {
	case next.Month() != day.Month():
		month = lastPlace
	case !c.Last.IsZero() && c.Last.In(day.Location()).Month() != day.Month():
		month = firstPlace
	}
	return places{int(day.Weekday()), month}
}

// knows reports whether an arrival at one of the places is known.
func (c *calendar) knows(ps places) bool {
	return len(c.Residuals[ps[0]]) > 0 || len(c.Residuals[ps[1]]) > 0 || c.Seen[ps[0]] > 0
}

// saw notes a deadline.
func (c *calendar) saw(day time.Time) {
	for i := range c.Seen {
		c.Seen[i] *= seenFade
	}
	c.Seen[day.Weekday()]++
	c.Last = day
}

// background is what the residuals of a place without an effect come from.
type background struct {
	scale float64 // of the noise, in minutes
	odd   float64 // density per minute of an arrival at an odd time
}

// effectSizes are the sizes that an effect of a place may have, in scales of the noise.
var effectSizes = [2]float64{1, 7}

// effect returns mean and variance in minutes of the effect of the places together.
func (c *calendar) effect(ps places, b background) (mean, variance float64) {
	for _, p := range ps {
		m, v := effectOf(c.Residuals[p], placeOdds(p), b)
		mean += m
		variance += v
	}
	return mean, variance
}

// effectOf returns mean and variance of the effect behind some residuals under a spike-and-slab prior (George and
// McCulloch 1993): most places have none, and one odd day is no effect.
func effectOf(residuals []float64, prior float64, b background) (mean, variance float64) {
	total, second := 1.0, 0.0
	for _, size := range effectSizes {
		odds, count, sum := prior, 0.0, 0.0
		own := 1 / (size * size)
		for _, r := range residuals {
			z, shrink := r/b.scale, 1/(count+own)
			wide := math.Sqrt(1 + shrink)
			off := (z - sum*shrink) / wide
			odds += math.Log((studentDensity(off)/wide + b.odd*b.scale) / (studentDensity(z) + b.odd*b.scale))
			w := math.Min(1, robust(off))
			count += w
			sum += w * z
		}
		w, shrink := math.Exp(math.Min(odds, 50)), 1/(count+own)
		m := sum * shrink
		total += w
		mean += w * m
		second += w * (m*m + shrink)
	}
	mean /= total
	return mean * b.scale, (second/total - mean*mean) * b.scale * b.scale
}

// learn takes an arrival. Its residual counts once the next arrivals are known.
func (c *calendar) learn(w waiting, b background) {
	c.Waiting = append(c.Waiting, w)
	if len(c.Waiting) <= followers {
		return
	}
	first, after := c.Waiting[0], c.Waiting[1:]
	var values []float64
	for _, f := range after {
		values = append(values, f.Value)
	}
	c.count(first.Places, between(first.Residual, first.Value+first.Effect-median(values), b.scale), b)
	c.Waiting = append(c.Waiting[:0], after...)
}

// between returns what two residuals of one arrival agree on: their mean, or, if they are far apart, the smaller one.
func between(before, after, scale float64) float64 {
	switch {
	case math.Abs(before-after) < 3*scale:
		return (before + after) / 2
	case before*after < 0:
		return 0
	case math.Abs(before) < math.Abs(after):
		return before
	}
	return after
}

// count adds a residual in minutes without the effect of any place.
func (c *calendar) count(ps places, residual float64, b background) {
	var effects [2]float64
	for k, p := range ps {
		effects[k], _ = effectOf(c.Residuals[p], placeOdds(p), b)
	}
	for k, p := range ps {
		rs := append(c.Residuals[p], residual-effects[1-k])
		if len(rs) > placeResiduals[k] {
			rs = append(rs[:0], rs[1:]...)
		}
		c.Residuals[p] = rs
	}
}
