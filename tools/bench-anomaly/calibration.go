package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/chart"
)

// budgets are those of the calibration: a text of `false_alarms`, and the same for each 50 weeks.
var budgets = []struct {
	text    string
	allowed float64
}{
	{"1/year", 350 / 365.25}, {"2/year", 700 / 365.25}, {"1/quarter", 350 / 91.3}, {"2/quarter", 700 / 91.3},
	{"1/month", 350 / 30.44},
}

// writeCalibration compares the false alarms that budgets allow with those of n series of each
// family, in a table and a plot.
func writeCalibration(b *bytes.Buffer, n int, out string) error {
	fmt.Fprintf(b, calibrationIntro, n)
	fmt.Fprint(b, "| family |")
	for _, v := range budgets {
		fmt.Fprintf(b, " %s: %.1f |", v.text, v.allowed)
	}
	fmt.Fprint(b, "\n|---|---|---|---|---|---|\n")
	c := chart.Chart{
		Title: "False alarms in 50 weeks of a series", X: "allowed", Y: "realised", Height: 420,
		Lines: []chart.Line{{Name: "as allowed", X: []float64{0, 12}, Y: []float64{0, 12}}},
	}
	all := chart.Line{Name: "a family"}
	for _, f := range families {
		fmt.Fprintf(b, "| %s |", f.name)
		for _, v := range budgets {
			realised, err := falseAlarms(anomaly.Config{FalseAlarms: v.text}, f, n)
			if err != nil {
				return err
			}
			fmt.Fprintf(b, " %.1f |", realised)
			all.X, all.Y = append(all.X, v.allowed), append(all.Y, realised)
		}
		fmt.Fprintln(b)
	}
	c.Points = []chart.Line{all}
	fmt.Fprint(b, "\n![calibration](plots/anomaly-calibration.svg)\n")
	return chart.Save(filepath.Join(out, "plots", "anomaly-calibration.svg"), c)
}

// falseAlarms returns the alarms in 50 weeks of a series of a family to which nothing happens, as
// the mean of n series. The first two fifths of a series are not counted.
func falseAlarms(c anomaly.Config, f family, n int) (float64, error) {
	if err := c.Validate(); err != nil {
		return 0, err
	}
	wrong, points := 0, 0
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for k := range n {
		value := f.draw(rand.New(rand.NewPCG(uint64(k), 29)))
		d, err := anomaly.New(c.Detector)
		if err != nil {
			return 0, err
		}
		for i := range f.at {
			s := d.Observe(c, sentinel.Point{Time: start.Add(time.Duration(i) * f.step), Value: count(value(i))})
			if 5*i < 2*f.at {
				continue
			}
			points++
			if s.Score >= 0.5 {
				wrong++
			}
		}
	}
	weeks := float64(points) * f.step.Hours() / (7 * 24)
	return 50 * float64(wrong) / weeks, nil
}

const calibrationIntro = `
## Calibration

What ` + "`false_alarms`" + ` allows, and what is realised: false alarms in 50 weeks of a series to which nothing happens, as
the mean of %d drawn series of each family. The head of each column has the budget.

`
