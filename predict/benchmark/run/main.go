// Command run judges the predictor on the feeds of a directory and writes the
// report with its plots, or fits the pooled prior anew.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/sentinel-dq/sentinel/predict/benchmark"
)

func main() {
	data := flag.String("data", "", "directory with feeds.json and one CSV per feed")
	prior := flag.String("prior", "", "fit the pooled prior on the feeds and write it to this Go file")
	out := flag.String("out", "docs", "directory of prediction-benchmark.md and plots")
	flag.Parse()
	if err := run(*data, *prior, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench-predict:", err)
		os.Exit(1)
	}
}

func run(data, prior, out string) error {
	feeds, err := benchmark.ReadFeeds(data)
	if err != nil {
		return err
	}
	if prior == "" {
		return benchmark.WriteReport(feeds, out)
	}
	fitted, err := benchmark.FitPrior(feeds, benchmark.Simulate(1, 40, 400))
	if err != nil {
		return err
	}
	source, err := benchmark.PriorSource(fitted, feeds)
	if err != nil {
		return err
	}
	return os.WriteFile(prior, source, 0o644)
}
