package backtest

import (
	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/chart"
)

// Plot writes an SVG chart of a series with its expected range, its alarms and the
// labelled windows. It draws the last points, at most limit of them; 0 draws all.
func Plot(path, title string, scores []sentinel.Score, windows []Window, limit int) error {
	if limit > 0 && len(scores) > limit {
		scores = scores[len(scores)-limit:]
	}
	value, alarms := chart.Line{Name: "value"}, chart.Line{Name: "alarm"}
	band := chart.Band{Name: "expected"}
	for _, s := range scores {
		x := float64(s.Time.Unix())
		value.X, value.Y = append(value.X, x), append(value.Y, s.Value)
		band.X, band.Low, band.High = append(band.X, x), append(band.Low, s.Low), append(band.High, s.High)
		if s.Score >= 0.5 {
			alarms.X, alarms.Y = append(alarms.X, x), append(alarms.Y, s.Value)
		}
	}
	c := chart.Chart{
		Title:  title,
		Times:  true,
		Width:  1100,
		Lines:  []chart.Line{value},
		Band:   &band,
		Points: []chart.Line{alarms},
	}
	for _, w := range windows {
		from, to, err := w.Times()
		if err != nil {
			return err
		}
		if len(scores) > 0 && !to.Before(scores[0].Time) {
			c.Boxes = append(c.Boxes, chart.Box{From: float64(from.Unix()), To: float64(to.Unix())})
		}
	}
	return chart.Save(path, c)
}
