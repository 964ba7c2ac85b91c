// Package chart writes small charts as SVG: lines, points, a band and boxes over a
// numeric or a time axis. A plotting library would add 10 MB to the binary and 4 MB to
// the memory of every command (docs/dependencies.md). Begin with [Chart] and [Write].
package chart

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Chart is one picture. Values that are not finite leave a gap.
type Chart struct {
	Title, X, Y   string // texts of the title and of the axes
	Width, Height int    // pixels; 900 by 320 by default
	Times         bool   // X values are Unix seconds, labelled as dates in UTC
	Limits        *Box   // visible area; nil: all of Lines, Points and Bars
	Lines         []Line
	Band          *Band
	Points        []Line // drawn as rings
	Boxes         []Box  // shaded over the whole height where Low and High are equal
	Bars          []Bar  // horizontal bars; a chart with bars shows nothing else
}

// Line is a named sequence of points; X and Y have the same length.
type Line struct {
	Name, Color string
	X, Y        []float64
}

// Band is the area between two lines over the same X.
type Band struct {
	Name         string
	X, Low, High []float64
}

// Box is a rectangle in the units of the axes.
type Box struct{ From, To, Low, High float64 }

// Bar is one named value.
type Bar struct {
	Name  string
	Value float64
}

const (
	left, right, top, bottom = 64.0, 16.0, 34.0, 40.0
	blue, orange             = "#1f77b4", "#d66014"
)

