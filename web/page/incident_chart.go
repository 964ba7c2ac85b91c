package page

import (
	"context"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

const (
	chartBefore = 60                  // values that a chart shows before its incident
	chartReach  = 60 * 24 * time.Hour // how long before it they may lie
)

// incidentChart draws the values of the check that found the incident, from some time before it
// to some time after it. It is nil where the check has no values of then, or is not configured any more.
func (s *Site) incidentChart(ctx context.Context, d *incidentData, repairs []time.Time) (*checkCard, error) {
	worst := d.worstFinding()
	o, _ := s.Board.of(d.Table)
	if o == nil {
		return nil, nil
	}
	at := slices.IndexFunc(o.Checks, func(c check) bool { return c.ID == worst.Check })
	if at < 0 || o.Checks[at].Metric == "" {
		return nil, nil
	}
	c, segment := &o.Checks[at], sentinel.SegmentOf(worst.Key)
	before, err := s.valuesBefore(ctx, c, segment, d.Opened)
	if err == nil && len(before) == 0 && segment != "" { // its values are those of the whole table
		segment = ""
		before, err = s.valuesBefore(ctx, c, segment, d.Opened)
	}
	if err != nil {
		return nil, err
	}
	from, to := d.chartTime(before)
	points, err := s.readSeries(ctx, c, segment, from, to)
	if err != nil {
		return nil, err
	}
	v := series{From: from, To: to, Zone: o.Location, Points: points, Repairs: repairs,
		Unit: unitOf(c.Metric), Limits: c.limits, Spans: d.spans(c.ID, s.Board.spansOf(o.Table, c.ID))}
	if v.Unit == ageUnit {
		v.Due = deadlinesOf(o, v)
	}
	card := newCheckCard(o, c)
	card.Status = d.Severity
	card.Series = seriesPathIn(o.Table, c.ID, segment, from, to)
	if card.draw(v); !card.Chart {
		return nil, nil
	}
	return &card, nil
}

// valuesBefore returns the last values of a check up to an instant.
func (s *Site) valuesBefore(ctx context.Context, c *check, segment string, at time.Time) ([]sentinel.Point, error) {
	of := store.Series{Check: c.ID, Metric: c.Metric, Segment: segment}
	return s.Store.PointsUntil(ctx, of, at.Add(-chartReach), at, chartBefore)
}

// chartTime is the time of the chart: from the first of the values before the incident until a
// part of that time after it has ended.
func (d *incidentData) chartTime(before []sentinel.Point) (from, to time.Time) {
	from = d.Opened.Add(-time.Hour)
	if len(before) > 0 && before[0].Time.Before(from) {
		from = before[0].Time
	}
	to = d.Now
	if d.Over() {
		if after := d.Resolved.Add(d.Opened.Sub(from) / 4); after.Before(to) {
			to = after
		}
	}
	return from, to
}

// spans are the findings of a check, those of other incidents among them.
func (d *incidentData) spans(check string, known []span) []span {
	for _, f := range d.Findings {
		own := span{f.Opened, f.Resolved, f.Severity, f.Check}
		same := func(o span) bool { return o.from.Equal(own.from) }
		if f.Check == check && !slices.ContainsFunc(known, same) {
			known = append(known, own)
		}
	}
	return known
}
