// Package changes finds changes of level and drifts that no single value of a series shows.
// Begin with [Test].
//
// Values are compared with a profile (profile.go): a level, or a line where the series has a
// trend. The tests (cusum.go) are cumulative sums of the errors, for several sizes of a change
// on each side (Page 1954). A bank of sizes is a coarse form of the test over all sizes by
// Romano, Eckley, Fearnhead and Rigaill (2023), in constant memory. One more pair of sums
// expects errors that grow from value to value: a change of slope (Fearnhead, Maidstone and
// Letchford 2019). A sum begins again when it reaches zero, so it knows since when values differ.
//
// How far sums go by chance is learned from each series. Beyond a small height the peaks of a
// sum are exponential, for independent and for correlated errors alike (Siegmund 1985). Their
// rate and their mean excess give the height that the budget of false alarms allows.
//
// A finding also has to be large for the series: a multiple of the usual distance between the
// mean of some days and the profile. So a series whose level wanders tells only of more than that.
package changes

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
)

// Value is one value of a series without the effects of the calendar.
type Value struct {
	Time   int64   // seconds since 1970
	Level  float64 // logarithm of the value, less the effects of its place in the calendar
	Spread float64 // spread that Level has by chance; more than 0
	Step   float64 // usual seconds between values
	Ahead  float64 // steps since the value before, at least 1
}

// Found is a change of level or a drift.
type Found struct {
	Drift       bool
	Since       int64   // time of the first value that belongs to it, in seconds since 1970
	At          int64   // time of the value that showed it
	Before, Now float64 // levels
}

// Constants are the numbers that a person chose. None depends on a series. tools/bench-anomaly
// compares them with others.
type Constants struct {
	Part       float64 // share of the budget of false alarms that these tests have
	Hours      float64 // more frequent values are averaged over so many hours
	Days       float64 // memory of the profile, and the longest time that it stands still, in days
	Clip       float64 // spreads that an error counts as at most
	Hold       float64 // part of its bound from which on a sum makes the profile stand still
	Unusual    float64 // smallest size of a finding, over the usual distance from the profile
	RecentDays float64 // days in the mean whose distance from the profile is measured
	UsualDays  float64 // memory of the usual distance, in days
}

// Chosen returns the constants in use.
func Chosen() Constants {
	return Constants{
		Part: 0.35, Hours: 6, Days: 14, Clip: 3, Hold: 0.5, Unusual: 5, RecentDays: 4, UsualDays: 180,
	}
}

const (
	day         = 86400.0
	leastPoints = 28.0 // values before the first finding, and the shortest memory of a profile
	leastDays   = 28.0 // days before the first finding: until then the calendar is learned
	leastValues = 4    // values that belong to a finding at least, so that an incident is none
	sameReturn  = 0.5  // distance from the former level that is a return to it, over that of the change
	studentPart = 4.0  // how much wider Student's t is in its far tail, for each missing degree of freedom
	meanToSD    = 1.25 // standard deviation over mean absolute distance, of normal values
)

// Test is the state of the tests of one series. Its zero value knows nothing. Only the package
// changes its fields; they are exported so that they can be stored.
type Test struct {
	N        float32 // number of values, or of means of values
	Newest   int64   // time of the newest one
	Mean     mean
	Profiles [profiles]profile
	Used     int32 // index of the profile in use
	Sums     [sums]cusum
	Recent   float32  // mean distance of the newest values from the profile
	Usual    float32  // usual size of Recent
	Rough    float32  // usual difference of two neighbouring distances
	Away     float32  // newest distance
	Last     Found    // newest step that was adopted, told or not
	Told     Found    // newest finding that was told
	Untold   [2]steps // falls and rises since then
}

// mean collects values that are more frequent than the tests need.
type mean struct {
	Sum, Weight float64 // of the levels, each weighted by one over its variance
	Count       float64
	Start       int64 // time of the first value
}

// MarshalBinary encodes the test.
func (t *Test) MarshalBinary() ([]byte, error) { return binary.Append(nil, binary.LittleEndian, t) }

// UnmarshalBinary decodes what [Test.MarshalBinary] returned. An earlier version did not note
// what was told: its newest finding counts as told.
func (t *Test) UnmarshalBinary(b []byte) error {
	size := binary.Size(t)
	earlier := len(b) == size-binary.Size(t.Told)-binary.Size(t.Untold)
	if len(b) != size && !earlier {
		return errors.New("the state of a test for changes has another size")
	}
	if earlier {
		b = append(bytes.Clone(b), make([]byte, size-len(b))...)
	}
	_, err := binary.Decode(b, binary.LittleEndian, t)
	if earlier {
		t.Told = t.Last
	}
	return err
}

// Learn takes in a value. prob is the share of values that may end in a finding by chance. It
// returns a finding with the value that shows it, and then takes the new level for the usual
// one. The finding holds the steps before it that were not told: whoever tells it calls
// [Test.Tell]. news is false without a finding, and for one that goes on with the one told or
// leads back to the level before.
func (t *Test) Learn(k Constants, v Value, prob float64) (f Found, news bool) {
	if n := math.Round(k.Hours * 3600 / v.Step); n > 1 {
		whole, ok := t.Mean.add(v, k.Hours*3600, n)
		if !ok {
			return f, false
		}
		if t.N > 0 {
			whole.Ahead = math.Max(1, math.Round(float64(whole.Time-t.Newest)/whole.Step))
		}
		v, prob = whole, prob*n
	}
	return t.learn(k, v, prob/sums)
}

