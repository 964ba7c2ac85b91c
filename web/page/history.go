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
	points, err := s.Store.PointsUntil(ctx, of, begin, to, mostPoints)
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
// that was expected of each, and why.
func replay(c anomaly.Config, points []sentinel.Point) []point {
	out := plain(points)
	judged, err := anomaly.Replay(c, points)
	if err != nil {
		return out // of an earlier version
	}
	first := len(points) - len(judged)
	for i, j := range judged {
		if j.State == sentinel.Learning {
			continue
		}
		o := &out[first+i]
		o.Low, o.High, o.Alarm = j.Low, j.High, j.State.Alarm()
		if j.Why != nil {
			o.Why = j.Why.Words(c)
		}
	}
	return out
}

func comparePoint(p point, t time.Time) int { return p.Time.Compare(t) }

// between cuts the points of a time out.
func between(points []point, from, to time.Time) []point {
	first, _ := slices.BinarySearchFunc(points, from, comparePoint)
	last, _ := slices.BinarySearchFunc(points, to, func(p point, t time.Time) int {
		if p.Time.After(t) {
			return 1
		}
		return -1
	})
	return points[first:max(first, last)]
}

const (
	mostDeadlines = 40
	sawtoothDays  = 7  // what a chart of ages shows at most where it would be a solid block
	mostTeeth     = 60 // loads in one chart of ages
)

// deadlinesOf returns the deadlines of a dataset in the time of a chart of ages, and the next
// one. One was met if by then a row had come that is newer than the deadline before.
func deadlinesOf(o *dataset, v series) (out []deadline) {
	if o.risk == nil || o.risk.Deadline.IsZero() {
		return nil
	}
	due := o.risk.Deadline.Next(v.To.Add(-o.risk.Grace))
	if due.IsZero() {
		return nil
	}
	out = append(out, deadline{At: due.Add(o.risk.Grace)})
	for range mostDeadlines {
		at := o.risk.Deadline.Prev(due.Add(-time.Second))
		if at.IsZero() || at.Add(o.risk.Grace).Before(v.From) {
			break
		}
		due = at
		if o.risk.Calendar != nil && o.risk.Calendar.Holiday(at) {
			continue
		}
		looked, _ := slices.BinarySearchFunc(v.Points, at.Add(o.risk.Grace), comparePoint)
		if looked == len(v.Points) {
			continue // nobody has looked since
		}
		p := v.Points[looked]
		newest := p.Time.Add(-time.Duration(p.Value * float64(time.Second)))
		before := o.risk.Deadline.Prev(at.Add(-time.Second))
		out = append(out, deadline{at.Add(o.risk.Grace), newest.After(before)})
	}
	return out
}

// teeth counts how often an age has fallen: the loads.
func teeth(points []point) (n int) {
	for i := 1; i < len(points); i++ {
		if points[i].Value < points[i-1].Value {
			n++
		}
	}
	return n
}
