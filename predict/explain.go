package predict

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Contribution is the effect of one group of features on a risk.
type Contribution struct {
	Words    string             // the observation as text
	LogOdds  float64            // effect compared with a typical period; above 0 raises the risk
	Features map[string]float64 // log odds of each feature of the group
}

// groups holds the features that are reported together, because they measure one thing.
var groups = []struct {
	features []int
	words    func(m *Model, c Context) string
}{
	{[]int{SlowRate, FastRate, ChainRate, LastMissed, MissRun, NothingRun, SinceMiss, Unexpected}, recentWords},
	{[]int{WeekdayRate, LastWeekMissed, WeekdayMargin, WeekdayLast, Weekend}, weekdayWords},
	{[]int{UsualMargin, LastMargin, MarginTrend, MarginSpread, Forecast}, marginWords},
	{[]int{VolumeChange}, volumeWords},
	{[]int{DurationTrend}, durationWords},
	{[]int{YearEnd, MonthEnd, Holiday}, calendarWords},
	{[]int{Gap}, gapWords},
	{[]int{UpstreamRisk, UpstreamLate}, upstreamWords},
	{[]int{AnomalyScore}, func(_ *Model,
		c Context) string {
		return fmt.Sprintf("anomaly score %.2f", c.Anomaly.Float64())
	}},
	{[]int{LoadRetries}, func(_ *Model, c Context) string {
		return fmt.Sprintf("%.0f failed attempts of this load", c.Retries.Float64())
	}},
}

// Explain returns why the risk of a period that is still open at now differs from that
// of a typical period, largest contribution first. It leaves out unknown features.
// While the regression is switched off, it returns only the contributions of the rate
// that replaces it and of the time that has passed.
func (m *Model) Explain(c Context, now time.Time) []Contribution {
	var out []Contribution
	if m.record.off() {
		out = append(out, Contribution{
			Words:   fmt.Sprintf("missed %s; the regression did worse than this rate and is switched off", m.lastMisses(28)),
			LogOdds: logit(m.rate28()) - logit(m.base()),
		})
	} else {
		out = m.regressionParts(c)
	}
	if left := c.Deadline.Sub(now); left > 0 {
		day := m.DayAheadRisk(c)
		out = append(out, Contribution{
			Words: fmt.Sprintf("not arrived yet: on %.0f %% of on-time days it was here by now",
				100*(1-m.Survival(left, memory))),
			LogOdds: logit(m.atTime(day, c, now)) - logit(day),
		})
	}
	slices.SortStableFunc(out, func(a, b Contribution) int {
		if math.Abs(a.LogOdds) > math.Abs(b.LogOdds) {
			return -1
		}
		return 1
	})
	return out
}

func (m *Model) regressionParts(c Context) []Contribution {
	v := m.Features(c)
	var out []Contribution
	for _, g := range groups {
		part := Contribution{Features: map[string]float64{}}
		for _, i := range g.features {
			if !math.IsNaN(v[i]) {
				x := m.regression.mean[i] * (v[i] - pooledTypical[i])
				part.Features[FeatureNames[i]] = x
				part.LogOdds += x
			}
		}
		if math.Abs(part.LogOdds) >= .01 {
			part.Words = g.words(m, c)
			out = append(out, part)
		}
	}
	return out
}

// reasons returns the texts of up to three contributions of at least 0.1 that agree
// with the risk: those that raise it if it is above the base rate, else those that
// lower it.
func (m *Model) reasons(c Context, now time.Time) []string {
	if now.After(c.Deadline) {
		return []string{fmt.Sprintf("%s past its deadline", now.Sub(c.Deadline).Round(time.Minute))}
	}
	up := m.Probability(c, now) > m.base()
	var out []string
	for _, part := range m.Explain(c, now) {
		if len(out) < 3 && math.Abs(part.LogOdds) >= .1 && (part.LogOdds > 0) == up {
			out = append(out, part.Words)
		}
	}
	return out
}

func (m *Model) lastMisses(n int) string {
	recent := m.history[max(0, len(m.history)-n):]
	return countMisses(recent, "periods")
}

func countMisses(ps []period, what string) string {
	missed := 0
	for _, p := range ps {
		missed += int(indicator(p.missed()))
	}
	if len(ps) == 0 {
		return "none of the " + what + ", for none is known yet"
	}
	return fmt.Sprintf("%d of the last %d %s", missed, len(ps), what)
}

func recentWords(m *Model, _ Context) string { return "late on " + m.lastMisses(10) }

func weekdayWords(m *Model, c Context) string {
	var same []period
	day := c.Deadline.Weekday()
	for _, p := range m.history {
		if p.deadline.Weekday() == day {
			same = append(same, p)
		}
	}
	return "late on " + countMisses(same[max(0, len(same)-5):], day.String()+"s")
}

func marginWords(m *Model, _ Context) string {
	recent := m.recentMargins(14)
	if len(recent) == 0 {
		return "no arrivals known"
	}
	usual := time.Duration(median(recent) * float64(time.Minute)).Round(time.Minute)
	if usual > 0 {
		return fmt.Sprintf("usually arrives %s after the deadline", usual)
	}
	return fmt.Sprintf("usually arrives %s before the deadline", -usual)
}

func volumeWords(m *Model, _ Context) string {
	return changeWords("volume", lastAgainst(m.history, func(p period) float64 { return p.volume }))
}

func durationWords(m *Model, _ Context) string {
	return changeWords("load time", lastAgainst(m.history, func(p period) float64 { return p.duration }))
}

func changeWords(what string, logRatio float64) string {
	if math.IsNaN(logRatio) {
		return what + " not known"
	}
	return fmt.Sprintf("last %s %.1f times the usual", what, math.Exp(logRatio))
}

func calendarWords(_ *Model, c Context) string {
	var v Vector
	(&Model{}).calendar(&v, c)
	switch {
	case c.Holiday:
		return "a holiday"
	case v[YearEnd] > 0:
		return "between 23 December and 2 January"
	case v[MonthEnd] > 0:
		return "the last day of the month"
	}
	return "no special day"
}

func gapWords(m *Model, c Context) string {
	if len(m.history) == 0 {
		return "no period before this one"
	}
	return fmt.Sprintf("%.0f hours since the last deadline", c.Deadline.Sub(m.history[len(m.history)-1].deadline).Hours())
}

// upstreamWords describes the upstream that is latest, else the one with the highest
// risk.
func upstreamWords(_ *Model, c Context) string {
	var worst Upstream
	for _, u := range c.Upstreams {
		if u.Late > worst.Late || u.Late == worst.Late && larger(u.Risk.Float64(), 0) >= larger(worst.Risk.Float64(), 0) {
			worst = u
		}
	}
	if worst.Late > 0 {
		return fmt.Sprintf("upstream %s is %.0f minutes late", worst.Name, worst.Late.Minutes())
	}
	if worst.Risk.Absent() {
		return fmt.Sprintf("upstream %s is on time", worst.Name)
	}
	return fmt.Sprintf("upstream %s misses its deadline with %.0f %%", worst.Name, 100*worst.Risk.Float64())
}
