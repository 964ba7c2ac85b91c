// Package anomaly judges whether a value is unusual for its series. It contains
// detectors that learn online without tuning and explain each alarm (profile.go), a model
// of regular series of counts (counts), tests for changes of level and drifts (changes), and
// [Watch], which keeps one detector per series of a check (watch.go). Detectors read
// no clock and no store. Their state is small and can be saved (state.go). Begin with
// [Detector] and [Profile].
package anomaly

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly/changes"
	"github.com/sentinel-dq/sentinel/internal/registry"
	"github.com/sentinel-dq/sentinel/settings"
)

// Detector judges a point by the points before it, and then learns from it. It judges
// a point labelled bad, but does not learn from it. Detectors are not safe for
// concurrent use.
type Detector interface {
	Observe(c Config, p sentinel.Point) sentinel.Score
}

// Config is the configuration below the key `anomaly`.
type Config struct {
	Detector    string   `yaml:"detector" default:"profile" words:"detectors" doc:"Algorithm."`
	Direction   string   `yaml:"direction" enum:"drop,spike,both" doc:"Side that counts. Default: spike for freshness, else both."`
	FalseAlarms string   `yaml:"false_alarms" doc:"Target at most, such as 1/month. Default: 1 in 50 weeks."`
	IgnoreBelow Floors   `yaml:"ignore_below" doc:"Deviations that are too small to matter."`
	Status      string   `yaml:"status" default:"fail" enum:"warn,fail" doc:"Result of an alarm."`
	Sensitivity *float64 `yaml:"sensitivity" doc:"Limit in spreads, up to 10, instead of false_alarms."`
	Holidays    string   `yaml:"holidays" doc:".ics or text file of days that are like Sundays."`

	Location *time.Location       `yaml:"-"` // zone of hours and weekdays; nil: that of the points
	Holiday  func(time.Time) bool `yaml:"-"` // reports whether a day is a holiday; nil: none is
	Metric   string               `yaml:"-"` // metric of the check that is watched
	Unit     string               `yaml:"-"` // unit of values in messages: "rows"
	Alone    bool                 `yaml:"-"` // the check has no threshold; its status is unknown while learning
	Changes  *changes.Constants   `yaml:"-"` // of the tests for changes; nil: the chosen ones
	perWeek  float64              // tolerated false alarms per series and week; 0: the default
}

// defaultPerWeek is the default for the tolerated false alarms per series and week.
const defaultPerWeek = 1.0 / 50

// Floors holds the smallest deviations that matter. A deviation must reach both.
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
			"%q was removed: use profile, or remove the key",
			c.Detector,
		)
	case !detectors.Has(c.Detector):
		return settings.Wrong("detector", "%s", settings.UnknownWord("word", c.Detector, Names()))
	case c.IgnoreBelow.Absolute < 0:
		return settings.Wrong("ignore_below.absolute", "must be positive")
	case c.IgnoreBelow.Relative < 0:
		return settings.Wrong("ignore_below.relative", "must be positive")
	case c.Sensitivity != nil && (*c.Sensitivity <= 0 || *c.Sensitivity > 10):
		return settings.Wrong("sensitivity", "want a number of spreads from 0 to 10; remove it to use false_alarms")
	}
	return nil
}

// limit returns the share of points that may be alarms. Points are step seconds apart.
// Points closer than an hour depend on each other, so they count as hourly points.
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

// counts reports whether the deviation is large enough and on a side that matters.
func (c Config) counts(v, expected float64) bool {
	d := math.Abs(v - expected)
	return c.sideCounts(v-expected) && d >= c.IgnoreBelow.Absolute && d >= c.IgnoreBelow.Relative*math.Abs(expected)
}

// sideCounts reports whether deviations of a sign matter.
func (c Config) sideCounts(side float64) bool {
	return !(c.Direction == "drop" && side > 0 || c.Direction == "spike" && side < 0)
}

var detectors = registry.New[func() Detector]("detector")

// removed lists the textbook detectors that earlier versions accepted. They served for
// comparison, for which tools/bench-anomaly still has them.
var removed = []string{"changepoint", "ewma", "mad", "seasonal_zscore", "zscore"}

// Register adds a detector. Only init functions call it. It panics if the name is
// taken.
func Register(name string, newDetector func() Detector) { detectors.Add(name, newDetector) }

// New returns a new detector without any history.
func New(name string) (Detector, error) {
	newDetector, err := detectors.Get(name)
	if err != nil {
		return nil, err
	}
	return newDetector(), nil
}

// Names returns the names of all detectors in alphabetical order.
func Names() []string { return detectors.Names() }
