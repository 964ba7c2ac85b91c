// Package report computes what happened in a month: incidents, how long it took to notice and to
// end them, service levels, repairs and false alarms, by dataset and owner. The page and
// `sentinel report` show the same [Report]. Begin with [Of].
package report

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/slo"
	"github.com/sentinel-dq/sentinel/store"
)

// Month is the time of a report.
type Month struct {
	From time.Time // its first instant, in its time zone
	To   time.Time // the first instant after it
	// Until is where the report ends: To, or now where the month is not over.
	Until time.Time
}

// ParseMonth returns a month such as 2026-11 in a zone; "" is the one of now. The error says that
// the text is no month, or one that has not begun.
func ParseMonth(text string, zone *time.Location, now time.Time) (Month, error) {
	if text == "" {
		text = now.In(zone).Format("2006-01")
	}
	from, err := time.ParseInLocation("2006-01", text, zone)
	if err != nil {
		return Month{}, fmt.Errorf("%q is no month: want one such as 2026-11", text)
	}
	m := Month{From: from, To: from.AddDate(0, 1, 0)}
	if m.Until = m.To; now.Before(m.To) {
		m.Until = now
	}
	if !m.Until.After(m.From) {
		return m, fmt.Errorf("the month %s has not begun", text)
	}
	return m, nil
}

// Name is the month as it is asked for, such as 2026-11.
func (m Month) Name() string { return m.From.Format("2006-01") }

// Over reports whether the month has ended.
func (m Month) Over() bool { return m.Until.Equal(m.To) }

// Next returns the month that is some months later; before with a negative number.
func (m Month) Next(months int) string { return m.From.AddDate(0, months, 0).Format("2006-01") }

// Figures are numbers of incidents. An incident that was opened again counts once, from its last
// episode on.
type Figures struct {
	Incidents int           // that began in the month
	Carried   int           // that began before, and were open at its beginning
	Open      int           // of both: still open at its end
	Monitor   int           // of Incidents: checks could not run, which says nothing of the data
	False     int           // of Incidents: a person has labelled it as expected
	Bad       time.Duration // of the month in which incidents about the data were open, summed over datasets
	Detect    agent.Mean    // from the last good result to the beginning, of Incidents
	Resolve   agent.Mean    // from the beginning to the end, of those that ended in the month
	Repairs   agent.Part    // planned in the month and ended since, to change something: those that succeeded
	Repair    agent.Mean    // from the plan to the verified end, of those that succeeded
}

// Row is the figures of one dataset or one owner.
type Row struct {
	Name  string         // "" for no owner
	Table sentinel.Table // of a dataset
	Figures
}

// Report is what happened in a month.
type Report struct {
	Month
	Total    Figures
	Datasets []Row // those with an incident or a repair, the longest bad time first
	Owners   []Row
	// Levels are the service levels over the month, the worst against its objective first, and those of
	// which nothing is known last. Their budgets are those of the month.
	Levels []slo.Report
	// States are the repairs that were planned in the month, by how they stand now.
	States map[sentinel.RepairState]int
	// Labels are the false alarms that people have labelled in the month and not taken back.
	Labels []store.Label
	// Partial means that there were more incidents, repairs or labels than were read.
	Partial bool
}

// Known returns the share of the report's time that is known of a service level.
func (r Report) Known(l slo.Report) float64 {
	var sum time.Duration
	for _, part := range l.Totals {
		sum += part
	}
	return float64(sum) / float64(r.Until.Sub(r.From))
}

// Source is where a report is read from.
type Source struct {
	Store *store.Store
	// Levels are the service levels over the month: see [agent.Levels.Over].
	Levels []slo.Report
	// Most bounds the incidents, the repairs and the labels that are read, each; the newest count.
	Most int
}

// Of computes the report of a month.
func Of(ctx context.Context, from Source, m Month) (Report, error) {
	r := Report{Month: m, Levels: slices.Clone(from.Levels), States: map[sentinel.RepairState]int{}}
	slices.SortStableFunc(r.Levels, compareLevels)
	labels, more, err := from.Store.LabelsSet(ctx, m.From, from.Most)
	if err != nil {
		return r, err
	}
	r.Partial = more
	expected := map[string]bool{}
	for _, l := range standing(labels) {
		if l.Incident != "" {
			expected[l.Incident] = true
		}
		if l.At.Before(m.Until) {
			r.Labels = append(r.Labels, l)
		}
	}
	rows := collected{month: m, expected: expected, datasets: map[sentinel.Table]*Row{}, owners: map[string]*Row{},
		owner: map[sentinel.Table]string{}, ownerOf: map[string]string{}}
	more, err = from.Store.EachIncidentIn(ctx, m.From, m.Until, from.Most, rows.incident)
	if err != nil {
		return r, err
	}
	r.Partial = r.Partial || more
	more, err = from.Store.EachRepairIn(ctx, m.From, m.Until, from.Most, func(v sentinel.Repair) {
		r.States[v.State]++
		rows.repair(v)
	})
	r.Partial = r.Partial || more
	r.Total, r.Datasets, r.Owners = rows.total, sorted(rows.datasets), sorted(rows.owners)
	return r, err
}

