package page

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/store"
)

// mostPoints bounds what a chart reads of one series.
const mostPoints = 20_000

// readSeries reads the values of a check's series in a time, with the range that was expected
// of each where the check has a detector.
func (s *Site) readSeries(ctx context.Context, c *check, segment string, from, to time.Time) ([]point, error) {
	of := store.Series{Check: c.ID, Metric: c.Metric, Segment: segment}
	begin := from
	detector := c.detector
	if detector != nil { // what is normal is learnt from before
		span, _ := anomaly.LookBack()
		begin = to.Add(-span)
	}
	points, err := s.Store.Points(ctx, of, begin, mostPoints)
	if err != nil {
		return nil, err
	}
	if detector == nil {
		return between(plain(points), from, to), nil
	}
	return between(replay(*detector, points), from, to), nil
}

func plain(points []sentinel.Point) []point {
	out := make([]point, len(points))
	for i, p := range points {
		out[i] = point{Time: p.Time, Value: p.Value, Low: math.NaN(), High: math.NaN(), Left: p.Bad}
	}
	return out
}

// replay judges the newest points again as the agent did after a restart, and so knows the range
// that was expected of each.
func replay(c anomaly.Config, points []sentinel.Point) []point {
	out := plain(points)
	d, err := anomaly.New(c.Detector)
	if err != nil {
		return out // of an earlier version
	}
	_, most := anomaly.LookBack()
	for i := max(0, len(points)-most); i < len(points); i++ {
		score := d.Observe(c, points[i])
		if score.State == sentinel.Learning {
			continue
		}
		out[i].Low, out[i].High, out[i].Alarm = score.Low, score.High, score.State.Alarm()
	}
	return out
}

// between cuts the points of a time out.
func between(points []point, from, to time.Time) []point {
	first, _ := slices.BinarySearchFunc(points, from, func(p point, t time.Time) int { return p.Time.Compare(t) })
	last, _ := slices.BinarySearchFunc(points, to, func(p point, t time.Time) int {
		if p.Time.After(t) {
			return 1
		}
		return -1
	})
	return points[first:max(first, last)]
}
