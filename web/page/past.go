package page

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// pastDays is how many days the strips and the heatmap show, today among them.
const pastDays = 30

// past is what was wrong with datasets in the last days, by their incidents. It is what the
// state has, and what the agent has told since.
type past struct {
	spans map[sentinel.Table]map[string][]span // by the incident's id
	began time.Time                            // the first known tick; zero: none
	quiet map[string]bool                      // days, as 2026-11-30 in UTC, of which the state had no tick
	seen  map[int64]bool                       // days, by the Unix time of their begin, with a tick since
}

// span is how long a finding was open.
type span struct {
	from, to time.Time // to is zero while it is open
	status   sentinel.Status
	check    string // its id
}

// startOf returns the begin of the day of an instant in a zone.
func startOf(at time.Time, zone *time.Location) time.Time {
	year, month, day := at.In(zone).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, zone)
}

// looked takes the tick of a result of a dataset in a zone. The lock of the board is held.
func (p *past) looked(tick time.Time, zone *time.Location) {
	if tick.IsZero() {
		return
	}
	if p.began.IsZero() || tick.Before(p.began) {
		p.began = tick
	}
	start := startOf(tick, zone)
	if p.seen[start.Unix()] {
		return
	}
	p.seen[start.Unix()] = true
	oldest := start.AddDate(0, 0, -pastDays-1).Unix()
	maps.DeleteFunc(p.seen, func(day int64, _ bool) bool { return day < oldest })
}

// watched reports whether an agent has looked on the day of a zone that begins at an instant. The
// state knows days of UTC: the one with the noon of the day counts.
func (p *past) watched(start time.Time) bool {
	year, month, day := start.Date()
	noon := time.Date(year, month, day, 12, 0, 0, 0, start.Location())
	return p.seen[start.Unix()] || !p.quiet[noon.UTC().Format(time.DateOnly)]
}

// put takes an incident as it is now, and forgets those of its dataset that ended before a time.
// The lock of the board is held.
func (p *past) put(i sentinel.Incident, since time.Time) {
	var all []span
	for _, f := range i.Findings {
		all = append(all, span{f.Opened, f.Resolved, f.Severity, f.Check})
	}
	if len(i.Findings) == 0 {
		all = []span{{i.Opened, i.Resolved, i.Severity, i.Check}}
	}
	if p.spans[i.Table] == nil {
		p.spans[i.Table] = map[string][]span{}
	}
	p.spans[i.Table][i.ID] = all
	maps.DeleteFunc(p.spans[i.Table], func(_ string, all []span) bool {
		return !slices.ContainsFunc(all, func(s span) bool { return s.to.IsZero() || s.to.After(since) })
	})
}

// readPast reads the incidents of the last days, and on which of them an agent has looked.
func (b *Board) readPast(ctx context.Context, from *store.Store, log *slog.Logger) {
	now := b.clock.Now()
	since := now.AddDate(0, 0, -pastDays)
	incidents, err := from.IncidentsSince(ctx, since)
	if err != nil {
		if ctx.Err() == nil {
			log.Warn("the past of datasets cannot be read for the pages", "error", err)
		}
		return
	}
	quiet, began, err := from.QuietDays(ctx, since, now)
	if err != nil && ctx.Err() == nil {
		log.Warn("the days without ticks cannot be read for the pages", "error", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	since = b.clock.Now().AddDate(0, 0, -pastDays) // reading takes time
	for _, i := range incidents {
		if b.past.spans[i.Table][i.ID] == nil { // else the agent has told of it since
			b.past.put(i, since)
		}
	}
	if !began.IsZero() && (b.past.began.IsZero() || began.Before(b.past.began)) {
		b.past.began = began
	}
	b.past.quiet = quiet
	b.news.add("summary", sentinel.Table{})
}

// day is the state of one dataset on one day: the worst that was found. Unknown means that
// nobody has looked.
type day struct {
	Start  time.Time
	Status sentinel.Status
}

// days returns the last days of a dataset in a zone, the oldest first, and the share of the
// watched time in which the data was good. known is false if nothing was watched.
func (b *Board) days(t sentinel.Table, zone *time.Location, now time.Time) (out []day, good float64, known bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	year, month, today := now.In(zone).Date()
	var watched, bad time.Duration
	for n := pastDays - 1; n >= 0; n-- {
		from := time.Date(year, month, today-n, 0, 0, 0, 0, zone)
		to := time.Date(year, month, today-n+1, 0, 0, 0, 0, zone)
		if to.After(now) {
			to = now
		}
		d := day{from, sentinel.Pass}
		if b.past.began.IsZero() || !to.After(b.past.began) || !b.past.watched(from) {
			d.Status = sentinel.Unknown
		}
		worst, wrong := b.past.between(t, from, to)
		if worst != sentinel.Pass {
			d.Status = worst
		}
		if d.Status != sentinel.Unknown {
			if from.Before(b.past.began) {
				from = b.past.began
			}
			watched += max(0, to.Sub(from))
			bad += wrong
		}
		out = append(out, d)
	}
	if watched <= 0 {
		return out, 0, false
	}
	return out, 1 - float64(bad)/float64(watched), true
}

// between returns the worst finding of a dataset between two instants, and how long the data was
// bad. The spans of one dataset's findings overlap: the longest stands for all.
func (p *past) between(t sentinel.Table, from, to time.Time) (worst sentinel.Status, bad time.Duration) {
	worst = sentinel.Pass
	for _, spans := range p.spans[t] {
		var longest time.Duration
		for _, s := range spans {
			end := s.to
			if end.IsZero() || end.After(to) {
				end = to
			}
			begin := s.from
			if begin.Before(from) {
				begin = from
			}
			if !end.After(begin) && !(end.Equal(begin) && !begin.Before(from) && begin.Before(to)) {
				continue
			}
			if s.status.Worse(worst) {
				worst = s.status
			}
			if s.status.Bad() {
				longest = max(longest, end.Sub(begin))
			}
		}
		bad += longest
	}
	return worst, bad
}

// troubled returns the datasets about which something was found in the last days, or is now.
func (b *Board) troubled(all []*dataset) (out []*dataset) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, d := range all {
		if len(b.past.spans[d.Table]) > 0 || d.Status() != sentinel.Pass {
			out = append(out, d)
		}
	}
	return out
}

// spansOf returns the findings of one check in the last days, the oldest first.
func (b *Board) spansOf(t sentinel.Table, check string) (spans []span) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, all := range b.past.spans[t] {
		for _, s := range all {
			if s.check == check {
				spans = append(spans, s)
			}
		}
	}
	slices.SortFunc(spans, func(x, y span) int { return x.from.Compare(y.from) })
	return spans
}

// incidentsOf returns the ids of a dataset's incidents of the last days, the newest first.
func (b *Board) incidentsOf(t sentinel.Table) []string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	ids := slices.Collect(maps.Keys(b.past.spans[t]))
	slices.SortFunc(ids, func(x, y string) int {
		first := func(id string) time.Time { return b.past.spans[t][id][0].from }
		return first(y).Compare(first(x))
	})
	return ids
}
