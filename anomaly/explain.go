package anomaly

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly/counts"
)

// Explanation says why a value was expected, and what made the range around it. The parts are in
// the unit of the values: Level, Slot, Recent, MonthDay and Holiday add up to Expected. Each end
// of the range is as many spreads from Expected as its tail says: Scale.At(Expected, -TailLow)
// and Scale.At(Expected, TailHigh), rounded into the range for whole numbers.
type Explanation struct {
	Forecast string  // what expects the value: RegularForecast, or one of the forecasts of irregular series
	Place    string  // weekday, with the hour if values come more often than daily
	Expected float64 // sum of the parts
	Level    float64
	Slot     float64 // what the weekday adds, or the hour
	Recent   float64 // what the last day adds; 0 by RegularForecast, whose level follows it
	MonthDay float64 // what the day of the month adds
	Holiday  float64 // what the holiday adds; 0 if holidays are like Sundays so far

	counts.Scale
	Unknown float64 // share of the square of Spread that is not noise, but not known yet

	Low, High         float64 // the range told; NaN if there is none
	TailLow, TailHigh float64 // spreads from Expected to its ends; NaN if there is none
	LowBy, HighBy     Bound   // what made its ends
}

// Bound is what made an end of a range.
type Bound string

const (
	BySpread Bound = "spread"       // rarer values than the budget of false alarms allows, by the model
	ByTests  Bound = "tests"        // the same by the tests for irregular series
	ByZero   Bound = "zero"         // values are not negative
	ByLimit  Bound = "limit"        // ten times what the series has shown
	ByFloor  Bound = "ignore_below" // smaller distances do not matter
	ByWhole  Bound = "whole"        // no whole number is between both ends
	ByRule   Bound = "rule"         // there are always some rows at that hour
)

// RegularForecast is the forecast of the model of counts.
const RegularForecast = "regular"

// forecastNames are the forecasts of irregular series.
var forecastNames = [experts]string{"last value", "last values", "hour of the day", "weekday", "weekday and last day"}

// Explain is [Profile.Observe], and says why. why is nil while the detector is learning.
func (p *Profile) Explain(c Config, pt sentinel.Point) (score sentinel.Score, why *Explanation) {
	p.why = &Explanation{}
	score = p.Observe(c, pt)
	why, p.why = p.why, nil
	if why.Forecast == "" {
		return score, nil
	}
	return score, why
}

// explain returns the explanation of a point whose range by the tests is known.
func (s *state) explain(c Config, tests expected, e evidence) Explanation {
	v, f := min(max(e.point.Value, -largest), largest), e.forecast
	inner, regular := s.narrow(c, v, f, tests)
	out, model := s.irregularParts(f), noRange()
	if regular {
		out, model = s.regularParts(c, f)
	}
	out.Place = place(c, s.daily(), e.point.Time)
	out.Low, out.High = e.expected.low, e.expected.high
	if !e.expected.stated() {
		out.TailLow, out.TailHigh = math.NaN(), math.NaN()
		return out
	}
	inner.center = out.Expected
	wide := s.ignoring(c, inner)
	out.LowBy = boundOf(wide.low == inner.low, inner.low == model.low)
	out.HighBy = boundOf(wide.high == inner.high, inner.high == model.high)
	switch told := s.whole(wide, v); {
	case told.low != e.expected.low || told.high != e.expected.high:
		out.LowBy, out.HighBy = ByRule, ByRule
	case told.low > wide.high || told.high < wide.low:
		out.LowBy, out.HighBy = ByWhole, ByWhole
	default:
		out.LowBy, out.HighBy = s.outermost(wide, out.LowBy, out.HighBy)
	}
	if out.LowBy != BySpread {
		out.TailLow = -out.Spreads(out.Expected, out.Low)
	}
	if out.HighBy != BySpread {
		out.TailHigh = out.Spreads(out.Expected, out.High)
	}
	return out
}

// regularParts returns the parts of the forecast of the model of counts, with its tails and range.
func (s *state) regularParts(c Config, f forecast) (Explanation, expected) {
	p, prob := s.Count.Parts(f.count), s.countLimit(c)
	e := Explanation{Forecast: RegularForecast, Expected: p.Expected, Level: p.Level, Slot: p.Slot,
		Holiday: p.Holiday, Scale: p.Scale, Unknown: p.Unknown}
	e.TailLow, e.TailHigh = s.Count.Reach(prob)
	low, high := s.Count.Range(f.count, prob)
	if e.Expected == 0 { // less than none is expected
		e.TailLow, e.TailHigh = -e.Spreads(0, low), e.Spreads(0, high)
	}
	return e, expected{low: low, high: high}
}

