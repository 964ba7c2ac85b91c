package main

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel/predict"
	"github.com/sentinel-dq/sentinel/predict/backtest"
)

const (
	powerFeeds    = 40 // of each family
	powerPeriods  = 300
	powerSkip     = 60  // first periods of a feed that are not scored
	powerDeadline = 480 // minutes after midnight
)

// powerLeads are the times before the deadline of the power table; 0 is day-ahead.
var powerLeads = []time.Duration{0, time.Hour, 20 * time.Minute, 10 * time.Minute}

// drawn is a feed with its true probabilities: truth[i][l] is the true risk of period i at lead l of powerLeads, given
// that it is open then.
type drawn struct {
	backtest.Feed
	truth [][]float64
}

// drawFeeds draws n feeds of a family. The result depends on the seed and the family's name alone.
func drawFeeds(f family, seed uint64, n int) []drawn {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err) // package backtest embeds the zones
	}
	out := make([]drawn, n)
	for k := range out {
		name := fmt.Sprintf("%s_%03d", f.name, k)
		hash := fnv.New64a()
		hash.Write([]byte(name)) //nolint:errcheck // a hash does not fail
		r := rand.New(rand.NewPCG(seed, hash.Sum64()))
		out[k] = f.feed(r, name, time.Date(2025, 1, 6, 0, 0, 0, 0, zone).AddDate(0, 0, 11*k))
	}
	return out
}

func (f family) feed(r *rand.Rand, name string, day time.Time) drawn {
	d := drawn{Feed: backtest.Feed{Name: name, Zone: day.Location(), DeadlineMinute: powerDeadline}}
	p := f.draw(r)
	for ; len(d.Periods) < powerPeriods; day = day.AddDate(0, 0, 1) {
		if f.every != nil && !f.every(day) {
			continue
		}
		x, s := p.next(r, day)
		due := clock(day, powerDeadline)
		period := backtest.Period{Date: day.Format(time.DateOnly), Context: predict.Context{Deadline: due}}
		if x < 1440-powerDeadline { // later is no arrival of this day
			period.Outcome.Arrival = clock(day, powerDeadline+x)
		}
		period.Missed = period.Outcome.Missed(due)
		truth := make([]float64, len(powerLeads))
		for l, lead := range powerLeads {
			truth[l] = s(0)
			if lead > 0 {
				truth[l] = math.Min(1, s(0)/s(-lead.Minutes()))
			}
		}
		d.Periods, d.truth = append(d.Periods, period), append(d.truth, truth)
	}
	return d
}

// clock returns the instant of a minute of a day by the wall clock.
func clock(day time.Time, minute float64) time.Time {
	y, m, d := day.Date()
	return time.Date(y, m, d, 0, 0, 0, int(minute*float64(time.Minute)), day.Location())
}

// powerRow holds the figures of a family at one lead. See writePower for their meaning.
type powerRow struct {
	name                             string
	lead                             time.Duration
	count, missed                    float64
	base, brier, ideal               float64
	calibration, idealCalibration    float64
	recall, idealRecall, false, best float64
}

// share returns how much of the attainable skill is reached.
func (r powerRow) share() float64 { return (r.base - r.brier) / (r.base - r.ideal) }

func (r powerRow) attainable() float64 { return 1 - r.ideal/r.base }

// judged is an open period with its risk and the truth.
type judged struct {
	risk, truth, base float64
	missed            bool
}

// judgePower scores the risks of the feeds of one family at lead l of powerLeads.
func judgePower(name string, feeds []drawn, risks [][][]float64, l int) powerRow {
	var all []judged
	misses := 0.0
	for k, f := range feeds {
		seen, missed := 0.0, 0.0
		for i, p := range f.Periods {
			if i >= powerSkip {
				misses += indicator(p.Missed)
			}
			if powerLeads[l] > 0 && !p.Open(powerLeads[l]) {
				continue
			}
			if i >= powerSkip {
				all = append(all, judged{risks[k][l][i], f.truth[i][l], (missed + 1) / (seen + 2), p.Missed})
			}
			seen++
			missed += indicator(p.Missed)
		}
	}
	row := powerRow{name: name, lead: powerLeads[l], count: float64(len(all))}
	for _, j := range all {
		noise := j.truth * (1 - j.truth)
		row.missed += indicator(j.missed) / row.count
		row.base += (noise + square(j.base-j.truth)) / row.count
		row.brier += (noise + square(j.risk-j.truth)) / row.count
		row.ideal += noise / row.count
		row.recall += indicator(j.missed && j.risk > .8) / max(1, misses)
		row.idealRecall += indicator(j.missed && j.truth > .8) / max(1, misses)
		row.false += indicator(!j.missed && j.risk > .8)
		row.best += indicator(!j.missed && j.truth > .8)
	}
	row.calibration = calibrationOf(all, func(j judged) float64 { return j.risk })
	row.idealCalibration = calibrationOf(all, func(j judged) float64 { return j.truth })
	return row
}

