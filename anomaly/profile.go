package anomaly

import (
	"math"
	"time"

	"github.com/sentinel-dq/sentinel"
)

func init() { Register("profile", func() Detector { return &Profile{} }) }

// Profile is the default detector. It expects what the best of a few simple
// forecasts expects (the last value, the level, the hour of day, the hour of
// week, and the hour of week moved by how the last day went), measures how far
// off the value is in proportion, and asks how often anything as far off has
// been seen: an alarm is what the budget of false alarms leaves room for. Slow
// losses, which no single point shows, add up in a two-sided cumulative sum
// (Page 1954). The value under test is never in what it is held against.
//
// State is some 4 KB for an hourly series and 2 KB for a daily one.
type Profile struct {
	state
}

// The constants are memories in numbers of points, and caps in spreads. None
// depends on a series.
const (
	slotsADay    = 24
	slotsAWeek   = 7 * slotsADay
	levelMemory  = 12.0   // points
	errorMemory  = 100.0  // points over which forecasts are compared
	spreadMemory = 1000.0 // points
	tailMemory   = 80.0   // values in the tail
	slotMemory   = 30.0   // values of one hour of week
	dayMemory    = 30.0   // values of one hour of day
	monthMemory  = 12.0   // of one day of the month
	longDays     = 30.0   // what is usual whatever the hour
	trendDays    = 14.0   // times the memory of how the last day went
	winsor       = 5.0    // spreads that a value may move what is learnt from it
	errorCap     = 12.0   // spreads that one error counts in a sum
	offset       = 0.1    // of the usual size, so that small values are not judged by their ratio
	floorSpread  = 0.02   // no value is unusual for being a few percent off
	tailPart     = 0.1    // of what is seen is its tail
	silence      = 24 * time.Hour
	calmPoints   = 3                   // in a row end an episode
	formerLevel  = 14 * 24 * time.Hour // a level that was left is remembered
)

// state is everything that is remembered of a series. MarshalBinary writes it: a field
// keeps its name and its place outside of other structs, so that stored states stay
// readable.
type state struct {
	// The series.
	N           int            // points learnt
	Last        time.Time      // of the newest point
	Prev        float64        // value of the newest point
	Step        float64        // usual seconds between points
	Size        float64        // usual size of values
	Low         float64        // smallest value seen, if negative; else 0
	Bottom, Top float64        // smallest and largest value seen
	Fraction    bool           // not all values are whole numbers
	Zeros       int            // values of zero seen
	Flat        int            // equal values in a row now
	FlatMost    int            // most equal values in a row that were usual
	Late        time.Duration  // how long rows usually come late, see lateness
	Final       sentinel.Score // of the newest point

	// The profile, from which values are forecast.
	Level     float64
	Week      [slotsAWeek]slot
	Day       [slotsADay]slot
	Month     [monthPlaces]slot // how the days of a month differ from the profile, as logarithms
	Ratio     float64           // how the last day differs from the profile, as a logarithm
	Trend     float64           // how the last weeks differ from the profile, as a logarithm
	Errors    [experts]float64  // of each forecast
	Spread    float64           // of the forecast's error
	SlowError float64           // spread of the seasonal forecast's error

	// The tests.
	Window     [3 * longest]float32 // the last seasonal errors, newest first
	Seen       int                  // errors in Window
	Drift      drifts
	Long       float64        // mean of the logarithm over two weeks
	LongSpread float64        // its spread
	Tails      [tests][2]tail // by test, and by side: drops, spikes

	// The open episode.
	Open   bool
	Since  time.Time // when it began
	Why    string    // the reason of its first alarm
	Peak   float64   // largest error, in spreads
	Calm   int       // points in a row without an alarm
	Side   float64   // sum of the signs of its points' differences from the profile
	Inside int       // points
	Shift  float64   // mean difference from the profile, as a logarithm

	// The level that the last adopted one replaced.
	Former  float64   // its distance from the adopted one, as a logarithm; 0: none is remembered
	Back    float64   // share of the newest points that are closer to it
	Adopted time.Time // when it was replaced
}

// slot is what is known of one hour of day or of week.
type slot struct {
	Mean, Spread float32
	N, Zeros     uint16
}

// monthPlaces are the days of a month, the last one of each apart.
const monthPlaces = 32

// largest is what a value may be for sums and squares of it to stay finite.
const largest = 1e100

// longest is the longest window over which errors are added up.
const longest = 24

// tests are what is held against its own past: the one-step error, the seasonal
// error over windows of these lengths (daily: the second row), the distance from
// what is usual over two weeks, and a step of the seasonal error.
const (
	tests       = 7
	longestSum  = 4
	againstLong = 5
	aStep       = 6
)

