package notify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/settings"
)

// routeDefaults holds the defaults of a route that was not validated.
var routeDefaults = settings.Default[Route]()

// Route says which incidents are sent to which channels. The first route of a list that
// matches an incident is used, and the ones after it as long as each used route says
// Continue.
type Route struct {
	Tier    []string `yaml:"tier" enum:"critical,warning,info" doc:"Tiers that match. Default: any."`
	Owner   []string `yaml:"owner" doc:"Owners that match, with * and %. Default: any."`
	Dataset []string `yaml:"dataset" doc:"Tables that match, with * and %. Default: any."`
	Tag     []string `yaml:"tag" doc:"Tags of the dataset of which one must match, with * and %. Default: any."`
	To      []string `yaml:"to" doc:"Names of channels. Empty: nobody is notified."`

	During []Times `yaml:"during" doc:"Times in which the route holds. At others the next route is tried. Default: always."`

	Samples       bool           `yaml:"samples" doc:"Notices have the keys and masked values of samples of bad rows."`
	Continue      bool           `yaml:"continue" doc:"Also try the routes after this one."`
	OnlyEscalated bool           `yaml:"only_escalated" doc:"Notify only once a repair has failed or is not allowed."`
	GroupBy       []string       `yaml:"group_by" default:"warehouse,tier" enum:"warehouse,schema,dataset,tier,owner,kind,check" doc:"What incidents must share to be one message."`
	GroupWait     *time.Duration `yaml:"group_wait" default:"30s" doc:"How long a message waits for others of its group."`
	Repeat        *time.Duration `yaml:"repeat" default:"4h" doc:"How often a message is repeated. 0s: never."`
}

var groupings = map[string]func(sentinel.Incident) string{
	"warehouse": func(i sentinel.Incident) string { return i.Table.Warehouse },
	"schema":    func(i sentinel.Incident) string { return i.Table.Warehouse + "." + i.Table.Schema },
	"dataset":   func(i sentinel.Incident) string { return i.Table.String() },
	"tier":      func(i sentinel.Incident) string { return i.Tier },
	"owner":     func(i sentinel.Incident) string { return i.Owner },
	"kind":      func(i sentinel.Incident) string { return i.Kind },
	"check":     func(i sentinel.Incident) string { return i.Check },
}

var tiers = []string{"critical", "warning", "info"}

// HigherTier returns the more important of two tiers; "" is the least.
func HigherTier(a, b string) string {
	if slices.Index(tiers, a) < 0 || slices.Index(tiers, b) >= 0 && slices.Index(tiers, b) < slices.Index(tiers, a) {
		return b
	}
	return a
}

// Validate checks the route against the names of the channels.
func (r *Route) Validate(channels []string) error {
	if err := settings.Complete(r); err != nil {
		return err
	}
	for i, to := range r.To {
		if !slices.Contains(channels, to) {
			return settings.Wrong(settings.Index("to", i), "there is no channel %q: want one of %v", to, channels)
		}
	}
	if err := sentinel.CheckPatterns(r.Dataset...); err != nil {
		return settings.In("dataset", err)
	}
	if r.During != nil && len(r.During) == 0 {
		return settings.Wrong("during", "it never holds: give times, or leave the key out")
	}
	for i := range r.During {
		if err := r.During[i].Validate(); err != nil {
			return settings.In(settings.Index("during", i), err)
		}
	}
	if r.Wait() < 0 {
		return settings.Wrong("group_wait", "must not be negative")
	}
	if r.repeat() < 0 {
		return settings.Wrong("repeat", "must not be negative")
	}
	return nil
}

// Wait returns how long a message waits for others of its group.
func (r *Route) Wait() time.Duration {
	if r.GroupWait == nil {
		return *routeDefaults.GroupWait
	}
	return *r.GroupWait
}

func (r *Route) repeat() time.Duration {
	if r.Repeat == nil {
		return *routeDefaults.Repeat
	}
	return *r.Repeat
}

// Matches reports whether an incident takes this route.
func (r *Route) Matches(i sentinel.Incident) bool {
	return matchAny(r.Tier, i.Tier) && matchAny(r.Owner, i.Owner) && matchTags(r.Tag, i.Tags) &&
		matchTable(r.Dataset, i.Table)
}

// Holds reports whether now is in the hours of the route.
func (r *Route) Holds(now time.Time) bool {
	for i := range r.During {
		if r.During[i].Active(now) {
			return true
		}
	}
	return len(r.During) == 0
}

// Next returns the first instant after now at which hours of the route begin; zero if
// there is none.
func (r *Route) Next(now time.Time) (next time.Time) {
	for i := range r.During {
		if at := r.During[i].Next(now); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

// begun says that an incident began outside of the hours of the route, which have begun
// since; "" if it did not.
func (r *Route) begun(i sentinel.Incident) string {
	if r.Holds(i.Opened) {
		return ""
	}
	return "the hours of the route have begun: " + r.hours()
}

// group returns the key of incidents that may be one message: they have one kind of
// transition and one route, and agree in what the route groups by.
func (r *Route) group(n int, kind Kind, i sentinel.Incident) string {
	by := r.GroupBy
	if len(by) == 0 {
		by = routeDefaults.GroupBy
	}
	parts := []string{fmt.Sprint(n), string(kind)}
	for _, g := range by {
		parts = append(parts, groupings[g](i))
	}
	return strings.Join(parts, "\x1f")
}

// DefaultRoutes is used if no routes are configured. Critical and warning incidents are
// sent to every channel, info incidents only to channels of kind log.
func DefaultRoutes(channels []Channel) []Route {
	var all, logs []string
	for _, c := range channels {
		all = append(all, c.Name)
		if _, isLog := c.Notifier.(*Log); isLog {
			logs = append(logs, c.Name)
		}
	}
	return []Route{{Tier: []string{"critical", "warning"}, To: all}, {To: logs}}
}

// matchAny reports whether one of the patterns matches. Without patterns everything
// matches.
func matchAny(patterns []string, s string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool { return match(p, s) })
}

// matchTags reports whether one of the patterns matches one of the tags.
func matchTags(patterns, tags []string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(tags, func(t string) bool { return matchAny(patterns, t) })
}

// MatchTag reports whether a pattern matches one of the tags of a dataset, by the rules of routes:
// * and % stand for any text, and case counts.
func MatchTag(pattern string, tags []string) bool { return matchTags([]string{pattern}, tags) }

// matchTable reports whether one of the patterns names a table, by the rules of the
// configuration. Without patterns every table matches.
func matchTable(patterns []string, t sentinel.Table) bool {
	return len(patterns) == 0 ||
		slices.ContainsFunc(patterns, func(p string) bool { return sentinel.MatchTable(p, t) })
}

// match compares with a pattern in which * and % stand for any text.
func match(pattern, s string) bool {
	parts := strings.FieldsFunc("^"+pattern+"$", func(r rune) bool { return r == '*' || r == '%' })
	s = "^" + s + "$"
	if len(parts) == 1 {
		return s == parts[0]
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(s, first) || len(s) < len(first)+len(last) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, p := range parts[1 : len(parts)-1] {
		_, rest, found := strings.Cut(s, p)
		if !found {
			return false
		}
		s = rest
	}
	return true
}
