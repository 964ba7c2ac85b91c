package page

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

// spark is the newest values of a dataset's main series, as they were read at a time.
type spark struct {
	read   time.Time
	points []sentinel.Point
}

const (
	sparkPoints = 14
	sparkValid  = 5 * time.Minute // how long values in memory are shown before they are read again
)

// valid is how long the values are shown. A young series changes its look with every value.
func (s spark) valid() time.Duration {
	if len(s.points) < sparkPoints {
		return sparkValid / 10
	}
	return sparkValid
}

// main returns the check whose number stands for a dataset: its row count, or else the first
// that has a number; nil for none.
func (d *dataset) main() *check {
	var first *check
	for i := range d.Checks {
		c := &d.Checks[i]
		if c.Value.Absent() {
			continue
		}
		if c.Metric == "row_count" {
			return c
		}
		if first == nil {
			first = c
		}
	}
	return first
}

// sparkOf returns the newest values of a dataset's main series. Most are in memory.
func (s *Site) sparkOf(ctx context.Context, d *dataset) ([]sentinel.Point, error) {
	c := d.main()
	if c == nil {
		return nil, nil
	}
	now := s.Clock.Now()
	s.Board.mu.RLock()
	known := s.Board.sparks[d.Table]
	s.Board.mu.RUnlock()
	if !known.read.IsZero() && now.Sub(known.read) < known.valid() {
		return known.points, nil
	}
	series := store.Series{Check: c.ID, Metric: c.Metric}
	points, err := s.Store.Points(ctx, series, now.AddDate(-1, 0, 0), sparkPoints)
	if err != nil {
		return nil, err
	}
	s.Board.mu.Lock()
	defer s.Board.mu.Unlock()
	s.Board.sparks[d.Table] = spark{now, points}
	return points, nil
}

// line is a small chart of one series as SVG.
type line struct {
	Width, Height int
	D             string  // the path of the line; "" for none
	X, Y          float64 // of the last point
	Bad           bool    // the last point is bad
}

// smallLine draws values into a box, on their own scale.
func smallLine(points []sentinel.Point, width, height int, bad bool) line {
	l := line{Width: width, Height: height, Bad: bad}
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range points {
		if !math.IsNaN(p.Value) && !math.IsInf(p.Value, 0) {
			low, high = min(low, p.Value), max(high, p.Value)
		}
	}
	if len(points) < 2 || low > high {
		return l
	}
	const pad = 3.0
	var d strings.Builder
	for i, p := range points {
		if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
			continue
		}
		l.X = pad + float64(i)*(float64(width)-2*pad)/float64(len(points)-1)
		l.Y = float64(height) / 2
		if high > low {
			l.Y = float64(height) - pad - (p.Value-low)/(high-low)*(float64(height)-2*pad)
		}
		command := "L"
		if d.Len() == 0 {
			command = "M"
		}
		fmt.Fprintf(&d, "%s%.1f %.1f", command, l.X, l.Y)
	}
	l.D = d.String()
	return l
}
