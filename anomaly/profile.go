package anomaly

import (
	"math"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly/changes"
	"github.com/sentinel-dq/sentinel/anomaly/counts"
)

func init() { Register("profile", func() Detector { return &Profile{} }) }

// Profile is the default detector. It forecasts a value by the best of five simple
// forecasts: the last value, the level, the hour of day, the hour of week, and the hour
// of week corrected by the last day. It measures the error in proportion to the value,
// and estimates how rare such an error is. An error that is rarer than the budget of
// false alarms is an alarm. Sums of errors find steps, and [changes.Test] finds changes of
// level and drifts that no single point shows. The value under test never takes part in its own
// forecast.
//
// A second model, [counts.Model], narrows the range of a series that it describes. Its
// spread is the noise of the series and no more, so that it sees small losses. It knows
// when a series is too irregular for it, and then the first model judges alone.
//
// The state takes at most 6.3 KB for an hourly series and 3 KB for a daily one.
type Profile struct {
	state
	why *Explanation // where the next point is explained; nil: it is not
}

// Memories are in points, and caps are in spreads. No constant depends on a series.
const (
	slotsADay    = 24
	slotsAWeek   = 7 * slotsADay
	levelMemory  = 12.0                // points
	errorMemory  = 100.0               // points over which forecasts are compared
	spreadMemory = 1000.0              // points
	tailMemory   = 80.0                // values in the tail
	slotMemory   = 30.0                // values of one hour of week
	dayMemory    = 30.0                // values of one hour of day
	monthMemory  = 12.0                // values of one day of the month
	longDays     = 30.0                // days in the memory of the long mean
	trendDays    = 14.0                // memory of Trend, as a multiple of that of Ratio
	firstPoints  = 7                   // points that are compared with each other before they are learnt for good
	winsor       = 5.0                 // spreads by which one value may move what is learnt
	errorCap     = 12.0                // largest error in a sum, in spreads
	offset       = 0.1                 // part of the usual size added before logarithms, so that ratios of small values matter less
	leastLog     = 0.05                // share of that part that is left of values far below zero
	floorSpread  = 0.02                // smallest spread: a value a few percent off is not unusual
	tailPart     = 0.1                 // share of values that form the tail
	silence      = 24 * time.Hour      // shortest duration of an episode
	calmPoints   = 3                   // points in a row without an alarm that end an episode
	formerLevel  = 14 * 24 * time.Hour // how long the state keeps a replaced level
)

// state holds everything that a Profile remembers of a series. MarshalBinary encodes
// it with gob: a field keeps its name and its place, so that stored states stay
// readable.
type state struct {
	// The series.
	N         int              // number of points learnt
	Last      time.Time        // time of the newest point
	Prev      float64          // value of the newest point
	Step      float64          // usual seconds between points
	Size      float64          // usual size of values
	Low       float64          // lowest usual value, if negative; else 0
	Negatives int              // number of negative values
	Bottom    float64          // smallest value seen
	Top       float64          // largest value seen
	Fraction  bool             // some values are not whole numbers
	Zeros     int              // number of values that were zero
	ZeroRun   float64          // logarithm of the probability of the present run of zeros
	Flat      int              // length of the present run of equal values
	FlatMost  int              // length of the longest usual run of equal values
	Late      time.Duration    // how long rows usually arrive late, see lateness
	Final     sentinel.Score   // score of the newest point
	First     []sentinel.Point // the first points, until there are firstPoints

	// The profile, from which values are forecast.
	Level     float64
	Week      [slotsAWeek]slot
	Day       [slotsADay]slot
	Month     [monthPlaces]slot // difference of a day of the month from the profile, as a logarithm
	Ratio     float64           // difference of the last day from the profile, as a logarithm
	Trend     float64           // difference of the last weeks from the profile, as a logarithm
	Errors    [experts]float64  // mean absolute error of each forecast
	Spread    float64           // spread of the forecast's error
	SlowError float64           // spread of the seasonal forecast's error

	// The model of counts, which narrows the range where it describes the series.
	Count counts.Model

	// The tests for changes of level and drifts.
	Change changes.Test

	// The tests.
	Window     [3 * longest]float32 // the last seasonal errors, newest first
	Seen       int                  // number of errors in Window
	Long       float64              // mean over some weeks, whatever the hour
	LongSpread float64              // spread around Long
	Tails      [tests][2]tail       // by test and by side: 0 for drops, 1 for spikes

	// The open episode.
	Open   bool
	Since  time.Time // time of its first point
	Wait   int       // normal points that have to follow before the series is normal
	Peak   float64   // largest error, in spreads
	Calm   int       // points in a row without an alarm
	Side   float64   // sum of the signs of its points' differences from the profile
	Inside int       // number of points
	Shift  float64   // mean difference from the profile, as a logarithm

	// Learned is the time since when the level of the newest episode is the expected one, in
	// seconds since 1970. It is 0 if the episode is about single values.
	Learned int64

	// The level before the one that was adopted last.
	Former  float64   // distance of the former level from the adopted one, as a logarithm; 0: no former level
	Back    float64   // share of the newest points that are closer to the former level
	Adopted time.Time // when the adopted level replaced the former one

	// Mistakes. One value that is outside of its range says little about the next one.
	Odd   bool    // the newest point is outside of its range
	Usual float64 // the newest value that is not
}

