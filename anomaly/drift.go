package anomaly

import (
	"math"
	"time"
)

// drifts finds drifts of a level that are too slow for a test of values or of a day. It
// compares the mean of the last week with that of the weeks before the last two. It
// learns the usual size of that difference with a lag of two weeks, so that a drift
// does not become usual. Its fields keep their names, because states hold them.
type drifts struct {
	Day   int64              // current day, in days since 1970
	Sum   float64            // sum of the seasonal errors of the day, as logarithms
	Count int                // number of errors in Sum
	Means [driftDays]float32 // mean errors of the days before, newest first
	Days  int                // number of days in Means
	Was   [driftLag]float32  // differences of the last days, newest first
	Usual float64            // usual size of a difference
	Known int                // number of differences learnt
	Told  bool               // the present drift has had its alarm
}

const (
	driftDays  = 35
	driftLag   = 14
	driftWeek  = 7
	driftLeast = 0.2 // smallest difference that is a drift, as a logarithm
	driftTimes = 6   // smallest difference that is a drift, as a multiple of the usual one
	driftKnown = 14  // differences to learn before the first alarm
)

// learn adds the seasonal error of a point. At the end of a day it compares the weeks.
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

// size returns the difference as a logarithm. ok is false while there are too few days.
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

// found reports whether the level has drifted, and by how much as a logarithm. It
// reports a drift once, and again only after the level has returned.
func (d *drifts) found() (size float64, found bool) {
	size, ok := d.size()
	if !ok || d.Known < driftLag+driftKnown {
		return 0, false
	}
	if !d.lasts() {
		d.Told = false
	}
	if d.Told || math.Abs(size) < d.bound() {
		return size, false
	}
	d.Told = true
	return size, true
}

// bound is the smallest size that is a drift.
func (d *drifts) bound() float64 { return max(driftLeast, driftTimes*d.Usual) }

// lasts reports whether a drift that was found goes on.
func (d *drifts) lasts() bool {
	size, ok := d.size()
	return ok && math.Abs(size) >= d.bound()/2
}

// move adapts the means to a profile that was shifted.
func (d *drifts) move(shift float64) {
	for i := range d.Means {
		d.Means[i] -= float32(shift)
	}
}
