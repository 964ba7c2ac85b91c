package main

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
)

// family is a kind of drawn series whose structure is known. One bucket of a series
// loses or gains a share of its rows.
type family struct {
	name   string
	step   time.Duration
	at     int     // index of the bucket that changes
	spread float64 // spread of that bucket as a share of its expected value
	draw   func(r *rand.Rand) func(i int) float64
}

// week holds the shares of the days of a week.
var week = [7]float64{1, 1.02, 1.01, .99, 1.0, .7, .6}

const (
	daily  = 24 * time.Hour
	hourly = time.Hour
)

// proportional returns a family of values around a mean with a relative spread.
func proportional(mean func(i int) float64, spread float64) func(r *rand.Rand) func(i int) float64 {
	return func(r *rand.Rand) func(i int) float64 {
		return func(i int) float64 { return mean(i) * (1 + spread*r.NormFloat64()) }
	}
}

// families are those of the first table of the report. The first seven are plain; the
// others have correlated, additive, bursty or intermittent noise.
var families = []family{
	{"flat", daily, 200, .01, proportional(func(int) float64 { return 10000 }, .01)},
	{"weekly", daily, 200, .01, proportional(func(i int) float64 { return 10000 * week[i%7] }, .01)},
	{"trend", daily, 200, .01, proportional(func(i int) float64 { return (8000 + 40*float64(i)) * week[i%7] }, .01)},
	{"workdays", daily, 200, .02, proportional(workdays, .02)},
	{"lognormal", daily, 200, .05, func(r *rand.Rand) func(i int) float64 {
		return func(i int) float64 { return 10000 * week[i%7] * math.Exp(.05*r.NormFloat64()) }
	}},
	{"poisson", daily, 200, 1 / math.Sqrt(400*week[200%7]), func(r *rand.Rand) func(i int) float64 {
		return func(i int) float64 { return poisson(r, 400*week[i%7]) }
	}},
	{"hourly", hourly, 24*68 + 11, .02, proportional(func(i int) float64 {
		return 1000 * week[i/24%7] * (1 + .5*math.Sin(float64(i%24)/24*2*math.Pi))
	}, .02)},
	{"additive", daily, 200, 200 / (10000 * week[200%7]), func(r *rand.Rand) func(i int) float64 {
		return func(i int) float64 { return 10000*week[i%7] + 200*r.NormFloat64() }
	}},
	{"wandering", daily, 200, .02, func(r *rand.Rand) func(i int) float64 {
		level := 0.0
		return func(i int) float64 {
			level += .02 * r.NormFloat64()
			return 10000 * week[i%7] * math.Exp(level)
		}
	}},
	{"correlated", hourly, 24*68 + 11, .03, func(r *rand.Rand) func(i int) float64 {
		level := 0.0
		return func(i int) float64 {
			level = .8*level + .03*r.NormFloat64()
			return 1000 * (1 + .5*math.Sin(float64(i%24)/24*2*math.Pi)) * math.Exp(level)
		}
	}},
	{"bursty", daily, 200, math.Sqrt(1./400 + 1./64), func(r *rand.Rand) func(i int) float64 {
		return func(i int) float64 { return poisson(r, 400*gamma(r, 64)) }
	}},
	{"nights", hourly, 24*68 + 11, 1 / math.Sqrt(400), func(r *rand.Rand) func(i int) float64 {
		return func(i int) float64 { return poisson(r, []float64{4, 400}[i%24/8%2]) }
	}},
}

func workdays(i int) float64 {
	if i%7 < 5 {
		return 10000
	}
	return 300
}

// poisson draws a number of events.
func poisson(r *rand.Rand, mean float64) float64 {
	if mean > 200 {
		return max(0, math.Round(mean+math.Sqrt(mean)*r.NormFloat64()))
	}
	n := -1.0
	for p := 1.0; p > math.Exp(-mean); n++ {
		p *= r.Float64()
	}
	return n
}

// gamma draws from a gamma distribution of mean 1 and a whole shape.
func gamma(r *rand.Rand, shape int) float64 {
	sum := 0.0
	for range shape {
		sum += r.ExpFloat64()
	}
	return sum / float64(shape)
}

// sizes holds the shares of rows that a bucket loses or gains.
var sizes = []float64{.01, .02, .03, .04, .05, .06, .07, .08, .1, .12, .15, .2, .25, .3, .4, .5, .7, .9}

// power is what a detector reaches on a family.
type power struct {
	half, most    float64 // share that is seen in half, and in 80 %, of the series; infinite if none is
	ideal         float64 // share that a detector with perfect knowledge sees in 80 % of the series
	wrong         int     // false alarms before the change
	budget        float64 // false alarms that the budget allows
	points, weeks float64
}

// cloner is a detector that can be copied, so that each size is tried from one history.
type cloner interface{ clone() anomaly.Detector }

