package page

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/access"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/predict"
	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/warehouse"
)

// checkCard is one check of a dataset with its chart.
type checkCard struct {
	check
	Title       string
	Short       string // its id without the table
	Expected    string // of the newest value; "" if nothing is
	Why         bool   // it is known why values were expected
	Chart       bool   // there are values to draw
	Wide, Small chart
	Has         struct{ Band, Alarm, Left, Incident, Repair bool } // what the legend explains
	Series      string                                             // the address of its values
	Zone        *time.Location
	Rows        []tableRow
	MoreRows    int
	Segments    []segmentCard
	MoreSegs    int
	BadSegs     int
	Drifts      []sentinel.Drift
	Days        int // that the chart shows, where they are fewer than those asked for
}

// tableRow is one value of a chart in words.
type tableRow struct {
	Time            time.Time
	Value, Expected string
	Why             string // that was expected
	Note            string
}

// segmentCard is one segment of a check as a small chart.
type segmentCard struct {
	Name, Value string
	Bad         bool
	Line        line
}

// checkCards returns the checks of a dataset, those that are bad first.
func (s *Site) checkCards(
	ctx context.Context, o *dataset, repairs []sentinel.Repair, from, to time.Time,
) ([]checkCard, error) {
	days := int(to.Sub(from).Hours()/24 + 0.5)
	results, err := s.Store.LastResults(ctx, store.Filter{Table: o.Table})
	if err != nil {
		return nil, err
	}
	byID := map[string]*sentinel.Result{}
	for i := range results {
		byID[results[i].Check] = &results[i]
	}
	moments := appliedAt(repairs)
	list := slices.Clone(o.Checks)
	slices.SortStableFunc(list, func(a, b check) int { return rank(a.Status) - rank(b.Status) })
	var out []checkCard
	for i := range list {
		c := &list[i]
		card := newCheckCard(o, c)
		card.Series = seriesPath(o.Table, c.ID, days)
		if r := byID[c.ID]; r != nil {
			card.Drifts = r.Drifts
			if err := s.addSegments(ctx, &card, r); err != nil {
				return nil, err
			}
		}
		if c.Metric != "" && i < mostCharts {
			v := series{From: from, To: to, Zone: o.Location, Repairs: moments, Unit: unitOf(c.Metric),
				Limits: c.limits, Spans: s.Board.spansOf(o.Table, c.ID)}
			if v.Points, err = s.readSeries(ctx, c, "", from, to); err != nil {
				return nil, err
			}
			if v.Unit == ageUnit {
				if teeth(v.Points) > mostTeeth && to.Sub(from) > sawtoothDays*24*time.Hour {
					v.From = to.AddDate(0, 0, -sawtoothDays)
					v.Points = between(v.Points, v.From, to)
					card.Days = sawtoothDays
				}
				v.Due = deadlinesOf(o, v)
			}
			card.draw(v)
		}
		out = append(out, card)
	}
	return out, nil
}

func newCheckCard(o *dataset, c *check) checkCard {
	return checkCard{check: *c, Title: checkTitle(c), Short: checkShort(c.ID), Zone: o.Location}
}

// appliedAt returns when repairs were applied.
func appliedAt(repairs []sentinel.Repair) (at []time.Time) {
	for _, r := range repairs {
		if !r.Applied.IsZero() {
			at = append(at, r.Applied)
		}
	}
	return at
}

// draw draws the charts of a card and its table.
func (c *checkCard) draw(v series) {
	if len(v.Points) == 0 {
		return
	}
	c.Chart = true
	if first := v.Points[0].Time; first.Sub(v.From) > v.To.Sub(v.From)/2 { // a young series fills its chart
		v.From = first.Add(-v.To.Sub(first) / 50)
	}
	height := calmHeight
	if c.Status.Bad() {
		height = chartHeight
	}
	c.Wide, c.Small = v.draw(wideChart, height), v.draw(smallChart, calmHeight)
	newest := v.Points[len(v.Points)-1]
	c.Expected = rangeText(v, newest.Low, newest.High)
	for _, p := range v.Points {
		c.Has.Band = c.Has.Band || !math.IsNaN(p.Low)
		c.Why = c.Why || p.Why != ""
		c.Has.Alarm, c.Has.Left = c.Has.Alarm || p.Alarm, c.Has.Left || p.Left
	}
	c.Has.Incident, c.Has.Repair = len(c.Wide.Incidents) > 0, len(c.Wide.Repairs) > 0
	for _, p := range slices.Backward(v.Points) {
		if len(c.Rows) == mostTableRows {
			c.MoreRows = len(v.Points) - mostTableRows
			break
		}
		row := tableRow{Time: p.Time, Value: v.exact(p.Value), Why: p.Why}
		row.Expected = strings.TrimSuffix(rangeText(v, p.Low, p.High), " expected")
		switch {
		case p.Alarm:
			row.Note = "anomaly"
		case p.Left:
			row.Note = "left out"
		}
		c.Rows = append(c.Rows, row)
	}
}

