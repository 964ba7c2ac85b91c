package page

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
)

// series is what a chart shows: the values of one series with what was expected of them, and
// what happened meanwhile.
type series struct {
	From, To time.Time
	Zone     *time.Location
	Points   []point
	Limits   []checks.Limit
	Spans    []span // findings of the check
	Repairs  []time.Time
	Due      []deadline
	Unit     unit
}

// unit is what the values of a chart are.
type unit int

const (
	plainUnit unit = iota
	ageUnit        // ages in seconds
	shareUnit      // shares of 0 to 1
)

// unitOf returns the unit of a metric.
func unitOf(metric string) unit {
	switch {
	case metric == "risk":
		return shareUnit
	case strings.HasPrefix(metric, "freshness") && strings.HasSuffix(metric, "_seconds"):
		return ageUnit
	}
	return plainUnit
}

// point is one value, with the range that was expected of it.
type point struct {
	Time      time.Time
	Value     float64
	Low, High float64 // NaN: not known
	Why       string  // why that was expected; "" if nothing was
	Alarm     bool    // it was an anomaly
	Left      bool    // a person, or a resolved incident, has left it out of what is normal
}

// chart is a series as SVG.
type chart struct {
	Width, Height    int
	Left, Right, Top int // of the plot
	Bottom           int
	Rows             []gridRow
	Columns          []gridColumn
	Band, Middle     string // paths; "" for none
	Line             string
	Dots             []dot
	Limits           []limitLine
	Incidents        []box
	Repairs          []float64
	Deadlines        []mark
	Last             *lastPoint
	Label            string // what a screen reader says
}

type gridRow struct {
	Y     float64
	Label string
}

type gridColumn struct {
	X     float64
	Label string
}

type dot struct {
	X, Y  float64
	Class string // dot, bad (an anomaly) or lab (left out)
	D     string // of an anomaly's diamond
}

type limitLine struct {
	Y     float64
	Words string
	Class string
}

type box struct{ X, Width float64 }

type lastPoint struct {
	X, Y   float64
	Label  string
	Anchor string
	Bad    bool
}

// mark is a deadline below the plot: a tick, a cross, or a ring for the next one.
type mark struct{ Class, D, Title string }

// deadline is a time by which new rows were due.
type deadline struct {
	At  time.Time
	Met bool
}

// fewDots is the most points that are drawn as dots of their own.
const fewDots = 62

// scale maps times and values to the plot.
type scale struct {
	series
	left, right, top, bottom float64
	low, high                float64
}

func (s *scale) x(t time.Time) float64 {
	return s.left + (s.right-s.left)*float64(t.Sub(s.From))/float64(max(1, s.To.Sub(s.From)))
}

func (s *scale) y(v float64) float64 {
	return s.bottom - (s.bottom-s.top)*(v-s.low)/(s.high-s.low)
}

// draw draws a series into a box of width by height pixels.
func (v series) draw(width, height int) chart {
	c := chart{Width: width, Height: height, Left: 56, Right: width - 12, Top: 40, Bottom: height - 24}
	s := &scale{series: v, left: float64(c.Left), right: float64(c.Right), top: float64(c.Top), bottom: float64(c.Bottom)}
	s.fit(&c)
	s.columns(&c)
	drawn := thin(v.Points, v.From, v.To, c.Right-c.Left)
	s.lines(&c, drawn)
	s.dots(&c, drawn)
	for _, l := range v.Limits {
		if y := s.y(l.At); y >= s.top-1 && y <= s.bottom+1 {
			class := "thr"
			if l.Status == sentinel.Warn {
				class = "thr thr-warn"
			}
			c.Limits = append(c.Limits, limitLine{y, statusVerb(l.Status) + " " + l.Words, class})
		}
	}
	for _, p := range v.Spans {
		to := p.to
		if to.IsZero() || to.After(v.To) {
			to = v.To
		}
		if p.status.Bad() && to.After(v.From) {
			x := s.x(later(p.from, v.From))
			c.Incidents = append(c.Incidents, box{x, max(4, s.x(to)-x)})
		}
	}
	for _, at := range v.Repairs {
		if at.After(v.From) && !at.After(v.To) {
			c.Repairs = append(c.Repairs, s.x(at))
		}
	}
	s.deadlines(&c)
	c.Label = v.label()
	return c
}

