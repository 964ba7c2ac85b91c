// Command bench-predict judges the risk model on the feeds of a directory, and writes
// docs/prediction-benchmark.md with its plots. With -prior it fits the pooled prior
// again. It compares the model with the simple predictors of baselines.go. fit.go fits
// the prior, and simulate.go simulates feeds with the features that recorded ones lack.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/sentinel-dq/sentinel/predict/backtest"
)

func main() {
	data := flag.String("data", "", "directory with feeds.json and one CSV per feed")
	prior := flag.String("prior", "", "fit the pooled prior on the feeds and write it to this Go file")
	out := flag.String("out", "docs", "directory of prediction-md and plots")
	flag.Parse()
	if err := run(*data, *prior, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench-predict:", err)
		os.Exit(1)
	}
}

func run(data, prior, out string) error {
	feeds, err := backtest.ReadFeeds(data)
	if err != nil {
		return err
	}
	if prior == "" {
		return WriteReport(feeds, out)
	}
	fitted, err := FitPrior(feeds, Simulate(1, 40, 400))
	if err != nil {
		return err
	}
	source, err := PriorSource(fitted, feeds)
	if err != nil {
		return err
	}
	return os.WriteFile(prior, source, 0o644)
}
