package notify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

// Silence suppresses notifications of what it matches until it expires.
type Silence struct {
	ID       string    `json:"id"`
	Incident string    `json:"incident,omitempty"` // one incident, by id
	Dataset  string    `json:"dataset,omitempty"`  // as for [sentinel.MatchTable]; "": any
	Check    string    `json:"check,omitempty"`    // a check's id, with * and %; "": any
	Finding  string    `json:"finding,omitempty"`  // a finding's key, with * and %; "": any
	Tag      string    `json:"tag,omitempty"`      // a tag of the dataset, with * and %; "": any
	Tier     string    `json:"tier,omitempty"`
	Owner    string    `json:"owner,omitempty"`
	All      bool      `json:"all,omitempty"` // it may match everything
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
	Who      string    `json:"who"`
	Why      string    `json:"why"`
}

// DefaultMaxSilence is the longest silence where the configuration sets no other.
const DefaultMaxSilence = 30 * 24 * time.Hour

// longestReason bounds who set a silence and why, in bytes.
const longestReason = 1000

// Validate requires what every silence must have: a bound in time, something that it
// matches, and who set it and why. One that matches everything must say so.
func (s Silence) Validate() error {
	given := s.Incident + s.Dataset + s.Check + s.Finding + s.Tag + s.Tier + s.Owner
	switch {
	case given == "" && !s.All:
		return errors.New("silence: say what: an incident, dataset, check, finding, tag, tier or owner")
	case s.Until.IsZero() || !s.Until.After(s.From):
		return errors.New("silence: until: want a time after its beginning")
	case s.Who == "" || s.Why == "":
		return errors.New("silence: give who and why")
	case len(s.Who) > longestReason || len(s.Why) > longestReason || len(given) > longestReason:
		return fmt.Errorf("silence: who, why and what it matches have at most %d bytes", longestReason)
	case s.Tier != "" && !slices.Contains(tiers, s.Tier):
		return fmt.Errorf("silence: tier: %q: want critical, warning or info", s.Tier)
	case strings.Trim(given, "*%.") == "" && !s.All:
		return errors.New("silence: it matches everything: if that is meant, say so with all (--all)")
	case s.Dataset == "":
		return nil
	}
	if err := sentinel.CheckPatterns(s.Dataset); err != nil {
		return fmt.Errorf("silence: dataset: %w", err)
	}
	return nil
}

// Within checks that the silence lasts no longer than a time.
func (s Silence) Within(longest time.Duration) error {
	if lasts := s.Until.Sub(s.From); lasts > longest {
		return fmt.Errorf("silence: it would last %s, and max_silence is %s: "+
			"set a shorter one, and another if it is still needed then", Span(lasts), Span(longest))
	}
	return nil
}

// Active reports whether the silence is in force at now.
func (s Silence) Active(now time.Time) bool { return !now.Before(s.From) && now.Before(s.Until) }

// Suppresses reports whether the silence keeps a finding quiet at now, which the incident
// is narrowed to.
func (s Silence) Suppresses(i sentinel.Incident, now time.Time) bool {
	return s.Active(now) && (s.Incident == "" || match(s.Incident, i.ID)) &&
		(s.Finding == "" || match(s.Finding, i.Key)) && s.Covers(i)
}

// Covers reports whether the silence is about a check of a dataset, at any time, and
// whichever incident or finding it names. Of the incident only the table, the check, the
// tags, the tier and the owner are read.
func (s Silence) Covers(i sentinel.Incident) bool {
	for _, m := range [...]struct{ pattern, value string }{
		{s.Check, i.Check},
		{s.Tier, i.Tier},
		{s.Owner, i.Owner},
	} {
		if m.pattern != "" && !match(m.pattern, m.value) {
			return false
		}
	}
	return (s.Tag == "" || MatchTag(s.Tag, i.Tags)) && (s.Dataset == "" || sentinel.MatchTable(s.Dataset, i.Table))
}

// What says in words what the silence matches.
func (s Silence) What() string {
	var parts []string
	for _, m := range [...]struct{ name, pattern string }{
		{"incident", s.Incident},
		{"dataset", s.Dataset},
		{"check", s.Check},
		{"finding", s.Finding},
		{"tag", s.Tag},
		{"tier", s.Tier},
		{"owner", s.Owner},
	} {
		if m.pattern != "" {
			parts = append(parts, m.name+" "+m.pattern)
		}
	}
	if len(parts) == 0 {
		return "everything"
	}
	return strings.Join(parts, ", ")
}

// ParseSpan parses the length of a silence, such as 30m, 2h or 3d.
func ParseSpan(text string) (time.Duration, error) { return settings.ParseDuration(text) }

// SilenceID names a silence that is set at now.
func SilenceID(now time.Time) string { return "s" + now.UTC().Format("20060102t150405.000") }

// SilenceStatus is a silence as it stands.
type SilenceStatus struct {
	Silence
	Active  bool   `json:"active"`            // it is in force now
	Matches int    `json:"matches"`           // datasets that it is about
	Warning string `json:"warning,omitempty"` // why it is probably a mistake
}
