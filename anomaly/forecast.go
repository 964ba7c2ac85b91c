package anomaly

import (
	"math"
	"time"
)

// forecast is what is expected of a time.
type forecast struct {
	all      [experts]float64
	have     [experts]bool
	best     int
	value    float64
	spread   float64 // of the logarithm
	seasonal float64
	day      int
	week     int
	month    int     // place in the month; -1 for none
	shift    float64 // that the profile was moved by for it
}

func (s *state) forecast(t time.Time, holiday bool) (f forecast) {
	f.day, f.week = s.slots(t, holiday)
	d, w := &s.Day[f.day], &s.Week[f.week]
	f.all = [experts]float64{s.Prev, s.Level, float64(d.Mean), float64(w.Mean), 0}
	f.have = [experts]bool{s.N > 0, s.N > 0, d.N >= 2 && !s.daily(), w.N >= 2, w.N >= 2}
	f.all[byWeekMoved] = s.unlog(s.log(float64(w.Mean)) + s.Ratio)
	if f.month = s.monthPlace(t); f.month >= 0 {
		f.shift = s.Month[f.month].certain()
		for _, i := range []int{byDay, byWeek, byWeekMoved} {
			if f.shift != 0 && f.have[i] {
				f.all[i] = s.unlog(s.log(f.all[i]) + f.shift)
			}
		}
	}
	f.best = byLevel
	for i := range experts {
		if f.have[i] && s.Errors[i] < s.Errors[f.best] {
			f.best = i
		}
	}
	f.value = f.all[f.best]
	f.seasonal = f.value
	if f.have[byWeek] {
		f.seasonal = f.all[byWeek]
	} else if f.have[byDay] {
		f.seasonal = f.all[byDay]
	}
	f.spread = s.spread(d, w, f.value)
	return f
}

// spread joins what is usual for the series and for the hour.
func (s *state) spread(d, w *slot, expected float64) float64 {
	local := d
	if s.daily() {
		local = w
	}
	spread := s.Spread
	if local.N >= 3 {
		spread = math.Sqrt(s.Spread * max(float64(local.Spread), 0.3*s.Spread))
	}
	spread = max(spread, floorSpread)
	if !s.Fraction { // counts scatter by themselves
		spread = math.Hypot(spread, 1/math.Sqrt(max(expected, 0)+1))
	}
	return spread
}

// log is the logarithm that values are compared by: of the value above the
// lowest, moved by a part of the usual size.
func (s *state) log(v float64) float64 {
	k := offset * max(s.Size, 1e-9)
	return math.Log(max(v-s.Low+k, 0.05*k))
}

func (s *state) unlog(l float64) float64 { return math.Exp(l) - offset*max(s.Size, 1e-9) + s.Low }

// standardise returns how far a value is from its forecast, in spreads.
func (s *state) standardise(v float64, f forecast) float64 {
	return (s.log(v) - s.log(f.value)) / f.spread
}

// monthPlace is the day of the month, from 0, and one place for the last of each;
// -1 for series that are not daily, of which it is not learnt.
func (s *state) monthPlace(t time.Time) int {
	switch {
	case !s.daily():
		return -1
	case t.AddDate(0, 0, 1).Day() == 1:
		return monthPlaces - 1
	}
	return t.Day() - 1
}

// certain is the mean of a place's differences, where there are enough of them
// and they agree; else 0.
func (s *slot) certain() float64 {
	if s.N < 3 || math.Abs(float64(s.Mean)) < 3*float64(s.Spread) || math.Abs(float64(s.Mean)) < 0.1 {
		return 0
	}
	return float64(s.Mean)
}