var windows = [2][]int{{1, 3, 8, 24}, {1, 2, 4, 7}}

// stepWindow is the window whose mean error is held against that of the longest
// window before it: a step shows there also where the days before went their own
// way.
var stepWindow = [2]int{24, 4}

const (
	byLast = iota
	byLevel
	byDay
	byWeek
	byWeekMoved
	experts
)

func (s *slot) learn(v, spread, memory float64) {
	a := max(1/float64(s.N+1), 1/memory)
	s.Mean += float32(a * (v - float64(s.Mean)))
	s.Spread += float32(a * (spread - float64(s.Spread)))
	if s.N < math.MaxUint16 {
		s.N++
	}
}

// minPoints is how many points a series needs before anything is said of it.
func (s *state) minPoints() int {
	if s.daily() {
		return 7
	}
	return 48
}

func (s *state) daily() bool { return s.Step >= 20*3600 }

// pace is the index into windows.
func (s *state) pace() int {
	if s.daily() {
		return 1
	}
	return 0
}

// slots are the places of a time in the profiles. A holiday is like a Sunday.
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
	v := pt.Value
	out := sentinel.Score{Time: pt.Time, Value: v, State: sentinel.Learning, Low: math.NaN(), High: math.NaN()}
	if math.IsNaN(v) || math.Abs(v) > largest || !s.Last.IsZero() && !pt.Time.After(s.Last) {
		return out // nothing can be said, and nothing learnt
	}
	t := pt.Time
	if c.Location != nil {
		t = t.In(c.Location)
	}
	holiday := c.Holiday != nil && c.Holiday(t)
	if s.N < s.minPoints() {
		if !pt.Bad {
			s.learn(t, v, s.forecast(t, holiday), 0)
		}
		out.Reason = learning(s.N, s.minPoints())
		s.Final = out
		return out
	}
	f := s.forecast(t, holiday)
	z := s.standardise(v, f)
	limit := c.limit(s.Step)
	x, have := s.sizes(v, f, z)
	prob, kind := s.rarest(x, have, limit)
	out = p.verdict(c, evidence{point: pt, forecast: f, err: z, prob: prob, limit: limit, kind: kind})
	if !pt.Bad {
		s.learn(t, v, f, z)
	}
	s.Final = out
	return out
}

// rarest is how improbable the sizes are together: the harmonic mean of their
// probabilities (Wilson 2019), which holds for tests that depend on each other.
// One that stands alone counts like one of several tries; where several windows
// say the same they are believed. kind says which test speaks loudest: that of a
// value alone, a step, or errors that add up over the longest window.
func (s *state) rarest(x [tests]float64, have [tests]bool, limit float64) (prob float64, kind sentinel.ScoreState) {
	sum, n, alone := 0.0, 0.0, 1.0
	least, loudest := 2.0, 0
	for i := range tests {
		if !have[i] {
			continue
		}
		side := 0
		if x[i] > 0 {
			side = 1
		}
		p := max(s.Tails[i][side].p(math.Abs(x[i])), 1e-300)
		sum, n = sum+1/p, n+1
		if p < least {
			least, loudest = p, i
		}
		if i <= 1 || i == againstLong {
			alone = min(alone, p)
		}
	}
	kind = sentinel.Onset
	switch {
	case alone*tests <= limit:
	case loudest == longestSum:
		kind = sentinel.SlowDrift
	default:
		kind = sentinel.LevelShift
	}
	return min(1, n/sum), kind
}

// sizes are what the tests look at now, for a value and its forecast: positive
// for spikes, negative for drops.
func (s *state) sizes(v float64, f forecast, z float64) (x [tests]float64, have [tests]bool) {
	x, have = s.single(v, f, z)
	if s.SlowError <= 0 || !f.have[byWeek] {
		return x, have
	}
	e := s.seasonalError(v, f)
	s.sums(&x, &have, e, 0)
	return x, have
}

// single are the sizes of one value alone.
func (s *state) single(v float64, f forecast, z float64) (x [tests]float64, have [tests]bool) {
	x[0], have[0] = z, true
	if f.shift != 0 {
		v = s.unlog(s.log(v) - f.shift)
	}
	if s.LongSpread > 0 {
		x[againstLong] = (v - s.Long) / max(1.25*s.LongSpread, floorSpread*s.Size)
		have[againstLong] = true
	}
	return x, have
}

