package anomaly

import (
	"math"
	"time"
)

// drifts follows the level of a series by days, for losses so slow that neither
// a value nor the last day shows them: the mean of the last week against that of
// the weeks before the last two. What such a difference usually is, is learnt as
// it was two weeks ago, so that a drift does not make itself usual.
type drifts struct {
	Day   int64              // since 1970
	Sum   float64            // of the seasonal errors of that day, as logarithms
	Count int                // of them
	Means [driftDays]float32 // of the days before, newest first
	Days  int                // of them
	Was   [driftLag]float32  // the differences of the last days, newest first
	Usual float64            // size of a difference
	Known int                // differences learnt
	Told  bool               // until it is over
}

const (
	driftDays  = 35
	driftLag   = 14
	driftWeek  = 7
	driftLeast = 0.2 // of a logarithm: what is less is no drift
	driftTimes = 6   // the usual difference
	driftKnown = 14  // differences learnt before anything is said
)

// learn takes the seasonal error of a point, and reports the difference when
// with it a day is over that says something.
func (d *drifts) learn(t time.Time, e float64) {
	if day := t.Unix() / 86400; day != d.Day {
		if d.Count > 0 {
			copy(d.Means[1:], d.Means[:])
			d.Means[0] = float32(d.Sum / float64(d.Count))
			d.Days = min(d.Days+1, driftDays)
			d.compare()
		}
		d.Day, d.Sum, d.Count = day, 0, 0
	}
	d.Sum += e
	d.Count++
}

func (d *drifts) compare() {
	size, ok := d.size()
	if !ok {
		return
	}
	if d.Known >= driftLag {
		d.Usual += (math.Abs(float64(d.Was[driftLag-1])) - d.Usual) / float64(min(d.Known-driftLag+1, 60))
	}
	d.Known++
	copy(d.Was[1:], d.Was[:])
	d.Was[0] = float32(size)
}

// size is the difference, as a logarithm; ok is false until there are days for it.
func (d *drifts) size() (size float64, ok bool) {
	if d.Days < 3*driftWeek {
		return 0, false
	}
	mean := func(days []float32) float64 {
		sum := 0.0
		for _, v := range days {
			sum += float64(v)
		}
		return sum / float64(len(days))
	}
	return mean(d.Means[:driftWeek]) - mean(d.Means[2*driftWeek:d.Days]), true
}

// found reports whether the level has drifted, once until it is back.
func (d *drifts) found() bool {
	size, ok := d.size()
	if !ok || d.Known < driftLag+driftKnown {
		return false
	}
	bound := max(driftLeast, driftTimes*d.Usual)
	if math.Abs(size) < bound/2 {
		d.Told = false
	}
	if d.Told || math.Abs(size) < bound {
		return false
	}
	d.Told = true
	return true
}

// move follows a profile that was moved.
func (d *drifts) move(shift float64) {
	for i := range d.Means {
		d.Means[i] -= float32(shift)
	}
}
