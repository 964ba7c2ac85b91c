package main

import (
	"math"
	"math/rand/v2"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

// survival is the true probability that a period has not come t minutes after its deadline, given all earlier
// arrivals and nothing of the day itself.
type survival func(t float64) float64

// process draws the arrivals of a family day by day.
type process interface {
	// next returns the minutes from the deadline of a day to the arrival, NaN if nothing comes, and the truth.
	next(r *rand.Rand, day time.Time) (minutes float64, s survival)
}

// family is a kind of feed whose true probabilities are known. Each feed of it has parameters of its own.
type family struct {
	name  string
	draw  func(r *rand.Rand) process
	every func(day time.Time) bool // days with a deadline; nil: all
}

// families are the processes of the power table.
var families = []family{
	{"steady", drawSteady, nil},
	{"weekday", drawWeekday, nil},
	{"drift", drawDrift, nil},
	{"autocorrelated", drawAutocorrelated, nil},
	{"monthend", drawMonthEnd, nil},
	{"outages", drawOutages, nil},
	{"plain", drawPlain, nil},
	{"regime", drawRegime, nil},
}

// daily adapts a function to a process.
type daily func(r *rand.Rand, day time.Time) (float64, survival)

func (f daily) next(r *rand.Rand, day time.Time) (float64, survival) { return f(r, day) }

// normalArrival is the survival of a normal arrival that never comes with probability absent.
func normalArrival(mean, sd, absent float64) survival {
	return func(t float64) float64 { return absent + (1-absent)*normal((mean-t)/sd) }
}

func gauss(r *rand.Rand, mean, sd float64) float64 { return mean + sd*r.NormFloat64() }

func uniform(r *rand.Rand, low, high float64) float64 { return low + (high-low)*r.Float64() }

// drawSteady returns a feed with the same lognormal run time from a start 3 hours before the deadline; 4 to 25 % are late.
func drawSteady(r *rand.Rand) process {
	sigma := uniform(r, .15, .5)
	mu := math.Log(180) - sigma*distuv.UnitNormal.Quantile(1-uniform(r, .04, .25))
	s := func(t float64) float64 {
		if t <= -180 {
			return 1
		}
		return normal((mu - math.Log(t+180)) / sigma)
	}
	return daily(func(r *rand.Rand, _ time.Time) (float64, survival) {
		return math.Exp(gauss(r, mu, sigma)) - 180, s
	})
}

// drawWeekday returns a feed that comes about at the deadline on one or two weekdays, else 40 minutes before.
func drawWeekday(r *rand.Rand) process {
	order, heavy := r.Perm(7), 1+r.IntN(2)
	sd, usual, late := uniform(r, 12, 25), uniform(r, -55, -35), uniform(r, -10, 25)
	return daily(func(r *rand.Rand, day time.Time) (float64, survival) {
		m := usual
		for _, d := range order[:heavy] {
			if int(day.Weekday()) == d {
				m = late
			}
		}
		return gauss(r, m, sd), normalArrival(m, sd, 0)
	})
}

// drawDrift returns a feed that comes later by half a minute to a minute a day until somebody mends it, soon after it
// begins to miss.
func drawDrift(r *rand.Rand) process {
	const low = -70
	slope, sd := uniform(r, .5, 1), uniform(r, 8, 14)
	var states []hiddenState
	last := int((40-low)/slope) - 1
	n := int(60 / slope)
	for k := range last + 1 {
		m := low + slope*float64(k)
		mend := .002
		if m >= -10 {
			mend = .06
		}
		s := hiddenState{mean: m, sd: sd, moves: []move{{0, mend}, {min(k+1, last), 1 - mend}}}
		if k < n {
			s.start = 1 / float64(n)
		}
		states = append(states, s)
	}
	return newHidden(r, states)
}

// drawAutocorrelated returns a feed on which a late day follows a late day (AR(1)).
func drawAutocorrelated(r *rand.Rand) process {
	rho, sd, m := uniform(r, .6, .9), uniform(r, 20, 40), uniform(r, -45, -15)
	x := m
	return daily(func(r *rand.Rand, _ time.Time) (float64, survival) {
		mean, s := m+rho*(x-m), sd*math.Sqrt(1-rho*rho)
		x = gauss(r, mean, s)
		return x, normalArrival(mean, s, 0)
	})
}

// drawMonthEnd returns a feed that is heavy on the last day of a month.
func drawMonthEnd(r *rand.Rand) process {
	sd, usual, late := uniform(r, 8, 15), uniform(r, -60, -35), uniform(r, 5, 40)
	return daily(func(r *rand.Rand, day time.Time) (float64, survival) {
		m := usual
		if day.AddDate(0, 0, 1).Day() == 1 {
			m = late
		}
		return gauss(r, m, sd), normalArrival(m, sd, 0)
	})
}

// drawOutages returns a steady feed, on which an outage begins with 2 % every day, and goes on for another day with 60 %.
// Nothing comes then.
func drawOutages(r *rand.Rand) process {
	mean, sd, out := uniform(r, -60, -40), uniform(r, 10, 20), false
	return daily(func(r *rand.Rand, _ time.Time) (float64, survival) {
		q := .02
		if out {
			q = .6
		}
		x := gauss(r, mean, sd)
		if out = r.Float64() < q; out {
			x = math.NaN()
		}
		return x, normalArrival(mean, sd, q)
	})
}

// drawPlain returns a feed that comes an hour early to 3 minutes, and never on 2 % of the days. The risk is all in not
// having come.
func drawPlain(*rand.Rand) process {
	return daily(func(r *rand.Rand, _ time.Time) (float64, survival) {
		x := gauss(r, -60, 3)
		if r.Float64() < .02 {
			x = math.NaN()
		}
		return x, normalArrival(-60, 3, .02)
	})
}

// drawRegime returns a feed with a good and a bad regime, which change about every four months.
func drawRegime(r *rand.Rand) process {
	const h = .008
	good := hiddenState{mean: uniform(r, -70, -50), sd: uniform(r, 8, 15), moves: []move{{0, 1 - h}, {1, h}}, start: .8}
	bad := hiddenState{mean: uniform(r, -15, 10), sd: uniform(r, 12, 20), moves: []move{{1, 1 - h}, {0, h}}, start: .2}
	return newHidden(r, []hiddenState{good, bad})
}
