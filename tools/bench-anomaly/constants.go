package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/anomaly/backtest"
	"github.com/sentinel-dq/sentinel/anomaly/changes"
)

// constant is a number of the tests for changes, with values to compare.
type constant struct {
	name   string
	values []float64
	of     func(*changes.Constants) *float64
}

var constants = []constant{
	{"part of the budget", []float64{.15, .25, .35, .5}, func(k *changes.Constants) *float64 { return &k.Part }},
	{"hours of a mean", []float64{3, 4, 6, 8, 12}, func(k *changes.Constants) *float64 { return &k.Hours }},
	{"days of the profile", []float64{10, 14, 21, 28}, func(k *changes.Constants) *float64 { return &k.Days }},
	{"clip, spreads", []float64{2.5, 3, 3.5}, func(k *changes.Constants) *float64 { return &k.Clip }},
	{"hold, of the bound", []float64{.4, .5, .6, .8}, func(k *changes.Constants) *float64 { return &k.Hold }},
	{"unusual, spreads", []float64{4, 4.5, 5, 5.5, 6}, func(k *changes.Constants) *float64 { return &k.Unusual }},
	{"days of the newest mean", []float64{3, 4, 5, 7}, func(k *changes.Constants) *float64 { return &k.RecentDays }},
	{"days of the usual size", []float64{90, 180, 365}, func(k *changes.Constants) *float64 { return &k.UsualDays }},
}

// WriteConstants writes how the score of each set depends on each constant, and what would
// have been chosen without any one file. The F1 without a file is that of the value with the best
// F1 on the other files, on that file: it shows how much a choice fits the files it was made on.
func WriteConstants(w io.Writer, sets []Set) error {
	work, err := os.MkdirTemp("", "sentinel-bench-anomaly-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for _, s := range sets {
		fmt.Fprintf(w, "\n## %s\n\n"+
			"| constant | value | F1 | false a series-week | NAB standard | F1 without any one file |\n|---|---|---|---|---|---|\n", s.Name)
		for _, c := range constants {
			if err := s.compare(w, c, filepath.Join(work, s.Name, c.name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// compare writes a row for each value of a constant, and one for the choices without a file.
func (s Set) compare(w io.Writer, c constant, work string) error {
	rest := map[string][]float64{} // F1 on the other files, by file and by value
	var dirs []string
	for i, v := range c.values {
		k, chosen := changes.Chosen(), ""
		if *c.of(&k) == v {
			chosen = " (in use)"
		}
		*c.of(&k) = v
		dir := filepath.Join(work, fmt.Sprint(i))
		dirs = append(dirs, dir)
		conf := anomaly.Config{Detector: "profile", Changes: &k}
		if _, err := backtest.WriteFolder(s.Dir, s.labels, dir, conf); err != nil {
			return err
		}
		all, err := Score(dir, s.Labels, s.neutral(), 0.5)
		if err != nil {
			return err
		}
		low, high := 1.0, 0.0
		for file := range s.Labels {
			r, err := s.without(file, dir)
			if err != nil {
				return err
			}
			rest[file] = append(rest[file], r.F1)
			low, high = min(low, r.F1), max(high, r.F1)
		}
		fmt.Fprintf(w, "| %s | %g%s | %.3f | %.3f | %.1f | %.3f to %.3f |\n", c.name, v, chosen, all.F1, all.FalsePerWeek,
			all.NAB["standard"], low, high)
	}
	return s.leftOut(w, c, rest, dirs)
}

// without scores all files but one.
func (s Set) without(file, dir string) (Report, error) {
	labels := maps.Clone(s.Labels)
	delete(labels, file)
	return Score(dir, labels, s.neutral(), 0.5)
}

// leftOut judges each file by the value that is the best on the others.
func (s Set) leftOut(w io.Writer, c constant, rest map[string][]float64, dirs []string) error {
	var sum Report
	var chosen []float64
	for _, file := range slices.Sorted(maps.Keys(rest)) {
		best := slices.Index(rest[file], slices.Max(rest[file]))
		chosen = append(chosen, c.values[best])
		r, err := Score(dirs[best], backtest.Labels{file: s.Labels[file]}, s.neutral(), 0.5)
		if err != nil {
			return err
		}
		sum.Detected += r.Detected
		sum.Windows += r.Windows
		sum.FalseEpisodes += r.FalseEpisodes
		sum.SeriesWeeks += r.SeriesWeeks
	}
	f1 := 2 * float64(sum.Detected) / float64(max(1, sum.Windows+sum.Detected+sum.FalseEpisodes))
	_, err := fmt.Fprintf(w, "| %s | chosen without each file: %v | %.3f | %.3f | | |\n", c.name, chosen, f1,
		float64(sum.FalseEpisodes)/max(sum.SeriesWeeks, 1))
	return err
}
