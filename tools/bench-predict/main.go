// Command bench-predict judges the risk model on drawn feeds, whose true risks are known, and on the recorded feeds of a
// directory. It writes docs/prediction-benchmark.md with its plots. With -power it prints the table of drawn feeds alone,
// with -prior it fits the pooled prior again. families.go draws the feeds and power.go judges their risks. baselines.go
// has simple predictors to compare with, fit.go fits the prior, and simulate.go simulates feeds with the features that
// recorded ones lack.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/sentinel-dq/sentinel/predict"
	"github.com/sentinel-dq/sentinel/predict/backtest"
)

// The seeds of the drawn feeds that are judged, and of those that the prior is fitted on.
const (
	powerSeed = 1
	fitSeed   = 100
)

func main() {
	data := flag.String("data", "", "directory with feeds.json and one CSV per feed")
	prior := flag.String("prior", "", "fit the pooled prior on the feeds and write it to this Go file")
	out := flag.String("out", "docs", "directory of prediction-md and plots")
	only := flag.Bool("power", false, "print the tables of the shipped prior alone; without -data, that of drawn feeds")
	seed := flag.Uint64("seed", powerSeed, "seed of the feeds of -power")
	flag.Parse()
	if err := run(*data, *prior, *out, *only, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "bench-predict:", err)
		os.Exit(1)
	}
}

func run(data, prior, out string, only bool, seed uint64) error {
	if only && data == "" {
		shipped := func(string) (predict.Prior, error) { return predict.DefaultPrior(), nil }
		rows, err := power(families, seed, powerFeeds, shipped)
		if err != nil {
			return err
		}
		writePower(os.Stdout, rows)
		printCost(os.Stderr)
		return nil
	}
	feeds, err := backtest.ReadFeeds(data)
	switch {
	case err != nil:
		return err
	case only:
		writeShipped(os.Stdout, feeds)
		return nil
	case prior == "":
		return WriteReport(feeds, powerFeeds, out)
	}
	fitted, err := FitPrior(append(fitFeeds("", powerFeeds), feeds...), Simulate(1, 40, 400))
	if err != nil {
		return err
	}
	source, err := PriorSource(fitted, feeds)
	if err != nil {
		return err
	}
	return os.WriteFile(prior, source, 0o644)
}
