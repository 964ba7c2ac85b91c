package anomaly

import (
	"math"
	"time"

	"github.com/sentinel-dq/sentinel/anomaly/counts"
)

// forecast holds the expected values of one time.
type forecast struct {
	all      [experts]float64 // one value per forecast
	have     [experts]bool    // forecasts that exist
	best     int              // forecast with the smallest error so far
	value    float64          // value of the best forecast
	spread   float64          // spread of the logarithm of the value
	seasonal float64          // value by hour of week, else by hour of day, else of the best forecast
	day      int              // index in Day
	week     int              // index in Week
	month    int              // index in Month; -1 for none
	count    counts.Forecast  // of the model of counts
	shift    float64          // correction of the profile for the day of the month, as a logarithm
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
	f.count = s.Count.Forecast(s.place(t, holiday))
	return f
}

// toldValue returns the value of the forecast as it is told: not below what can be, nor below what log
// tells apart.
func (s *state) toldValue(f forecast) float64 {
	return max(f.value, s.lowest(), s.unlog(math.Log(leastLog*offset*max(s.Size, 1e-9))))
}

// place returns the place of a time for the model of counts.
func (s *state) place(t time.Time, holiday bool) counts.Place {
	p := counts.Place{
		Daily:   s.daily(),
		Hour:    t.Hour(),
		Weekday: int(t.Weekday()),
		Holiday: holiday,
		Step:    max(s.Step, 1),
		Ahead:   1,
	}
	if holiday {
		p.Weekday = int(time.Sunday)
	}
	if s.Step > 0 && !s.Last.IsZero() {
		p.Ahead = min(max(1, math.Round(t.Sub(s.Last).Seconds()/s.Step)), 100)
	}
	return p
}

// spread returns the spread expected at an hour, from those of the series and the hour.
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
	if !s.Fraction { // counts vary at least as a Poisson distribution does
		spread = math.Hypot(spread, 1/math.Sqrt(max(expected, 0)+1))
	}
	return spread
}

// log returns the logarithm by which values are compared. It is taken of the distance
// from the lowest value, plus a part of the usual size.
func (s *state) log(v float64) float64 {
	k := offset * max(s.Size, 1e-9)
	return math.Log(max(v-s.Low+k, leastLog*k))
}

// unlog is the inverse of log.
func (s *state) unlog(l float64) float64 { return math.Exp(l) - offset*max(s.Size, 1e-9) + s.Low }

// standardise returns how far a value is from its forecast, in spreads.
func (s *state) standardise(v float64, f forecast) float64 {
	return (s.log(v) - s.log(f.value)) / f.spread
}

// monthPlace returns the index of a day in Month. The last day of every month has the
// same index. It returns -1 for series that are not daily, which do not use Month.
func (s *state) monthPlace(t time.Time) int {
	switch {
	case !s.daily():
		return -1
	case t.AddDate(0, 0, 1).Day() == 1:
		return monthPlaces - 1
	}
	return t.Day() - 1
}

// certain returns the mean of a slot if it has enough values and they agree; else 0.
func (s *slot) certain() float64 {
	if s.N < 3 || math.Abs(float64(s.Mean)) < 3*float64(s.Spread) || math.Abs(float64(s.Mean)) < 0.1 {
		return 0
	}
	return float64(s.Mean)
}