// slot holds the mean and spread of one hour of day or of week.
type slot struct {
	Mean, Spread float32
	N, Zeros     uint16
}

// monthPlaces is the number of days of a month, plus one place for the last day.
const monthPlaces = 32

// largest bounds values that are learnt, so that sums and squares of them stay finite,
// also in slots.
const largest = 1e30

// longest is the longest window over which errors are added up, in points.
const longest = 24

// A test compares a quantity with its own past. Test 0 is the error of one forecast.
// Tests 1 to 4 are the seasonal error summed over the windows in the variable windows.
const (
	tests       = 7
	longestSum  = 4 // the seasonal error over the longest window
	againstLong = 5 // the distance from the mean over some weeks
	stepTest    = 6 // a step of the seasonal error
)

// windows holds the lengths in points over which seasonal errors are summed: of hourly
// series, and of daily ones.
var windows = [2][]int{{1, 3, 8, 24}, {1, 2, 4, 7}}

// stepWindow is the number of newest points whose mean error is compared with that of
// the longest window before them. A step shows there even if the days before it were
// unusual.
var stepWindow = [2]int{24, 4}

// The forecasts of a value.
const (
	byLast      = iota // the last value
	byLevel            // the mean of the last values
	byDay              // the mean of the hour of day
	byWeek             // the mean of the hour of week
	byWeekMoved        // the mean of the hour of week, corrected by the last day
	experts            // number of forecasts
)

func (s *slot) learn(v, spread, memory float64) {
	a := max(1/float64(s.N+1), 1/memory)
	s.Mean += float32(a * (v - float64(s.Mean)))
	s.Spread += float32(a * (spread - float64(s.Spread)))
	if s.N < math.MaxUint16 {
		s.N++
	}
}

// minPoints returns the number of points a series needs before it is judged.
func (s *state) minPoints() int {
	if s.daily() {
		return 7
	}
	return 48
}

// outdated reports whether the state is of a version without a model of counts.
func (s *state) outdated() bool { return s.N > 0 && s.Count.N == 0 && !s.signed() }

func (s *state) daily() bool { return s.Step >= 20*3600 }

// pace returns the index into windows and stepWindow: 0 hourly, 1 daily.
func (s *state) pace() int {
	if s.daily() {
		return 1
	}
	return 0
}

// slots returns the indexes of a time in Day and Week. A holiday counts as a Sunday.
func (s *state) slots(t time.Time, holiday bool) (day, week int) {
	weekday := t.Weekday()
	if holiday {
		weekday = time.Sunday
	}
	if s.daily() {
		return 0, int(weekday)
	}
	return t.Hour(), int(weekday)*slotsADay + t.Hour()
}

// Observe implements Detector.
func (p *Profile) Observe(c Config, pt sentinel.Point) sentinel.Score {
	s := &p.state
	out := sentinel.Score{Time: pt.Time, Value: pt.Value, State: sentinel.Learning, Low: math.NaN(), High: math.NaN()}
	if math.IsNaN(pt.Value) || !s.Last.IsZero() && !pt.Time.After(s.Last) {
		return out // the point can be neither judged nor learnt
	}
	v := min(max(pt.Value, -largest), largest)
	t := pt.Time
	if c.Location != nil {
		t = t.In(c.Location)
	}
	holiday := c.Holiday != nil && c.Holiday(t)
	f := s.forecast(t, holiday)
	if s.N < s.minPoints() {
		if !pt.Bad && v == pt.Value {
			s.learn(t, v, f, 0)
			s.checkFirst(c, t, v)
		}
		out.Reason = learning(s.N, s.minPoints())
		s.Final = out
		return out
	}
	f = s.sinceUsual(c, v, f)
	out, odd := p.judge(c, pt, v, f)
	if !pt.Bad && v == pt.Value {
		s.learn(t, v, f, s.standardise(v, f))
		if s.Odd = odd; !odd {
			s.Usual = s.Prev
		}
	}
	s.Final = out
	return out
}