// calibrationOf is the expected calibration error over ten bins of equal count. Ties stay in order of time.
func calibrationOf(all []judged, risk func(judged) float64) float64 {
	o := slices.Clone(all)
	slices.SortStableFunc(o, func(a, b judged) int { return cmp.Compare(risk(a), risk(b)) })
	e, n := 0.0, len(o)
	for k := range 10 {
		gap := 0.0
		for _, j := range o[k*n/10 : (k+1)*n/10] {
			gap += indicator(j.missed) - risk(j)
		}
		e += math.Abs(gap)
	}
	return e / float64(n)
}

func square(x float64) float64 { return x * x }

// power judges feeds of every family with the prior that priorOf returns for it. Families have equal weight in the
// rows "all".
func power(fs []family, seed uint64, n int, priorOf func(name string) (predict.Prior, error)) ([]powerRow, error) {
	rows := make([][]powerRow, len(powerLeads))
	for _, f := range fs {
		feeds := drawFeeds(f, seed, n)
		prior, err := priorOf(f.name)
		if err != nil {
			return nil, fmt.Errorf("leave out %s: %w", f.name, err)
		}
		risks := make([][][]float64, n)
		for k := range feeds {
			risks[k] = backtest.ReplayLeads(feeds[k].Feed, prior, powerLeads)
		}
		for l := range powerLeads {
			rows[l] = append(rows[l], judgePower(f.name, feeds, risks, l))
		}
	}
	var out []powerRow
	for i := range fs {
		for l := range powerLeads {
			out = append(out, rows[l][i])
		}
	}
	for l := range powerLeads {
		out = append(out, pooledRow(rows[l]))
	}
	return out, nil
}

func pooledRow(rows []powerRow) powerRow {
	all := powerRow{name: "all", lead: rows[0].lead}
	n := float64(len(rows))
	for _, r := range rows {
		all.count += r.count
		all.missed += r.missed / n
		all.base += r.base / n
		all.brier += r.brier / n
		all.ideal += r.ideal / n
		all.calibration += r.calibration / n
		all.idealCalibration += r.idealCalibration / n
		all.recall += r.recall / n
		all.idealRecall += r.idealRecall / n
		all.false += r.false
		all.best += r.best
	}
	return all
}

// writePower writes the rows as a Markdown table.
func writePower(w io.Writer, rows []powerRow) {
	fmt.Fprintln(
		w,
		"| family | lead | periods | missed | base | Sentinel | ideal | share | calibration | recall | false |",
	)
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|---|---|")
	for _, r := range rows {
		share := "-"
		if r.attainable() >= .05 {
			share = fmt.Sprintf("%.2f", r.share())
		}
		lead := "day-ahead"
		if r.lead > 0 {
			lead = fmt.Sprintf("%.0f min", r.lead.Minutes())
		}
		fmt.Fprintf(w, "| %s | %s | %.0f | %.3f | %.4f | %.4f | %.4f | %s | %.3f / %.3f | %.2f / %.2f | %.0f / %.0f |\n",
			r.name, lead, r.count, r.missed, r.base, r.brier, r.ideal, share, r.calibration, r.idealCalibration,
			r.recall, r.idealRecall, r.false, r.best)
	}
}

// printCost prints how long a period takes: its outcome, and a risk at each lead.
func printCost(w io.Writer) {
	feeds := drawFeeds(families[0], powerSeed, 10)
	began := time.Now()
	for _, f := range feeds {
		backtest.ReplayLeads(f.Feed, predict.DefaultPrior(), powerLeads)
	}
	each := time.Since(began) / time.Duration(len(feeds)*powerPeriods)
	fmt.Fprintf(w, "%s a period, with its outcome and the risks at %d leads\n", each, len(powerLeads))
}