// compareLevels orders service levels by the budget that is left. One that is not known comes last.
func compareLevels(a, b slo.Report) int {
	if unknown := math.IsNaN(a.Left); unknown != math.IsNaN(b.Left) {
		return one(unknown) - one(!unknown)
	}
	return cmp.Or(cmp.Compare(a.Left, b.Left), a.Table.Compare(b.Table))
}

// standing returns the labels that exclude points, without those that a later one takes back, in
// their order. A label takes back those of its own check and segment alone.
func standing(labels []store.Label) (out []store.Label) {
	type series struct{ check, segment string }
	of := map[series][]int{} // indexes of labels
	for n, l := range labels {
		key := series{l.Check, l.Segment}
		if l.Exclude {
			of[key] = append(of[key], n)
			continue
		}
		of[key] = slices.DeleteFunc(of[key], func(n int) bool {
			return !labels[n].From.Before(l.From) && !labels[n].To.After(l.To)
		})
	}
	for _, n := range slices.Sorted(slices.Values(slices.Concat(slices.Collect(maps.Values(of))...))) {
		out = append(out, labels[n])
	}
	return out
}

// collected are the figures of a month while it is read.
type collected struct {
	month    Month
	expected map[string]bool // ids of incidents
	total    Figures
	datasets map[sentinel.Table]*Row
	owners   map[string]*Row
	owner    map[sentinel.Table]string // the newest of the datasets with incidents; "" for none
	ownerOf  map[string]string         // by the ids of incidents
}

// each calls do with all figures that something of a dataset counts for.
func (c *collected) each(t sentinel.Table, owner string, do func(*Figures)) {
	if c.datasets[t] == nil {
		c.datasets[t] = &Row{Name: t.String(), Table: t}
	}
	if c.owners[owner] == nil {
		c.owners[owner] = &Row{Name: owner}
	}
	for _, f := range []*Figures{&c.total, &c.datasets[t].Figures, &c.owners[owner].Figures} {
		do(f)
	}
}

// incident counts an incident that was open in the month. The newest is the first.
func (c *collected) incident(i sentinel.Incident) {
	m := c.month
	began := !i.Opened.Before(m.From)
	over := i.State == sentinel.Resolved && !i.Resolved.After(m.Until)
	end := m.Until
	if over {
		end = i.Resolved
	}
	c.owner[i.Table] = cmp.Or(c.owner[i.Table], i.Owner)
	c.ownerOf[i.ID] = i.Owner
	c.each(i.Table, i.Owner, func(f *Figures) {
		if began {
			f.Incidents++
			f.Monitor += one(monitor(i))
			f.False += one(c.expected[i.ID])
			if !i.LastGood.IsZero() {
				f.Detect.Add(i.Opened.Sub(i.LastGood))
			}
		} else {
			f.Carried++
		}
		if over {
			f.Resolve.Add(i.Resolved.Sub(i.Opened))
		} else {
			f.Open++
		}
		if !monitor(i) {
			f.Bad += max(0, end.Sub(later(i.Opened, m.From)))
		}
	})
}

// repair counts a repair that was planned in the month, for the owner of its incident. Where that
// was not open in the month, it is the newest owner of the dataset.
func (c *collected) repair(r sentinel.Repair) {
	switch r.State {
	case sentinel.ShadowDone, sentinel.RepairCancelled, sentinel.Superseded:
		return
	}
	if !r.State.Final() {
		return
	}
	good := r.State == sentinel.RepairSucceeded
	owner, known := c.ownerOf[r.Incident]
	if !known {
		owner = c.owner[r.Table]
	}
	c.each(r.Table, owner, func(f *Figures) {
		if f.Repairs.Add(good); good {
			f.Repair.Add(r.Finished.Sub(r.Created))
		}
	})
}

// monitor reports whether no finding of an incident was about the data.
func monitor(i sentinel.Incident) bool {
	if len(i.Findings) == 0 {
		return i.Monitor
	}
	return !slices.ContainsFunc(i.Findings, func(f sentinel.IncidentFinding) bool { return !f.Monitor })
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sorted returns rows, the longest bad time first.
func sorted[K comparable](of map[K]*Row) (out []Row) {
	for _, r := range of {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b Row) int {
		return cmp.Or(cmp.Compare(b.Bad, a.Bad), b.Incidents-a.Incidents, cmp.Compare(a.Name, b.Name))
	})
	return out
}