// boundOf returns what made an end: the tests or the model, unless it was moved outwards.
func boundOf(kept, byModel bool) Bound {
	switch {
	case !kept:
		return ByFloor
	case byModel:
		return BySpread
	}
	return ByTests
}

// outermost returns what made the ends of a range, whose ends nothing else may have made than what
// no series goes beyond.
func (s *state) outermost(e expected, low, high Bound) (Bound, Bound) {
	if least := s.lowest(); e.low == least && least == 0 {
		low = ByZero
	} else if e.low == least {
		low = ByLimit
	}
	if e.high == farOff*s.Top {
		high = ByLimit
	}
	return low, high
}

// irregularParts returns the parts of the forecast in use for irregular series.
func (s *state) irregularParts(f forecast) Explanation {
	e := Explanation{Forecast: forecastNames[f.best], Expected: s.toldValue(f)}
	if f.best == byWeek && !s.daily() {
		e.Forecast = "hour of the week"
	}
	if f.best == byWeekMoved && !s.daily() {
		e.Forecast = "hour of the week and last day"
	}
	switch f.best {
	case byLast, byLevel:
		e.Level = e.Expected
	default:
		slot := f.best
		if slot == byWeekMoved {
			slot = byWeek
		}
		usual, plain := f.all[f.best], f.all[slot]
		if f.shift != 0 {
			usual, plain = s.unlog(s.log(usual)-f.shift), s.unlog(s.log(plain)-f.shift)
		}
		e.Level, e.Slot, e.Recent, e.MonthDay = s.Long, plain-s.Long, usual-plain, e.Expected-usual
	}
	e.Scale = counts.Scale{Spread: f.spread, Offset: offset*max(s.Size, 1e-9) - s.Low}
	return e
}

// Words returns the explanation in one line, with the unit of a configuration.
func (e *Explanation) Words(c Config) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s expected: level %s", amount(c, e.Expected, 0), digits(e.Level, 0))
	part := func(v float64, name string) {
		switch {
		case math.Abs(v) < 0.0005*math.Abs(e.Expected) || v == 0: // it changes no digit
		case v < 0:
			fmt.Fprintf(&b, ", %s -%s", name, digits(-v, 0))
		default:
			fmt.Fprintf(&b, ", %s +%s", name, digits(v, 0))
		}
	}
	part(e.Slot, e.Place)
	part(e.Recent, "the last day")
	part(e.MonthDay, "day of the month")
	part(e.Holiday, "holiday")
	fmt.Fprintf(&b, "; spread %s", share(e.Spread))
	if e.Unknown >= 0.2 {
		fmt.Fprintf(&b, " (%.0f %% of its square is not known yet)", 100*e.Unknown)
	}
	if !(e.Low <= e.High) {
		return b.String() + "; no range"
	}
	fmt.Fprintf(&b, "; %s to %s is usual: %s below, %s above", digits(e.Low, 0), digits(e.High, 0),
		e.tail(e.TailLow, e.LowBy), e.tail(e.TailHigh, e.HighBy))
	return b.String()
}

// tail names the distance of an end of the range.
func (e *Explanation) tail(spreads float64, by Bound) string {
	text := fmt.Sprintf("%.1f spreads", spreads)
	switch by {
	case ByTests:
		return text + " (by the tests)"
	case ByZero:
		return text + " (down to 0)"
	case ByLimit:
		return "ten times what was seen"
	case ByFloor:
		return text + " (ignore_below)"
	case ByWhole:
		return text + " (to a whole number)"
	case ByRule:
		return text + " (there are always some)"
	}
	return text
}

// share writes a share as a percentage of two digits.
func share(v float64) string { return strconv.FormatFloat(100*v, 'g', 2, 64) + " %" }

// Judged is a value with what was expected of it.
type Judged struct {
	sentinel.Score
	Why *Explanation // nil: the detector was learning, or does not explain
}

// Replay judges values again, the oldest first, as a detector did that knew only them. It
// returns one Judged for each of the newest values that [LookBack] allows, and nothing of those before.
func Replay(c Config, points []sentinel.Point) ([]Judged, error) {
	d, err := New(c.Detector)
	if err != nil {
		return nil, err
	}
	points = points[max(0, len(points)-replayLimit):]
	out := make([]Judged, len(points))
	p, explains := d.(*Profile)
	for i, pt := range points {
		if explains {
			out[i].Score, out[i].Why = p.Explain(c, pt)
		} else {
			out[i].Score = d.Observe(c, pt)
		}
	}
	return out, nil
}