func statusVerb(s sentinel.Status) string {
	if s == sentinel.Warn {
		return "warns:"
	}
	return "fails:"
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// thin keeps what one sees of points that are closer than pixels: the first, the lowest, the
// highest and the last of each column, and every one that is marked (M4: Jugel, Jerzak,
// Hackenbroich, Markl, VLDB 2014).
func thin(points []point, from, to time.Time, columns int) []point {
	if len(points) <= 2*columns || columns < 1 {
		return points
	}
	column := func(p point) int {
		return int(float64(columns) * float64(p.Time.Sub(from)) / float64(max(1, to.Sub(from))))
	}
	var out []point
	for i := 0; i < len(points); {
		j, low, high := i, i, i
		for ; j < len(points) && column(points[j]) == column(points[i]); j++ {
			if points[j].Value < points[low].Value {
				low = j
			}
			if points[j].Value > points[high].Value {
				high = j
			}
		}
		for k := i; k < j; k++ {
			if k == i || k == low || k == high || k == j-1 || points[k].Alarm || points[k].Left {
				out = append(out, points[k])
			}
		}
		i = j
	}
	return out
}

// lines draws the band, its middle and the values.
func (s *scale) lines(c *chart, points []point) {
	var line, upper, lower, middle strings.Builder
	var back []string
	clamp := func(v float64) float64 { return min(max(s.y(v), s.top-8), s.bottom) }
	flush := func() {
		if upper.Len() > 0 {
			lower.WriteString(upper.String())
			for i := len(back) - 1; i >= 0; i-- {
				lower.WriteString(back[i])
			}
			lower.WriteString("z")
		}
		upper.Reset()
		back = nil
	}
	for _, p := range points {
		if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
			continue
		}
		x, command := s.x(p.Time), "L"
		if line.Len() == 0 {
			command = "M"
		}
		fmt.Fprintf(&line, "%s%.1f %.1f", command, x, s.y(p.Value))
		if math.IsNaN(p.Low) || math.IsNaN(p.High) {
			flush()
			continue
		}
		command = "L"
		if upper.Len() == 0 {
			command = "M"
		}
		fmt.Fprintf(&upper, "%s%.1f %.1f", command, x, clamp(p.High))
		fmt.Fprintf(&middle, "%s%.1f %.1f", command, x, (clamp(p.High)+clamp(p.Low))/2)
		back = append(back, fmt.Sprintf("L%.1f %.1f", x, clamp(p.Low)))
	}
	flush()
	c.Line, c.Band = line.String(), lower.String()
	if len(points) <= 4*fewDots {
		c.Middle = middle.String()
	}
}

// deadlines draws the deadlines on the time axis.
func (s *scale) deadlines(c *chart) {
	y := s.bottom
	for _, d := range s.Due {
		x := s.x(d.At)
		at := d.At.In(s.Zone).Format("Mon 2 Jan 15:04")
		switch {
		case x < s.left || x > s.right+8:
		case d.At.After(s.To):
			ring := fmt.Sprintf("M%.1f %.1fa4 4 0 1 0 8 0a4 4 0 1 0-8 0", x-4, y)
			c.Deadlines = append(c.Deadlines, mark{"due", ring, "due " + at})
		case d.Met:
			c.Deadlines = append(c.Deadlines, mark{"okt", fmt.Sprintf("M%.1f %.1fl3 3 6-6", x-4, y+1), "in time: " + at})
		default:
			cross := fmt.Sprintf("M%.1f %.1fl7 7m0-7l-7 7", x-3.5, y-3.5)
			c.Deadlines = append(c.Deadlines, mark{"mist", cross, "missed: " + at})
		}
	}
}

// dots draws the points that stand for themselves, and the newest one with its value.
func (s *scale) dots(c *chart, points []point) {
	few := len(points) <= fewDots
	for i, p := range points {
		if math.IsNaN(p.Value) || math.IsInf(p.Value, 0) {
			continue
		}
		x, y := s.x(p.Time), s.y(p.Value)
		switch {
		case p.Left:
			c.Dots = append(c.Dots, dot{X: x, Y: y, Class: "lab"})
		case p.Alarm:
			c.Dots = append(c.Dots, dot{Class: "bad", D: fmt.Sprintf("M%.1f %.1fl6 6-6 6-6-6z", x, y-6)})
		case few:
			c.Dots = append(c.Dots, dot{X: x, Y: y, Class: "dot"})
		}
		if i == len(points)-1 {
			l := &lastPoint{X: x - 2, Y: max(y-10, s.top-2), Label: s.exact(p.Value), Anchor: "end", Bad: p.Alarm}
			if x < (s.left+s.right)/2 {
				l.X, l.Anchor = x+2, "start"
			}
			c.Last = l
		}
	}
}

// exact writes a value for people, with all its digits.
func (v series) exact(value float64) string {
	switch v.Unit {
	case ageUnit:
		return duration(time.Duration(value * float64(time.Second)))
	case shareUnit:
		return percent(value)
	}
	return float(value)
}

// label says in words what a chart shows last.
func (v series) label() string {
	if len(v.Points) == 0 {
		return "no values"
	}
	p := v.Points[len(v.Points)-1]
	at := p.Time.In(v.Zone).Format("Mon 2 Jan 15:04")
	text := fmt.Sprintf("%d values. The newest, of %s: %s", len(v.Points), at, v.exact(p.Value))
	if !math.IsNaN(p.Low) && !math.IsNaN(p.High) {
		text += fmt.Sprintf(", expected %s to %s", v.exact(p.Low), v.exact(p.High))
	}
	return text
}
