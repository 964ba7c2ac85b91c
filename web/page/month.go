package page

import (
	"cmp"
	"net/http"
	"slices"
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
)

// reportData is the content of history_report.html.
type reportData struct {
	report.Report
	Now                                           time.Time
	States                                        []stateCount
	MoreDatasets, MoreOwners, MoreLevels, MoreOut int
	After                                         bool // there is a next month
}

// stateCount is how many repairs are in a state.
type stateCount struct {
	State sentinel.RepairState
	Count int
}

func (s *Site) monthReport(r *http.Request) (d reportData, err error) {
	d.Now = s.Clock.Now()
	m, err := report.ParseMonth(r.FormValue("month"), time.UTC, d.Now)
	if err != nil {
		return d, badRequest(sentence(err.Error()))
	}
	d.Report, err = report.Of(r.Context(), report.Source{
		Store: s.Store, Levels: s.Agent.ServiceLevelsOver(m.From, m.Until, m.To), Most: mostReported,
	}, m)
	if err != nil {
		return d, err
	}
	for state, n := range d.Report.States {
		d.States = append(d.States, stateCount{state, n})
	}
	slices.SortFunc(d.States, func(a, b stateCount) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.State, b.State)) })
	d.After = m.Over() && m.To.Before(d.Now)
	d.Datasets, d.MoreDatasets = first(d.Datasets)
	d.Owners, d.MoreOwners = first(d.Owners)
	d.Levels, d.MoreLevels = first(d.Levels)
	d.Labels, d.MoreOut = first(d.Labels)
	return d, nil
}

// first returns the first rows of a list, and how many more there are.
func first[T any](all []T) (some []T, more int) {
	n := min(reportRows, len(all))
	return all[:n], len(all) - n
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