func cloneOf(d anomaly.Detector) anomaly.Detector {
	if p, ok := d.(*anomaly.Profile); ok {
		q := *p
		return &q
	}
	return d.(cloner).clone()
}

// measure draws n series of a family. sign is -1 for losses and 1 for gains.
func measure(detector string, f family, n int, sign float64) (p power, err error) {
	seen := make([]int, len(sizes))
	c := anomaly.Config{Detector: detector}
	if err := c.Validate(); err != nil {
		return p, err
	}
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for k := range n {
		r := rand.New(rand.NewPCG(uint64(k), 23))
		value := f.draw(r)
		d, err := anomaly.New(detector)
		if err != nil {
			return p, err
		}
		for i := range f.at {
			s := d.Observe(c, sentinel.Point{Time: start.Add(time.Duration(i) * f.step), Value: count(value(i))})
			if 5*i < 2*(f.at+f.at/20) {
				continue
			}
			p.points++
			if s.Score >= 0.5 {
				p.wrong++
			}
		}
		v, at := value(f.at), start.Add(time.Duration(f.at)*f.step)
		for i, size := range sizes {
			if cloneOf(d).Observe(c, sentinel.Point{Time: at, Value: count(v * (1 + sign*size))}).Score >= 0.5 {
				seen[i]++
			}
		}
	}
	p.weeks = p.points * f.step.Hours() / (7 * 24)
	p.budget = p.weeks / 50
	p.half, p.most = reached(seen, n, .5), reached(seen, n, .8)
	z := math.Sqrt2 * math.Erfinv(1-f.step.Hours()/(50*7*24))
	p.ideal = (z + .8416) * f.spread
	return p, nil
}

// count returns a number of rows.
func count(v float64) float64 { return max(0, math.Round(v)) }

// reached returns the smallest size from which on a share of the series is seen. It
// interpolates between sizes.
func reached(seen []int, n int, share float64) float64 {
	at := math.Inf(1)
	if float64(seen[len(seen)-1]) < share*float64(n) {
		return at
	}
	s0, p0 := 0.0, 0.0
	for i, size := range sizes {
		p1 := float64(seen[i]) / float64(n)
		if p1 >= share && p0 < share {
			at = s0 + (size-s0)*(share-p0)/(p1-p0)
		}
		s0, p0 = size, p1
	}
	return at
}

// writePower writes the first table of the report.
func writePower(b *bytes.Buffer, n int) error {
	fmt.Fprintf(b, powerIntro, n)
	fmt.Fprint(
		b,
		"| family | loss seen in 80 % | ideal | ratio | gain seen in 80 % | ratio | false alarms | allowed |\n|---|---|---|---|---|---|---|---|\n",
	)
	for _, f := range families {
		loss, err := measure("profile", f, n, -1)
		if err != nil {
			return err
		}
		gain, err := measure("profile", f, n, 1)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %d | %.0f |\n", f.name, percent(loss.most), percent(loss.ideal),
			loss.ratio(), percent(gain.most), gain.ratio(), loss.wrong, loss.budget)
	}
	return writeTextbookPower(b, n/5)
}

// writeTextbookPower compares the ratios of all detectors.
func writeTextbookPower(b *bytes.Buffer, n int) error {
	names := anomaly.Names()
	fmt.Fprintf(
		b,
		"\nAll detectors on the first %d of these series: the loss that is seen in 80 %% of them over the ideal one; then the\n"+
			"false alarms over those allowed. So few series give only a rough picture of one detector.\n\n| family |",
		n,
	)
	for _, d := range names {
		fmt.Fprintf(b, " %s |", d)
	}
	fmt.Fprintf(b, "\n|---|%s\n", string(bytes.Repeat([]byte("---|"), len(names))))
	for _, f := range families {
		fmt.Fprintf(b, "| %s |", f.name)
		for _, d := range names {
			p, err := measure(d, f, n, -1)
			if err != nil {
				return err
			}
			fmt.Fprintf(b, " %s; %.1f |", p.ratio(), float64(p.wrong)/p.budget)
		}
		fmt.Fprintln(b)
	}
	return nil
}

// ratio returns the size that is seen over the ideal one.
func (p power) ratio() string {
	if math.IsInf(p.most, 1) {
		return "never"
	}
	return fmt.Sprintf("%.2f", p.most/p.ideal)
}

func percent(share float64) string {
	if math.IsInf(share, 1) {
		return "never"
	}
	return fmt.Sprintf("%.1f %%", 100*share)
}

// clone implements [cloner].
func (w *window) clone() anomaly.Detector {
	c := *w
	c.points = slices.Clone(w.points)
	return &c
}

const powerIntro = `
## Power

Drawn series whose best possible detector is known: one bucket loses or gains a share of its rows. The size that is seen
in 80 %% of the series stands beside the ideal one: that of a detector which knows the true mean and spread of the bucket
and raises one false alarm in 50 weeks. False alarms are those before the change, beside what the budget allows. Of each
family %d series are drawn.

`