// addSegments adds small charts of the segments of a result, those that are bad first and the
// largest first among equals.
func (s *Site) addSegments(ctx context.Context, card *checkCard, r *sentinel.Result) error {
	bad := map[string]bool{}
	for _, f := range r.Findings {
		if f.Status.Bad() {
			bad[f.Key] = true
			_, segment, _ := strings.Cut(f.Key, ":")
			bad[segment] = true
		}
	}
	var found []sentinel.Observation
	for _, o := range r.Observations {
		if o.Segment != "" && (len(found) == 0 || o.Metric == found[0].Metric) {
			found = append(found, o)
		}
	}
	slices.SortStableFunc(found, func(a, b sentinel.Observation) int {
		if x, y := bad[a.Segment], bad[b.Segment]; x != y {
			return boolInt(y) - boolInt(x)
		}
		return b.Value.Cmp(a.Value)
	})
	for i, o := range found {
		card.BadSegs += boolInt(bad[o.Segment])
		if i >= mostSegments {
			card.MoreSegs++
			continue
		}
		of := store.Series{Check: r.Check, Metric: o.Metric, Segment: o.Segment}
		points, err := s.Store.Points(ctx, of, time.Time{}, sparkPoints)
		if err != nil {
			return err
		}
		value := number(o.Value)
		if strings.HasSuffix(o.Metric, "_seconds") {
			value = duration(time.Duration(o.Value.Float64()) * time.Second)
		}
		card.Segments = append(card.Segments, segmentCard{
			Name: o.Segment, Value: value, Bad: bad[o.Segment], Line: smallLine(points, 232, 48, bad[o.Segment]),
		})
	}
	return nil
}

// riskCard is the risk of the open deadline with its reasons.
type riskCard struct {
	sentinel.Risk
	Parts   []riskPart
	Quality predict.Report
}

// riskPart is one reason as a bar of 296, left of the middle where it lowers the risk.
type riskPart struct {
	predict.Contribution
	X, Width float64
	Class    string
}

func (s *Site) riskCard(o *dataset) *riskCard {
	risk, parts, quality, ok := s.Agent.RiskReasons(o.Table)
	if !ok || risk.Deadline.IsZero() {
		return nil
	}
	card := &riskCard{Risk: risk, Quality: quality}
	most := 1.0
	for _, p := range parts {
		most = max(most, math.Abs(p.LogOdds))
	}
	for _, p := range parts {
		part := riskPart{Contribution: p, X: 148, Width: 148 * math.Abs(p.LogOdds) / most, Class: "fillw"}
		if p.LogOdds < 0 {
			part.X, part.Class = 148-part.Width, "fillg"
		}
		card.Parts = append(card.Parts, part)
	}
	return card
}

// HasBrier reports whether enough deadlines have passed to judge the predictions.
func (c riskCard) HasBrier() bool { return c.Quality.Outcomes > 0 && !math.IsNaN(c.Quality.Brier) }

// schemaCard is the accepted schema of a dataset and what was accepted before.
type schemaCard struct {
	Status   sentinel.Status
	Columns  []warehouse.Column
	Keys     map[string]bool
	Drifts   []sentinel.Drift // against the accepted schema, now
	Accepted []accepted
}

// accepted is a schema that somebody accepted, with what it changed.
type accepted struct {
	store.Snapshot
	Drifts []sentinel.Drift
}

const mostAccepted = 5

// schemaCard returns the schema of the first check that remembers one; nil if none does.
func (s *Site) schemaCard(ctx context.Context, o *dataset) (*schemaCard, error) {
	for i := range o.Checks {
		c := &o.Checks[i]
		if c.Kind != "schema" {
			continue
		}
		history, err := s.Store.Baselines(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		if len(history) == 0 {
			continue
		}
		now, err := checks.DecodeSnapshot(history[0].Data)
		if err != nil {
			return nil, err
		}
		card := &schemaCard{Status: c.Status, Columns: now.Columns, Keys: map[string]bool{}}
		if now.PrimaryKey != nil {
			for _, name := range now.PrimaryKey.Columns {
				card.Keys[name] = true
			}
		}
		for n, v := range history[:min(mostAccepted, len(history))] {
			a := accepted{Snapshot: v}
			if n+1 < len(history) {
				before, err1 := checks.DecodeSnapshot(history[n+1].Data)
				after, err2 := checks.DecodeSnapshot(v.Data)
				if err1 == nil && err2 == nil {
					a.Drifts = checks.Diff(before, after, checks.DiffOptions{})
				}
			}
			if !access.Known(ctx) && !strings.HasPrefix(a.AcceptedBy, "sentinel") {
				a.AcceptedBy = somebody
			}
			card.Accepted = append(card.Accepted, a)
		}
		return card, nil
	}
	return nil, nil
}