// Save writes the chart to a file. It creates the folder if it does not exist.
func Save(path string, c Chart) (err error) {
	if filepath.Ext(path) != ".svg" {
		return fmt.Errorf("%s: charts are SVG: end the name in .svg", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = Write(f, c)
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}

// Write writes the chart as an SVG document.
func Write(to io.Writer, c Chart) error {
	if c.Width == 0 {
		c.Width = 900
	}
	if c.Height == 0 {
		c.Height = 320
	}
	p := &picture{w: bufio.NewWriter(to), c: c}
	p.f(
		`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n",
		c.Width,
		c.Height,
		c.Width,
		c.Height,
	)
	p.f(`<rect width="100%%" height="100%%" fill="#fff"/>` + "\n")
	p.text(float64(c.Width)/2, 18, "middle", c.Title, 13)
	if len(c.Bars) > 0 {
		p.bars()
	} else {
		p.axes()
		p.f(
			`<clipPath id="c"><rect x="%.0f" y="%.0f" width="%.1f" height="%.1f"/></clipPath><g clip-path="url(#c)">`+"\n", left,
			top, p.width(), p.height(),
		)
		p.boxes()
		p.band()
		for i, l := range c.Lines {
			p.line(i, l)
		}
		p.points()
		p.f("</g>\n")
		p.legend()
	}
	p.f("</svg>\n")
	return p.w.Flush() // reports the first error of all writes
}

type picture struct {
	w      *bufio.Writer
	c      Chart
	limits Box
}

func (p *picture) f(format string, args ...any) { fmt.Fprintf(p.w, format, args...) }

func (p *picture) text(x, y float64, anchor, s string, size int) {
	p.f(
		`<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%d" fill="#333">%s</text>`+"\n",
		x,
		y,
		anchor,
		size,
		html.EscapeString(s),
	)
}

func (p *picture) width() float64  { return float64(p.c.Width) - left - right }
func (p *picture) height() float64 { return float64(p.c.Height) - top - bottom }

func (p *picture) x(v float64) float64 {
	return left + p.width()*(v-p.limits.From)/(p.limits.To-p.limits.From)
}

func (p *picture) y(v float64) float64 {
	return top + p.height()*(1-(v-p.limits.Low)/(p.limits.High-p.limits.Low))
}

// extent returns the visible area: all values, with a small margin.
func (p *picture) extent() Box {
	if p.c.Limits != nil {
		return *p.c.Limits
	}
	b := Box{math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)}
	for _, l := range append(append([]Line{}, p.c.Lines...), p.c.Points...) {
		for i := range l.X {
			if finite(l.X[i]) && finite(l.Y[i]) {
				b = Box{min(b.From, l.X[i]), max(b.To, l.X[i]), min(b.Low, l.Y[i]), max(b.High, l.Y[i])}
			}
		}
	}
	if b.From > b.To {
		return Box{0, 1, 0, 1}
	}
	if b.From == b.To {
		b.From, b.To = b.From-1, b.To+1
	}
	pad := 0.06 * (b.High - b.Low)
	if pad == 0 {
		pad = 1
	}
	b.Low, b.High = b.Low-pad, b.High+pad
	return b
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func (p *picture) axes() {
	p.limits = p.extent()
	for _, v := range ticks(p.limits.Low, p.limits.High, 5) {
		p.f(`<path d="M%.0f %.1fH%.1f" stroke="#e4e4e4"/>`+"\n", left, p.y(v), left+p.width())
		p.text(left-6, p.y(v)+4, "end", number(v), 11)
	}
	places := ticks(p.limits.From, p.limits.To, 8)
	if p.c.Times {
		places = days(p.limits.From, p.limits.To, 7)
	}
	for _, v := range places {
		label := number(v)
		if p.c.Times {
			label = time.Unix(int64(v), 0).UTC().Format("2006-01-02")
		}
		p.f(`<path d="M%.1f %.1fv4" stroke="#888"/>`+"\n", p.x(v), top+p.height())
		p.text(p.x(v), top+p.height()+16, "middle", label, 11)
	}
	p.f(`<path d="M%.0f %.0fV%.1fH%.1f" stroke="#888" fill="none"/>`+"\n", left, top, top+p.height(), left+p.width())
	p.text(left+p.width()/2, float64(p.c.Height)-6, "middle", p.c.X, 11)
	p.text(left, top-6, "start", p.c.Y, 11)
}

func (p *picture) boxes() {
	for _, b := range p.c.Boxes {
		low, high := b.Low, b.High
		if low == high {
			low, high = p.limits.Low, p.limits.High
		}
		p.f(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="#ffbb3c" fill-opacity=".35"/>`+"\n",
			p.x(b.From), p.y(high), max(1.5, p.x(b.To)-p.x(b.From)), p.y(low)-p.y(high))
	}
}

// band draws one polygon per run of finite values.
func (p *picture) band() {
	if p.c.Band == nil {
		return
	}
	b := p.c.Band
	start := 0
	flush := func(end int) {
		if end-start > 1 {
			var d strings.Builder
			for i := start; i < end; i++ {
				fmt.Fprintf(&d, "%.1f,%.1f ", p.x(b.X[i]), p.y(p.inside(b.High[i])))
			}
			for i := end - 1; i >= start; i-- {
				fmt.Fprintf(&d, "%.1f,%.1f ", p.x(b.X[i]), p.y(p.inside(b.Low[i])))
			}
			p.f(`<polygon points="%s" fill="`+blue+`" fill-opacity=".18"/>`+"\n", strings.TrimSpace(d.String()))
		}
		start = end + 1
	}
	for i := range b.X {
		if !finite(b.Low[i]) || !finite(b.High[i]) {
			flush(i)
		}
	}
	flush(len(b.X))
}

// inside limits a value to twice the visible area, because coordinates far outside make
// files large and viewers slow.
func (p *picture) inside(v float64) float64 {
	span := p.limits.High - p.limits.Low
	return min(max(v, p.limits.Low-span), p.limits.High+span)
}

func (p *picture) line(i int, l Line) {
	var d strings.Builder
	pen := "M"
	for j := range l.X {
		if !finite(l.Y[j]) {
			pen = "M"
			continue
		}
		fmt.Fprintf(&d, "%s%.1f %.1f", pen, p.x(l.X[j]), p.y(l.Y[j]))
		pen = "L"
	}
	p.f(`<path d="%s" stroke="%s" fill="none"/>`+"\n", d.String(), colorOf(i, l))
}

func colorOf(i int, l Line) string {
	if l.Color != "" {
		return l.Color
	}
	return []string{blue, orange, "#2a9d55", "#888888"}[i%4]
}

const red = "#d62728"

func (p *picture) points() {
	for _, l := range p.c.Points {
		for i := range l.X {
			p.f(
				`<circle cx="%.1f" cy="%.1f" r="4" stroke="`+red+`" stroke-width="1.6" fill="none"/>`+"\n",
				p.x(l.X[i]),
				p.y(l.Y[i]),
			)
		}
	}
}

func (p *picture) legend() {
	x := left + p.width()
	entry := func(name, color string) {
		if name == "" {
			return
		}
		p.text(x, top-6, "end", name, 11)
		x -= 6.2*float64(len(name)) + 8
		p.f(`<rect x="%.1f" y="%.1f" width="12" height="4" fill="%s"/>`+"\n", x-8, top-11, color)
		x -= 22
	}
	for _, l := range p.c.Points {
		entry(l.Name, red)
	}
	if p.c.Band != nil {
		entry(p.c.Band.Name, "#d2e4f0")
	}
	if len(p.c.Boxes) > 0 {
		entry("labelled", "#ffe3ae")
	}
	for i, l := range p.c.Lines {
		entry(l.Name, colorOf(i, l))
	}
}

func (p *picture) bars() {
	low, high, longest := 0.0, 0.0, 0
	for _, b := range p.c.Bars {
		low, high = min(low, b.Value), max(high, b.Value)
		longest = max(longest, len(b.Name))
	}
	if low == high {
		high = 1
	}
	names := 7 * float64(longest)
	scale := (float64(p.c.Width) - names - 80) / (high - low)
	zero := names + 16 - low*scale
	for i, b := range p.c.Bars {
		y := top + float64(i)*24
		p.text(names+8, y+13, "end", b.Name, 11)
		p.f(
			`<rect x="%.1f" y="%.1f" width="%.1f" height="16" fill="`+blue+`"/>`+"\n",
			zero+min(0, b.Value)*scale,
			y,
			math.Abs(b.Value)*scale,
		)
		p.text(zero+max(0, b.Value)*scale+6, y+13, "start", number(math.Round(b.Value*1000)/1000), 11)
	}
}

// ticks returns about n round numbers from low to high.
func ticks(low, high float64, n int) (out []float64) {
	step := math.Pow(10, math.Floor(math.Log10((high-low)/float64(n))))
	for _, m := range []float64{1, 2, 5, 10} {
		if (high-low)/(m*step) <= float64(n) {
			step *= m
			break
		}
	}
	for k := math.Ceil(low / step); k*step <= high; k++ {
		out = append(out, k*step)
	}
	return out
}

// days returns about n midnights from low to high.
func days(low, high float64, n int) (out []float64) {
	const day = 86400
	step := day * max(1, math.Ceil((high-low)/day/float64(n)))
	for v := math.Ceil(low/day) * day; v <= high; v += step {
		out = append(out, v)
	}
	return out
}

func number(v float64) string {
	if math.Abs(v) < 1e-12 {
		v = 0
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}
