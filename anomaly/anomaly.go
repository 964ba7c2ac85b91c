// Package anomaly says whether a value is unusual for its series: detectors
// that learn online, with no tuning, and explain what they say. They read no
// clock and no store; what they remember is small and can be written down.
package anomaly

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/registry"
	"github.com/sentinel-dq/sentinel/settings"
)

// Detector judges a point against what it learnt before, and then learns from
// it. A point labelled bad is judged and not learnt. Detectors are not safe for
// concurrent use.
type Detector interface {
	Observe(c Config, p sentinel.Point) sentinel.Score
}

// Config is what people write under `anomaly:`.
type Config struct {
	Detector    string   `yaml:"detector" default:"profile" words:"detectors" doc:"Algorithm."`
	Direction   string   `yaml:"direction" enum:"drop,spike,both" doc:"Side that counts. Default: spike for freshness, else both."`
	FalseAlarms string   `yaml:"false_alarms" doc:"Target at most, such as 1/month. Default: 1 in 50 weeks."`
	IgnoreBelow Floors   `yaml:"ignore_below" doc:"Deviations that are too small to matter."`
	Status      string   `yaml:"status" default:"fail" enum:"warn,fail" doc:"Result of an alarm."`
	Sensitivity *float64 `yaml:"sensitivity" doc:"Limit in spreads, up to 10, instead of false_alarms."`
	Holidays    string   `yaml:"holidays" doc:".ics or text file of days that are like Sundays."`

	Location *time.Location       `yaml:"-"`
	Holiday  func(time.Time) bool `yaml:"-"` // nil: no day is
	Metric   string               `yaml:"-"` // which of a check's values is watched
	Unit     string               `yaml:"-"` // of values, for people: "rows"
	Alone    bool                 `yaml:"-"` // the check has no threshold of its own: while learning it is unknown
	perWeek  float64
}

// defaultPerWeek is the targeted rate of false alarms a series and week.
const defaultPerWeek = 1.0 / 50

// Floors are how far off a value must be to matter at all; both hold.
type Floors struct {
	Absolute float64 `yaml:"absolute" doc:"Smallest deviation that matters, in units."`
	Relative float64 `yaml:"relative" doc:"Smallest deviation that matters; 0.1 is ten percent."`
}

// Validate checks the configuration and fills in defaults.
func (c *Config) Validate() error {
	if err := settings.Complete(c); err != nil {
		return err
	}
	if c.Direction == "" {
		c.Direction = "both"
	}
	rates := map[string]float64{"day": 7, "week": 1, "month": 7 / 30.44, "quarter": 7 / 91.3, "year": 7 / 365.25}
	c.perWeek = defaultPerWeek
	if c.FalseAlarms != "" {
		var n float64
		count, unit, _ := strings.Cut(c.FalseAlarms, "/")
		if _, err := fmt.Sscan(count, &n); err != nil || n <= 0 || rates[unit] == 0 {
			return settings.Wrong("false_alarms", "%q: want a number a day, week, month, quarter or year, such as 1/month",
				c.FalseAlarms)
		}
		c.perWeek = n * rates[unit]
	}
	switch {
	case !detectors.Has(c.Detector) && slices.Contains(removed, c.Detector):
		return settings.Wrong(
			"detector",
			"%q was for comparison only and is gone: use profile, or leave the key out",
			c.Detector,
		)
	case !detectors.Has(c.Detector):
		return settings.Wrong("detector", "%s", settings.UnknownWord("word", c.Detector, Names()))
	case c.IgnoreBelow.Absolute < 0:
		return settings.Wrong("ignore_below.absolute", "must be positive")
	case c.IgnoreBelow.Relative < 0:
		return settings.Wrong("ignore_below.relative", "must be positive")
	case c.Sensitivity != nil && (*c.Sensitivity <= 0 || *c.Sensitivity > 10):
		return settings.Wrong("sensitivity", "want a number of spreads from 0 to 10; leave it out to go by false_alarms")
	}
	return nil
}

// limit is the share of points that may be alarms, for points so many seconds
// apart. Points closer than an hour say much the same and count as hourly ones.
func (c Config) limit(step float64) float64 {
	perWeek := c.perWeek
	if perWeek == 0 {
		perWeek = defaultPerWeek
	}
	if c.Sensitivity != nil {
		return math.Erfc(*c.Sensitivity / math.Sqrt2)
	}
	return min(0.05, perWeek*max(step, 3600)/(7*86400))
}

// counts reports whether being off by this much, on this side, matters.
func (c Config) counts(v, expected float64) bool {
	d := v - expected
	switch {
	case c.Direction == "drop" && d > 0, c.Direction == "spike" && d < 0:
		return false
	}
	return math.Abs(d) >= c.IgnoreBelow.Absolute && math.Abs(d) >= c.IgnoreBelow.Relative*math.Abs(expected)
}

var detectors = registry.New[func() Detector]("detector")

// removed are the textbook detectors that earlier versions accepted. They were
// there to compare with; tools/bench-anomaly still does.
var removed = []string{"changepoint", "ewma", "mad", "seasonal_zscore", "zscore"}

// Register adds a detector; it is called from init functions only and panics on
// a name taken twice.
func Register(name string, newDetector func() Detector) { detectors.Add(name, newDetector) }

// New returns a detector that knows nothing yet.
func New(name string) (Detector, error) {
	newDetector, err := detectors.Get(name)
	if err != nil {
		return nil, err
	}
	return newDetector(), nil
}

// Names returns the detectors in alphabetical order.
func Names() []string { return detectors.Names() }

func learning(have, want int) string { return fmt.Sprintf("learning, %d of %d points", have, want) }

// reason words an alarm.
func reason(c Config, s *state, pt sentinel.Point, f forecast, out sentinel.Score) string {
	when := pt.Time
	if c.Location != nil {
		when = when.In(c.Location)
	}
	place := when.Weekday().String()
	if !s.daily() {
		place += when.Format(" 15:04")
	}
	unit := ""
	if c.Unit != "" {
		unit = " " + c.Unit
	}
	history := fmt.Sprintf("%d points", s.N)
	if weeks := float64(s.N) * s.Step / (7 * 86400); weeks >= 2 {
		history = fmt.Sprintf("%.0f weeks", weeks)
	}
	text := fmt.Sprintf("%s%s, expected %s to %s for a %s (%s of history)", round(pt.Value), unit, round(out.Low),
		round(out.High), place, history)
	if out.State == sentinel.LevelShift || out.State == sentinel.SlowDrift {
		side := "lower"
		if pt.Value > f.seasonal {
			side = "higher"
		}
		how := side + " than usual for some time"
		if out.State == sentinel.SlowDrift {
			how = "drifting " + side + " for a day or more"
			if s.daily() {
				how = "drifting " + side + " for a week or more"
			}
		}
		text = fmt.Sprintf("%s%s: %s (about %s expected for a %s)", round(pt.Value), unit, how, round(f.seasonal), place)
	}
	switch {
	case pt.Value < s.Bottom:
		text += "; the lowest so far"
	case pt.Value > s.Top:
		text += "; the highest so far"
	}
	return text
}

// round writes a number with three digits or as the whole number it is.
func round(v float64) string {
	if math.Abs(v) >= 100 {
		return group(int64(math.Round(v)))
	}
	return fmt.Sprintf("%.3g", v)
}

func group(v int64) string {
	text := fmt.Sprint(v)
	sign := ""
	if v < 0 {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}
