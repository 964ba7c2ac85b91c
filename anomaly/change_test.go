package anomaly_test

import (
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
)

// toldChange is the message of a change of level or of a drift.
var toldChange = regexp.MustCompile(
	`^[\d,]+ rows: (drifting (lower|higher) )?since \d{4}-\d\d-\d\d,?( now)? about \d+ % (above|below) its level ` +
		`\([\d,.]+ before, [\d,.]+ now for a \w+\)`,
)

// lossy returns a daily series of 10,000 rows that loses a share of them from day 120 on.
func lossy(seed uint64, share float64) func(i int) float64 {
	r := rand.New(rand.NewPCG(seed, 11))
	return func(i int) float64 {
		v := 10000 * (1 + 0.02*r.NormFloat64())
		if i >= 120 {
			v *= 1 - share
		}
		return math.Round(v)
	}
}

func changesIn(scores []sentinel.Score) (at []int) {
	for i, s := range scores {
		if s.Score >= 0.5 && toldChange.MatchString(s.Reason) {
			at = append(at, i)
		}
	}
	return at
}

// TestAChangeOfLevelIsToldOnceWithItsOnset loses so few rows that no single day is an alarm.
func TestAChangeOfLevelIsToldOnceWithItsOnset(t *testing.T) {
	t.Parallel()
	told, onset, learned := 0, 0, 0
	const series = 30
	for seed := range uint64(series) {
		d, c := profile(t, anomaly.Config{Unit: "rows", Location: time.UTC})
		scores := feed(d, c, monday, 24*time.Hour, 180, lossy(seed, 0.05))
		at := changesIn(scores)
		if len(at) > 1 {
			t.Errorf("seed %d: told %d times", seed, len(at))
		}
		if len(at) == 0 || at[0] < 120 {
			continue
		}
		told++
		s := scores[at[0]]
		for _, day := range []int{118, 119, 120, 121, 122} {
			if strings.Contains(s.Reason, "since "+monday.AddDate(0, 0, day).Format("2006-01-02")) {
				onset++
			}
		}
		if s.State != sentinel.LevelShift && s.State != sentinel.SlowDrift || !math.IsNaN(s.Low) {
			t.Errorf("seed %d: %+v", seed, s)
		}
		for _, next := range scores[at[0]+1 : at[0]+3] {
			if strings.Contains(next.Reason, "is the expected one now") {
				learned++
				break
			}
		}
	}
	t.Logf("told in %d of %d series, with the onset in %d, learned in %d", told, series, onset, learned)
	if told < series/2 || onset < told*8/10 || learned < told*8/10 {
		t.Errorf("told in %d of %d series, with the onset in %d, learned in %d", told, series, onset, learned)
	}
}

// TestWhatDoesNotMatterIsNoChange holds that direction, the floors, bad points and holidays
// apply to changes.
func TestWhatDoesNotMatterIsNoChange(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]anomaly.Config{
		"a spike matters":    {Direction: "spike"},
		"a tenth matters":    {IgnoreBelow: anomaly.Floors{Relative: 0.1}},
		"holidays":           {Holiday: func(at time.Time) bool { return !at.Before(monday.AddDate(0, 0, 120)) }},
		"2,000 rows matter":  {IgnoreBelow: anomaly.Floors{Absolute: 2000}},
		"bad points, in all": {},
	} {
		for seed := range uint64(10) {
			d, conf := profile(t, c)
			value := lossy(seed, 0.05)
			for i := range 180 {
				p := sentinel.Point{Time: monday.AddDate(0, 0, i), Value: value(i)}
				p.Bad = i >= 120 && strings.HasPrefix(name, "bad")
				if s := d.Observe(conf, p); i >= 120 && s.Score >= 0.5 && strings.Contains(s.Reason, " its level ") {
					t.Errorf("%s, seed %d, day %d: %s", name, seed, i, s.Reason)
				}
			}
		}
	}
}