// sinceUsual returns the forecast by which a value is judged. After a value outside of its
// range the last value is a poor forecast: one that is as usual as before is no alarm.
func (s *state) sinceUsual(c Config, v float64, f forecast) forecast {
	if !s.Odd || !s.outside(c, v, f) {
		return f
	}
	if s.Seen > 0 && math.Abs(float64(s.Window[0])) >= errorCap && math.Abs(s.standardise(v, f)) < winsor {
		s.Window[0] = 0 // a mistake that did not last is no part of a sum
		return f
	}
	if f.best != byLast {
		return f
	}
	before := f
	before.all[byLast], before.value = s.Usual, s.Usual
	if !f.have[byWeek] && !f.have[byDay] {
		before.seasonal = s.Usual
	}
	if s.outside(c, v, before) {
		return f
	}
	return before
}

// outside reports whether a value is outside of the range that a forecast gives.
func (s *state) outside(c Config, v float64, f forecast) bool {
	limit := s.testsLimit(c, f)
	curve := s.curve(f, limit)
	prob, _, side := curve.verdictOf(v)
	e := curve.expect(v, prob <= limit, side)
	e.center = s.toldValue(f)
	return s.whole(s.ignoring(c, e), v).outside(v)
}

// judge decides whether a point is an alarm, and scores it. A point is an alarm if its
// value is outside of the range that the score states. Only a rule that is about more
// than the value makes an alarm without a range. odd reports whether the value is outside.
func (p *Profile) judge(c Config, pt sentinel.Point, v float64, f forecast) (out sentinel.Score, odd bool) {
	s := &p.state
	limit := s.testsLimit(c, f)
	curve := s.curve(f, limit)
	prob, kind, side := curve.verdictOf(v)
	e := evidence{point: pt, forecast: f, err: s.standardise(v, f), kind: kind}
	byTests := curve.expect(v, prob <= limit, side)
	e.expected = s.told(c, v, f, byTests)
	if e.expected.outside(v) {
		e.side = sign(v - e.expected.low)
		e.alarm = c.sideCounts(e.side)
	}
	s.applyRules(c, v, c.limit(s.Step), &e)
	if p.why != nil {
		*p.why = s.explain(c, byTests, e)
	}
	out = sentinel.Score{
		Time:  pt.Time,
		Value: pt.Value,
		State: sentinel.Normal,
		Score: min(1, 0.5*math.Log(prob)/math.Log(limit)),
		Low:   e.expected.low,
		High:  e.expected.high,
	}
	if e.rule != noRule {
		out.Score = max(out.Score, 0.9)
	}
	if e.alarm {
		out.Score = max(out.Score, 0.5)
	} else {
		out.Score = min(out.Score, 0.49)
	}
	return p.episode(c, e, out), e.expected.outside(v)
}

// rule is a rule beside the model that makes a point an alarm.
type rule int

const (
	noRule     rule = iota
	absentRule      // a zero at an hour that is hardly ever zero
	stuckRule       // an unusually long run of equal values
	changeRule      // a change of level or a drift that no single value shows
)

// evidence holds the outcome of the tests for one point.
type evidence struct {
	point    sentinel.Point
	forecast forecast
	err      float64             // error of the forecast, in spreads
	expected expected            // values that are no alarm
	kind     sentinel.ScoreState // state of the series if this is an alarm
	side     float64             // 1: above what is expected, -1: below
	rule     rule
	alarm    bool
}

// applyRules applies the rules beside the model.
func (s *state) applyRules(c Config, v, limit float64, e *evidence) {
	usual := s.zeroProbability(e.forecast) > limit
	e.expected.zero = usual && e.expected.low > 0
	switch {
	case s.absent(v, e.forecast) && !usual && c.counts(v, e.expected.center):
		e.rule, e.alarm, e.kind, e.side = absentRule, true, sentinel.Onset, -1
		if !e.expected.outside(v) { // no value was too low for the tests
			e.expected.low, e.expected.high = 1, max(1, e.forecast.value, e.forecast.seasonal)
			e.expected = s.whole(e.expected, v)
		}
	case s.stuck(v) && c.counts(v, e.expected.center):
		e.rule, e.alarm, e.kind, e.expected = stuckRule, true, sentinel.Onset, noRange()
	}
	s.seekChange(c, v, limit, e)
}

// absent reports whether a value is a zero at an hour that is hardly ever zero.
func (s *state) absent(v float64, f forecast) bool {
	own := &s.Day[f.day]
	if s.daily() {
		own = &s.Week[f.week]
	}
	if v > 0 || s.signed() || own.N < 4 || 20*int(own.Zeros) >= int(own.N) {
		return false
	}
	lowest := math.Inf(1)
	for i := range experts {
		if f.have[i] && i != byLast {
			lowest = min(lowest, f.all[i])
		}
	}
	return lowest >= 10
}

// stuck reports whether the run of equal values is too long.
func (s *state) stuck(v float64) bool {
	before := s.N - s.Flat // number of points before the run
	return v == s.Prev && v != 0 && before >= 2*s.minPoints() && s.FlatMost <= 2 && s.Flat+1 >= 4+3*s.FlatMost
}
