package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/predict"
	"github.com/sentinel-dq/sentinel/predict/backtest"
)

// Simulate returns feeds with the features that recorded ones lack: volumes, load
// times, retries, anomaly scores, and an upstream shared by groups of five. The result
// depends on the seed only, and says nothing about real warehouses. The risk is
// computed when a load starts. The deadline is the 92nd percentile of the first 30
// days.
func Simulate(seed uint64, feeds, days int) []backtest.Feed {
	random := rand.New(rand.NewPCG(seed, 5))
	out := make([]backtest.Feed, 0, feeds)
	var shocks []float64
	for i := range feeds {
		if i%5 == 0 {
			shocks = shockDays(random, days)
		}
		out = append(out, simulateFeed(random, fmt.Sprintf("simulated_%03d", i), shocks, i%2 == 0))
	}
	return out
}

// shockDays returns how many minutes the upstream of a group is late each day. It is 1
// to 4 hours late on one day in a hundred.
func shockDays(random *rand.Rand, days int) []float64 {
	out := make([]float64, days)
	for d := range out {
		if random.Float64() < .01 {
			out[d] = 60 + 180*random.Float64()
		}
	}
	return out
}

// job is the hidden state of one simulated load.
type job struct {
	level, slope, drift, ar, monthEnd float64
	bad                               bool
}

// load returns the duration in minutes, the rows and the failed attempts of one day.
func (j *job) load(random *rand.Rand, day time.Time, n int) (minutes, rows float64, retries int) {
	j.ar = .6*j.ar + .15*random.NormFloat64()
	if j.bad {
		j.bad = random.Float64() >= .25
	} else {
		j.bad = random.Float64() < .01
	}
	rows = 1e5 * math.Exp(.1*random.NormFloat64())
	if day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
		rows *= .6
	}
	if day.AddDate(0, 0, 1).Day() == 1 {
		rows *= j.monthEnd
	}
	minutes = math.Exp(j.level + j.slope*math.Log(rows/1e5) + j.ar + j.drift*float64(n%90))
	if j.bad {
		minutes *= 1.5 + 2.5*random.Float64()
		for retries < 3 && random.Float64() < .3 {
			retries++
		}
	}
	return minutes, rows, retries
}

func simulateFeed(random *rand.Rand, name string, shocks []float64, seesRisk bool) backtest.Feed {
	f := backtest.Feed{Name: name, Zone: time.UTC}
	j := job{level: math.Log(20 + 60*random.Float64()), slope: .5 + .5*random.Float64(), drift: .003 * random.Float64(), monthEnd: 1.5 + 1.5*random.Float64()}
	first := time.Date(2025, 1, 6, 2, 0, 0, 0, time.UTC)
	jitter := 2 + 8*random.Float64()
	for n, shock := range shocks {
		start := first.AddDate(0, 0, n)
		bad := j.bad
		minutes, rows, retries := j.load(random, start, n)
		arrival := start.Add(asDuration(jitter*math.Exp(.5*random.NormFloat64()) + shock + minutes + 30*float64(retries)))
		f.Periods = append(f.Periods, backtest.Period{
			Date: start.Format(time.DateOnly),
			Context: predict.Context{
				Upstreams: []predict.Upstream{source(random, shock, seesRisk)},
				Anomaly:   sentinel.Float(score(random, bad)),
				Retries:   sentinel.Int(int64(min(retries, 1))),
			},
			Outcome: predict.Outcome{Arrival: arrival, Volume: sentinel.Float(math.Round(rows)), Duration: asDuration(minutes)},
		})
	}
	setDeadline(&f, first)
	return f
}

// source returns the observed state of the upstream. Half of the feeds see only its
// risk, which is uncertain. The others see how late it is.
func source(random *rand.Rand, shock float64, seesRisk bool) predict.Upstream {
	u := predict.Upstream{Name: "source"}
	switch {
	case !seesRisk:
		u.Late = asDuration(shock)
	case shock > 0:
		u.Risk = sentinel.Float(.3 + .7*random.Float64())
	default:
		u.Risk = sentinel.Float(.4 * random.Float64() * random.Float64())
	}
	return u
}

// score returns a possible score of an anomaly detector for the load before.
func score(random *rand.Rand, bad bool) float64 {
	if bad {
		return .4 + .6*random.Float64()
	}
	return .45 * random.Float64()
}

// setDeadline sets the deadline to the 92nd percentile of the first 30 days.
func setDeadline(f *backtest.Feed, first time.Time) {
	var minutes []float64
	for n, p := range f.Periods[:min(30, len(f.Periods))] {
		minutes = append(minutes, p.Outcome.Arrival.Sub(first.AddDate(0, 0, n)).Minutes())
	}
	slices.Sort(minutes)
	after := asDuration(minutes[len(minutes)*92/100])
	for n := range f.Periods {
		p := &f.Periods[n]
		p.Context.Deadline = first.AddDate(0, 0, n).Add(after)
		p.Missed = p.Outcome.Missed(p.Context.Deadline)
	}
}

func asDuration(minutes float64) time.Duration { return time.Duration(minutes * float64(time.Minute)) }
