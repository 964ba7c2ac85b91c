package benchmark

import (
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

func writePlots(dir string, day, hour []Forecast, perFeed []row) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write plots: %w", err)
	}
	if err := plotReliability(filepath.Join(dir, "prediction-reliability.svg"), day, hour); err != nil {
		return fmt.Errorf("write plots: %w", err)
	}
	if err := plotSkill(filepath.Join(dir, "prediction-skill.svg"), perFeed); err != nil {
		return fmt.Errorf("write plots: %w", err)
	}
	return nil
}

// plotReliability draws mean risk against the share of misses in 10 bins of
// equal count, day-ahead and an hour before the deadline.
func plotReliability(path string, day, hour []Forecast) error {
	p := plot.New()
	p.Title.Text = "Reliability: forecast against what happened"
	p.X.Label.Text, p.Y.Label.Text = "mean risk of the bin", "share missed"
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	diagonal, err := plotter.NewLine(plotter.XYs{{X: 0, Y: 0}, {X: 1, Y: 1}})
	if err != nil {
		return err
	}
	diagonal.Color = color.Gray{Y: 160}
	p.Add(diagonal)
	curves := []struct {
		name  string
		fs    []Forecast
		color color.Color
	}{
		{"day-ahead", day, color.RGBA{R: 31, G: 119, B: 180, A: 255}},
		{"60 minutes before", hour, color.RGBA{R: 214, G: 96, B: 20, A: 255}},
	}
	for _, c := range curves {
		line, points, err := plotter.NewLinePoints(reliabilityBins(c.fs))
		if err != nil {
			return err
		}
		line.Color, points.Color = c.color, c.color
		p.Add(line, points)
		p.Legend.Add(c.name, line, points)
	}
	p.Legend.Left, p.Legend.Top = true, true
	return p.Save(14*vg.Centimeter, 12*vg.Centimeter, path)
}

func reliabilityBins(fs []Forecast) plotter.XYs {
	o := slices.SortedFunc(slices.Values(fs), func(a, b Forecast) int { return order(a.Risk, b.Risk) })
	var out plotter.XYs
	for k := range 10 {
		bin := o[k*len(o)/10 : (k+1)*len(o)/10]
		var xy plotter.XY
		for _, f := range bin {
			xy.X += f.Risk / float64(len(bin))
			xy.Y += truth(f) / float64(len(bin))
		}
		if len(bin) > 0 {
			out = append(out, xy)
		}
	}
	return out
}

func plotSkill(path string, rows []row) error {
	p := plot.New()
	p.Title.Text = "Brier skill over the feed's own base rate, day-ahead"
	var values plotter.Values
	var names []string
	for _, r := range rows {
		values = append(values, Score(r.forecasts).Skill)
		names = append(names, r.name)
	}
	bars, err := plotter.NewBarChart(values, vg.Points(14))
	if err != nil {
		return err
	}
	bars.Horizontal = true
	bars.Color = color.RGBA{R: 31, G: 119, B: 180, A: 255}
	p.Add(bars)
	p.NominalY(names...)
	p.X.Min = min(0, p.X.Min)
	return p.Save(16*vg.Centimeter, 9*vg.Centimeter, path)
}
