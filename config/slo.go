package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/settings"
)

// SLO is the value of `slo:`: the share of time in which a dataset is to be as it should.
type SLO struct {
	Objective share         `yaml:"objective" required:"true" doc:"Share of the time that is to be good, such as 99.9%."`
	Window    time.Duration `yaml:"window" default:"30d" doc:"Time over which it is promised."`
}

// share is a part of a whole, written as a percentage.
type share float64

// UnmarshalText reads 99.9%.
func (s *share) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(strings.TrimSpace(string(text)), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !percent || !(v > 0 && v < 100) {
		return fmt.Errorf("%q: want a percentage above 0 and below 100, such as 99.9%%", text)
	}
	*s = share(math.Round(v*1e8) / 1e10) // the number that 0.999 is, not one beside it
	return nil
}

// The shortest and the longest window of an objective.
const (
	shortestSLO = 24 * time.Hour
	longestSLO  = 365 * 24 * time.Hour
)

// Validate fills in defaults.
func (s *SLO) Validate() error {
	if err := settings.Complete(s); err != nil {
		return err
	}
	if s.Window < shortestSLO || s.Window > longestSLO {
		return settings.Wrong("window", "want a time between 1d and 365d, such as 30d")
	}
	return nil
}
