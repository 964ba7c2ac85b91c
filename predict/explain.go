package predict

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
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
	{[]int{SlowRate, FastRate, MissRun, NothingRun}, recentWords},
	{[]int{WeekdayRate}, weekdayWords},
	{[]int{VolumeChange}, volumeWords},
	{[]int{DurationTrend}, durationWords},
	{[]int{YearEnd, Holiday}, calendarWords},
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
// While the model is switched off, it returns only the contributions of the rate
// that replaces it and of the time that has passed.
func (m *Model) Explain(c Context, now time.Time) []Contribution {
	var out []Contribution
	if m.record.off() {
		out = append(out, Contribution{
			Words:   fmt.Sprintf("missed %s; the model did worse than this rate and is switched off", m.lastMisses(28)),
			LogOdds: logit(m.rate28()) - logit(m.base()),
		})
	} else {
		out = append(m.arrivalParts(c), m.regressionParts(c)...)
	}
	if left := c.Deadline.Sub(now); left > 0 {
		out = append(out, Contribution{
			Words:   m.openWords(left),
			LogOdds: math.Max(0, logit(m.Probability(c, now))-logit(m.DayAheadRisk(c))),
		})
	}
	slices.SortStableFunc(out, func(a, b Contribution) int {
		return cmp.Compare(math.Abs(b.LogOdds), math.Abs(a.LogOdds))
	})
	return out
}

// arrivalParts explains the outlook: the usual arrival, and what the calendar adds.
func (m *Model) arrivalParts(c Context) []Contribution {
	o, plain := m.outlook(c.Deadline), m.arrivals.withoutPlaces(c.Deadline)
	w := m.answers.day()
	weight := w*m.regression.mean[Arrivals] + 1 - w
	of := func(o *outlook) float64 { return logit(clamp(o.survival(0), .002, .998)) }
	parts := []Contribution{
		{Words: m.arrivalWords(plain), LogOdds: weight * (of(plain) - pooledTypical[Arrivals])},
	}
	if m.arrivals.Calendar.knows(o.places) { // else the prior alone speaks
		parts = append(parts, Contribution{Words: placeWords(o, c.Deadline), LogOdds: weight * (of(o) - of(plain))})
	}
	return slices.DeleteFunc(parts, func(p Contribution) bool { return math.Abs(p.LogOdds) < .01 })
}

// typicalOf returns the value that a feature is compared with. A weekday is compared with the other days: its 0 is as late
// as they are, so that one without misses never raises the odds.
func typicalOf(feature int) float64 {
	if feature == WeekdayRate {
		return 0
	}
	return pooledTypical[feature]
}

func (m *Model) regressionParts(c Context) []Contribution {
	v := m.Features(c)
	w := m.answers.day()
	var out []Contribution
	for _, g := range groups {
		part := Contribution{Features: map[string]float64{}}
		for _, i := range g.features {
			if !math.IsNaN(v[i]) {
				x := w * m.regression.mean[i] * (v[i] - typicalOf(i))
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

// recentWords names the shortest of three stretches that has a miss, because older ones count too.
func recentWords(m *Model, _ Context) string {
	for _, n := range []int{10, 28} {
		recent := m.history[max(0, len(m.history)-n):]
		if slices.ContainsFunc(recent, period.missed) {
			return "late on " + m.lastMisses(n)
		}
	}
	return "late on " + m.lastMisses(memory)
}

func weekdayWords(m *Model, c Context) string {
	var same []period
	day := c.Deadline.Weekday()
	for _, p := range m.history {
		if p.deadline.Weekday() == day {
			same = append(same, p)
		}
	}
	latest := same[max(0, len(same)-5):]
	if !slices.ContainsFunc(latest, period.missed) {
		latest = same
	}
	return "late on " + countMisses(latest, day.String()+"s")
}

// arrivalWords describes the outlook without the calendar.
func (m *Model) arrivalWords(o *outlook) string {
	if m.arrivals.Known == 0 {
		return "no arrivals known"
	}
	words := "expected " + beforeDeadline(
		o.usual.mean(),
	) + fmt.Sprintf(
		", give or take %s",
		minutes(m.arrivals.Noise.scale()),
	)
	switch silent := nothingRun(m.history); {
	case silent == 1:
		return words + "; nothing came in the last period"
	case silent > 1:
		return words + fmt.Sprintf("; nothing came in the last %d periods", silent)
	case m.arrivals.Trouble.State > 0:
		return words + "; the last arrival was at an odd time"
	}
	return words
}

func beforeDeadline(x float64) string {
	if x > 0 {
		return minutes(x) + " after the deadline"
	}
	return minutes(-x) + " before the deadline"
}

// minutes writes a number of minutes as "25m" or "1h30m".
func minutes(x float64) string {
	d := time.Duration(math.Max(1, math.Round(x))) * time.Minute
	return strings.TrimSuffix(d.String(), "0s")
}

// placeWords describes what the calendar adds.
func placeWords(o *outlook, day time.Time) string {
	name := "on " + day.Weekday().String() + "s"
	switch month := o.places[1]; {
	case o.monthly && month == lastPlace:
		name = "on the last day of the month"
	case o.monthly && month == firstPlace:
		name = "on the first day of the month"
	case o.monthly:
		name = fmt.Sprintf("on day %d of the month", day.Day())
	}
	switch {
	case o.effect >= 1:
		return fmt.Sprintf("comes %s later %s", minutes(o.effect), name)
	case o.effect <= -1:
		return fmt.Sprintf("comes %s earlier %s", minutes(-o.effect), name)
	}
	return fmt.Sprintf("nothing comes, or at an odd time, on %.0f %% of such days (%s)", 100*(1-o.kinds[ordinary]), name)
}

// openWords describes the remembered periods that had not come so long before the deadline either.
func (m *Model) openWords(left time.Duration) string {
	open, missed := 0, 0
	for _, p := range m.history {
		if !(p.margin <= -left.Minutes()) {
			open++
			missed += int(indicator(p.missed()))
		}
	}
	switch {
	case len(m.history) == 0:
		return "not arrived yet"
	case open == 0:
		return fmt.Sprintf("not arrived yet: it was here by now in each of the last %d periods", len(m.history))
	}
	return fmt.Sprintf("not arrived yet: like %d of the last %d periods by now, of which %d missed",
		open, len(m.history), missed)
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
