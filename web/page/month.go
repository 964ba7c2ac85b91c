package page

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/report"
)

func init() {
	addScreen(screen{
		path: "/history/report", template: "history_report.html",
		show: func(s *Site, r *http.Request) (any, error) { return s.monthReport(r) },
	})
}

const (
	mostReported = 20_000 // incidents that the page reads of a month
	reportRows   = 50     // datasets, owners, service levels and labels that it lists, each
	monthsBack   = 36     // how far back a link leads from the present month
	monthsKept   = 8      // reports that are kept
	reportKept   = time.Minute
)

// reportData is the content of history_report.html.
type reportData struct {
	report.Report
	whole                                         report.Report // with all rows, for programs
	Now                                           time.Time
	States                                        []stateCount
	MoreDatasets, MoreOwners, MoreLevels, MoreOut int
	Before, After                                 bool // there is a month before, and a next one
}

// months keeps the reports of a few months for a minute: each reads up to thousands of incidents, and
// whoever may read the pages may ask for them. The zero value is empty. It may be used concurrently.
type months struct {
	mu   sync.Mutex
	kept map[string]reportData // by the name of the month
}

// get returns the report of a month if it is kept and new enough.
func (c *months) get(name string, now time.Time) (reportData, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, ok := c.kept[name]
	return d, ok && now.Sub(d.Now).Abs() < reportKept
}

// keep keeps a report, in place of the oldest where there are many.
func (c *months) keep(d reportData) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept == nil {
		c.kept = map[string]reportData{}
	}
	if len(c.kept) >= monthsKept {
		byTime := func(a, b reportData) int { return a.Now.Compare(b.Now) }
		delete(c.kept, slices.MinFunc(slices.Collect(maps.Values(c.kept)), byTime).Name())
	}
	c.kept[d.Name()] = d
}

// stateCount is how many repairs are in a state.
type stateCount struct {
	State sentinel.RepairState
	Count int
}

func (s *Site) monthReport(r *http.Request) (d reportData, err error) {
	now := s.Clock.Now()
	m, err := report.ParseMonth(r.FormValue("month"), time.UTC, now)
	if err != nil {
		return d, badRequest(sentence(err.Error()))
	}
	d, ok := s.months.get(m.Name(), now)
	if ok {
		return d, nil
	}
	d = reportData{Now: now}
	d.Report, err = report.Of(r.Context(), report.Source{
		Store: s.Store, Levels: s.Agent.ServiceLevelsOver(m.From, m.Until, m.To), Most: mostReported,
	}, m)
	if err != nil {
		return d, err
	}
	d.whole = d.Report
	for state, n := range d.Report.States {
		d.States = append(d.States, stateCount{state, n})
	}
	slices.SortFunc(d.States, func(a, b stateCount) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.State, b.State)) })
	d.After = m.Over() && m.To.Before(d.Now)
	d.Before = m.From.After(d.Now.AddDate(0, -monthsBack, 0))
	d.Datasets, d.MoreDatasets = first(d.Datasets)
	d.Owners, d.MoreOwners = first(d.Owners)
	d.Levels, d.MoreLevels = first(d.Levels)
	d.Labels, d.MoreOut = first(d.Labels)
	s.months.keep(d)
	return d, nil
}

// first returns the first rows of a list, and how many more there are.
func first[T any](all []T) (some []T, more int) {
	n := min(reportRows, len(all))
	return slices.Clone(all[:n]), len(all) - n
}

// mean writes a mean of durations; a dash if there is none.
func mean(m agent.Mean) string {
	if v, ok := m.Value(); ok {
		return duration(v)
	}
	return "–"
}

// part writes a share of counts; a dash of nothing.
func part(p agent.Part) string {
	if p.All == 0 {
		return "–"
	}
	return count(p.Good) + " of " + count(p.All)
}
