package main

import (
	"cmp"
	"path/filepath"
	"slices"

	"github.com/sentinel-dq/sentinel/chart"

	"github.com/sentinel-dq/sentinel/predict/backtest"
)

func writePlots(dir string, day, hour []backtest.Forecast, perFeed []backtest.Row) error {
	if err := plotReliability(filepath.Join(dir, "prediction-reliability.svg"), day, hour); err != nil {
		return err
	}
	bars := chart.Chart{Title: "Brier skill over the feed's own base rate, day-ahead", Width: 620, Height: 60 + 24*len(perFeed)}
	for _, r := range perFeed {
		bars.Bars = append(bars.Bars, chart.Bar{Name: r.Name, Value: backtest.Score(r.Forecasts).Skill})
	}
	return chart.Save(filepath.Join(dir, "prediction-skill.svg"), bars)
}

// plotReliability draws mean risk against the share of misses in 10 bins of
// equal count, day-ahead and an hour before the deadline.
func plotReliability(path string, day, hour []backtest.Forecast) error {
	c := chart.Chart{
		Title: "Reliability: forecast against what happened", X: "mean risk of the bin", Y: "share missed",
		Width: 520, Height: 460, Limits: &chart.Box{From: 0, To: 1, Low: 0, High: 1},
		Lines: []chart.Line{{Color: "#b0b0b0", X: []float64{0, 1}, Y: []float64{0, 1}}},
	}
	for _, curve := range []struct {
		name string
		fs   []backtest.Forecast
	}{{"day-ahead", day}, {"60 minutes before", hour}} {
		l := chart.Line{Name: curve.name}
		l.X, l.Y = reliabilityBins(curve.fs)
		c.Lines = append(c.Lines, l)
	}
	c.Lines[1].Color, c.Lines[2].Color = "#1f77b4", "#d66014"
	return chart.Save(path, c)
}

func reliabilityBins(fs []backtest.Forecast) (x, y []float64) {
	o := slices.SortedFunc(slices.Values(fs), func(a, b backtest.Forecast) int { return cmp.Compare(a.Risk, b.Risk) })
	for k := range 10 {
		bin := o[k*len(o)/10 : (k+1)*len(o)/10]
		risk, missed := 0.0, 0.0
		for _, f := range bin {
			risk += f.Risk / float64(len(bin))
			missed += f.Truth() / float64(len(bin))
		}
		if len(bin) > 0 {
			x, y = append(x, risk), append(y, missed)
		}
	}
	return x, y
}