// learn takes in a value, or a mean of values.
func (t *Test) learn(k Constants, v Value, prob float64) (f Found, news bool) {
	memory := math.Max(leastPoints, k.Days*day/v.Step)
	if t.N > 0 && float64(v.Time-t.Newest) > memory*v.Step {
		t.restart()
	}
	t.N++
	t.Newest = v.Time
	young := float64(t.N) < math.Max(leastPoints, leastDays*day/v.Step)
	still := !young && t.standsStill(k.Hold, prob, memory)
	var errs [profiles]float64
	for i := range t.Profiles {
		errs[i] = t.Profiles[i].learn(i, v, view{n: float64(t.N), memory: memory, clip: k.Clip, still: still})
	}
	t.choose()
	used := &t.Profiles[t.Used]
	t.learnUsual(k, day/v.Step, float64(used.Away))
	best, most := -1, 1.0
	least := k.Unusual * t.usual(k, v.Step/day)
	for i := range t.Sums {
		s := &t.Sums[i]
		s.add(tests[i], v.Time, errs[t.Used], float64(used.Away), float64(t.N))
		over := float64(s.S) / s.bound(prob)
		if over >= most && s.K >= leastValues && math.Abs(s.size(tests[i])) >= least {
			best, most = i, over
		}
	}
	switch {
	case best < 0:
		return f, false
	case young:
		t.Sums[best].begin()
		return f, false
	}
	return t.adopt(k, best, v)
}

// standsStill reports whether the profile learns nothing, because a sum is on its way to a
// finding: the profile is that of the last value that was accepted.
func (t *Test) standsStill(hold, prob, memory float64) bool {
	for i := range t.Sums {
		if s := &t.Sums[i]; s.S > 0 && float64(s.K) < memory && float64(s.S) >= hold*s.bound(prob) {
			return true
		}
	}
	return false
}

// learnUsual learns the usual distance of the newest values from the profile.
func (t *Test) learnUsual(k Constants, perDay, away float64) {
	n, recent := float64(t.N), k.RecentDays*perDay
	t.Rough += float32((math.Abs(away-float64(t.Away)) - float64(t.Rough)) / math.Min(n, k.UsualDays*perDay))
	t.Away = float32(away)
	t.Recent += float32((away - float64(t.Recent)) / math.Max(1, math.Min(n, recent)))
	if n > recent {
		usual := math.Max(1, math.Min(n-recent, k.UsualDays*perDay))
		t.Usual += float32((math.Abs(float64(t.Recent)) - float64(t.Usual)) / usual)
	}
}

// usual returns the standard deviation of the distance of the level from the profile: that of
// the mean of the newest values, without what their noise adds (von Neumann 1941). It is known
// from few stretches of time that are independent, as in Student's t. days is the distance of
// two values.
func (t *Test) usual(k Constants, days float64) float64 {
	stretches := math.Min(float64(t.N)*days, k.UsualDays) / (2 * k.RecentDays)
	all, noise := meanToSD*float64(t.Usual), meanToSD*float64(t.Rough)/math.Sqrt2
	share := 1 / (2*math.Max(1, k.RecentDays/days) - 1) // of the noise, in the mean
	return math.Sqrt(math.Max(0, all*all-share*noise*noise)) * (1 + studentPart/(stretches+2))
}

// adopt takes the level that a sum found for the usual one.
func (t *Test) adopt(k Constants, i int, v Value) (f Found, news bool) {
	s := &t.Sums[i]
	before := float64(t.Profiles[t.Used].Level)
	f = Found{Drift: tests[i].slope, Since: s.Start, At: v.Time, Before: before, Now: before + s.size(tests[i])}
	s.learnPeak(s.S)
	all, news := t.whole(k, f, v.Step)
	for i := range t.Profiles {
		t.Profiles[i].Level = float32(before)
	}
	t.Last = f
	t.Shift(f.Now - f.Before)
	return all, news
}

// restart begins the profiles and the sums anew, after a gap longer than the memory. What the
// level did in between is not known. The heights that sums reach by chance stay.
func (t *Test) restart() {
	t.N, t.Used, t.Usual, t.Rough = 0, 0, 0, 0
	t.Untold = [2]steps{}
	t.Shift(0)
}

// Move takes a level for the usual one that differs from it by a distance found by other means.
func (t *Test) Move(by float64, now int64) {
	before := float64(t.Profiles[t.Used].Level)
	t.Last = Found{Since: now, At: now, Before: before, Now: before + by}
	t.Shift(by)
}

// Shift moves the scale of levels, and begins all sums again.
func (t *Test) Shift(by float64) {
	for i := range t.Profiles {
		t.Profiles[i].Level += float32(by)
		t.Profiles[i].Before = 0
	}
	t.Recent, t.Away = 0, 0
	for i := range t.Sums {
		t.Sums[i].begin()
	}
}

// add takes in a value. It returns the mean of those before it, if the value begins another
// part of the day, and at least half of the n values of the part before have come.
func (m *mean) add(v Value, seconds, n float64) (whole Value, ok bool) {
	w := 1 / (v.Spread * v.Spread)
	if m.Count > 0 && m.Start/int64(seconds) == v.Time/int64(seconds) {
		m.Sum += w * v.Level
		m.Weight += w
		m.Count++
		return whole, false
	}
	done := *m
	*m = mean{Sum: w * v.Level, Weight: w, Count: 1, Start: v.Time}
	if done.Count < n/2 {
		return whole, false
	}
	whole = Value{Time: done.Start, Level: done.Sum / done.Weight, Step: seconds, Ahead: 1}
	whole.Spread = math.Sqrt(done.Count / done.Weight)
	return whole, true
}
