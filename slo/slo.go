package slo

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
)

// Objective is a service level that is promised.
type Objective struct {
	Target float64       // share of good time, above 0 and below 1
	Window time.Duration // time over which it is promised; it ends now
}

// budget returns the bad time that an objective allows in a time.
func (o Objective) budget(in time.Duration) float64 { return (1 - o.Target) * float64(in) }

// Windows are the windows over which burn rates are computed.
func Windows() []time.Duration {
	return []time.Duration{
		5 * time.Minute, 30 * time.Minute, time.Hour, 6 * time.Hour, 3 * 24 * time.Hour,
	}
}

// Longest returns the longest of [Windows].
func Longest() time.Duration { return slices.Max(Windows()) }

// WindowName returns a window as Prometheus writes it: 5m, 1h, 3d.
func WindowName(w time.Duration) string {
	switch {
	case w%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", w/(24*time.Hour))
	case w%time.Hour == 0:
		return fmt.Sprintf("%dh", w/time.Hour)
	}
	return fmt.Sprintf("%dm", w/time.Minute)
}

// Level is how an indicator stands against its objective.
type Level struct {
	Objective Objective
	Totals    Totals // of the window, as far as it is known
	// Actual is the share of good time in the judged time of the window; NaN if none was
	// judged.
	Actual float64
	// Left is the share of the error budget that is left: 1 is all of it, 0 none, below 0
	// more was spent. NaN if no time of the window was judged.
	Left float64
	// Judged is the share of the known time, without what is excluded, that was judged; NaN
	// if there is none.
	Judged float64
	// Burn is the burn rate over each of [Windows]: at 1 the budget lasts exactly for the
	// objective's window. NaN if no time of it was judged.
	Burn []float64
	// Exhausted is when the budget is spent at the burn rate of the last six hours. Zero: not
	// at this rate. It is now, or earlier, if nothing is left.
	Exhausted time.Time
}

// Evaluate compares a timeline with an objective. leftOut are times that do not count.
//
// The budget is the allowed share of the whole window. Bad time spends it. Time that was
// not judged, and excluded time, spends nothing, and is taken out of the window: the budget
// is smaller by its share. Time before the first result counts as not spent.
func Evaluate(t *Timeline, o Objective, now time.Time, leftOut []Range) Level {
	return EvaluateSince(t, o, now.Add(-o.Window), now, leftOut)
}

// EvaluateSince is [Evaluate] for a window that begins at an instant. It may end after now: what is
// to come counts as not spent.
func EvaluateSince(t *Timeline, o Objective, from, now time.Time, leftOut []Range) Level {
	l := Level{Objective: o, Totals: t.Sum(from, now, leftOut)}
	judged := l.Totals[Good] + l.Totals[Bad]
	l.Actual = ratio(float64(l.Totals[Good]), float64(judged))
	l.Judged = ratio(float64(judged), float64(judged+l.Totals[Unjudged]))
	l.Left = 1 - burn(l.Totals, o, o.Window)
	for _, w := range Windows() {
		l.Burn = append(l.Burn, burn(t.Sum(now.Add(-w), now, leftOut), o, w))
	}
	l.Exhausted = exhausted(t, l, now, leftOut)
	return l
}

// burn returns the bad time in a window as a multiple of what the objective allows in it.
func burn(sum Totals, o Objective, window time.Duration) float64 {
	if sum[Good]+sum[Bad] == 0 {
		return math.NaN()
	}
	return float64(sum[Bad]) / o.budget(window-sum[Unjudged]-sum[Excluded])
}

// ratio returns a share; NaN of nothing.
func ratio(part, of float64) float64 {
	if of == 0 {
		return math.NaN()
	}
	return part / of
}

// rateWindow is the window whose burn rate says when the budget is exhausted.
const rateWindow = 6 * time.Hour

// exhausted returns when the budget is spent at the present rate.
func exhausted(t *Timeline, l Level, now time.Time, leftOut []Range) time.Time {
	if l.Left <= 0 {
		return now
	}
	rate := burn(t.Sum(now.Add(-rateWindow), now, leftOut), l.Objective, rateWindow)
	if math.IsNaN(rate) || math.IsNaN(l.Left) || rate <= 0 {
		return time.Time{}
	}
	counts := l.Objective.Window - l.Totals[Unjudged] - l.Totals[Excluded] // the time that the budget is a share of
	lasts := l.Left * float64(counts) / rate
	if lasts > float64(10*365*24*time.Hour) {
		return time.Time{}
	}
	return now.Add(time.Duration(lasts).Round(time.Second))
}

// Alert is a pair of windows whose burn rates, both above Rate, mean that somebody has to
// act (Beyer et al., The Site Reliability Workbook, 2018, chapter 5).
type Alert struct {
	Long, Short time.Duration
	Rate        float64
	Severity    string        // critical or warning
	For         time.Duration // how long both rates must be above
}

// Alerts returns the alerts of an objective. They fire when 2 % of the budget is spent in
// an hour, 5 % in six hours, or 10 % in three days. No rate is below 1, at which the budget
// lasts for the window: a short window would alert although its objective is met. No rate
// is above what an indicator that is always bad has, less a tenth: a small objective would
// never alert. A long window that is longer than the objective's has no alert.
func (o Objective) Alerts() []Alert {
	out := []Alert{
		{time.Hour, 5 * time.Minute, .02, "critical", 2 * time.Minute},
		{6 * time.Hour, 30 * time.Minute, .05, "critical", 5 * time.Minute},
		{3 * 24 * time.Hour, 6 * time.Hour, .1, "warning", time.Hour},
	}
	for i := range out {
		share := out[i].Rate
		rate := math.Max(1, share*float64(o.Window)/float64(out[i].Long))
		out[i].Rate = math.Min(rate, .9/(1-o.Target))
	}
	return slices.DeleteFunc(out, func(a Alert) bool { return a.Long > o.Window })
}

// The indicators of a dataset.
const (
	Loads  = "loads"  // rows come by their deadline
	Checks = "checks" // checks pass
)

// Report is one indicator of one dataset.
type Report struct {
	Table     sentinel.Table
	Indicator string
	Level
}