// sums adds up the newest error and those before it over each window, leaving
// out the newest skip of the latter.
func (s *state) sums(x *[tests]float64, have *[tests]bool, e float64, skip int) {
	sum, k := e, 1
	for i, n := range windows[s.pace()] {
		for ; k < n && skip+k <= s.Seen; k++ {
			sum += float64(s.Window[skip+k-1])
		}
		if have[i+1] = k == n; !have[i+1] {
			return
		}
		x[i+1] = sum / math.Sqrt(float64(n))
	}
	x[aStep], have[aStep] = s.step(e, skip)
}

// step is how far the mean error of the newest points is from that of those
// before them, where it leads away from the profile and not back to it.
func (s *state) step(e float64, skip int) (size float64, have bool) {
	n, long := stepWindow[s.pace()], windows[s.pace()][3]
	if skip+n-1+long > s.Seen {
		return 0, false
	}
	now, before := e, 0.0
	for _, v := range s.Window[skip : skip+n-1] {
		now += float64(v)
	}
	for _, v := range s.Window[skip+n-1 : skip+n-1+long] {
		before += float64(v)
	}
	now, before = now/float64(n), before/float64(long)
	if now*(now-before) <= 0 || math.Abs(now) <= math.Abs(before) {
		return 0, true
	}
	return (now - before) / math.Sqrt(1/float64(n)+1/float64(long)), true
}

// seasonalError is how far off the profile, moved by the trend, is.
func (s *state) seasonalError(v float64, f forecast) float64 {
	w := &s.Week[f.week]
	d := &s.Day[f.day]
	local := s.SlowError
	if w.N >= 3 {
		l := d
		if s.daily() {
			l = w
		}
		local = math.Sqrt(s.SlowError * max(float64(l.Spread), 0.3*s.SlowError))
	}
	spread := max(1.25*local, floorSpread)
	if !s.Fraction {
		spread = math.Hypot(spread, 1/math.Sqrt(max(f.all[byWeek], 0)+1))
	}
	e := (s.log(v) - s.log(f.all[byWeek]) - s.Trend) / spread
	return min(max(e, -errorCap), errorCap)
}

// evidence is what the tests say of one point.
type evidence struct {
	point    sentinel.Point
	forecast forecast
	err      float64             // of the forecast, in spreads
	prob     float64             // of the sizes of all tests together
	limit    float64             // of prob: an alarm at or below it
	kind     sentinel.ScoreState // of an alarm
	alarm    bool
}

// verdict decides whether a point is an alarm, and scores it.
func (p *Profile) verdict(c Config, e evidence) sentinel.Score {
	s := &p.state
	v, expected := e.point.Value, e.forecast.value
	width := s.width(e.limit) * e.forecast.spread
	out := sentinel.Score{
		Time:  e.point.Time,
		Value: v,
		State: sentinel.Normal,
		Score: min(1, 0.5*math.Log(e.prob)/math.Log(e.limit)),
		Low:   s.unlog(s.log(expected) - width),
		High:  s.unlog(s.log(expected) + width),
	}
	e.alarm = e.prob <= e.limit
	if s.Drift.found() && !e.alarm && !s.Open {
		e.alarm = true
		e.kind = sentinel.SlowDrift
		out.Score = max(out.Score, 0.6)
	}
	if s.hard(v, e.forecast) {
		if !e.alarm {
			e.kind = sentinel.Onset
		}
		e.alarm = true
		out.Score = max(out.Score, 0.9)
	}
	if !c.counts(v, expected) {
		e.alarm = false
		out.Score = min(out.Score, 0.49)
	}
	return p.episode(c, e, out)
}

// width is how many spreads off a value may be within the budget.
func (s *state) width(limit float64) float64 {
	u, excess := s.Tails[0][0].shape()
	if v, wider := s.Tails[0][1].shape(); wider > excess {
		u, excess = v, wider
	}
	return u + excess*math.Log(tailPart*tests/limit)
}

// hard are the rules beside the model: nothing at an hour that has hardly ever
// had nothing, and one value again and again where that is not usual.
func (s *state) hard(v float64, f forecast) bool {
	own := &s.Day[f.day]
	if s.daily() {
		own = &s.Week[f.week]
	}
	lowest := math.Inf(1)
	for i := range experts {
		if f.have[i] && i != byLast {
			lowest = min(lowest, f.all[i])
		}
	}
	absent := v <= 0 && s.Low >= 0 && own.N >= 4 && 20*int(own.Zeros) < int(own.N) && lowest >= 10
	return absent || s.stuck(v)
}

// stuck reports that the same value has come too often in a row.
func (s *state) stuck(v float64) bool {
	before := s.N - s.Flat // points before the run
	return v == s.Prev && v != 0 && before >= 2*s.minPoints() && s.FlatMost <= 2 && s.Flat+1 >= 4+3*s.FlatMost
}
