// Command bench-anomaly judges every detector on the labelled series of a directory,
// and writes docs/anomaly-benchmark.md with its plots. It compares the detector of the
// product with the textbook detectors of comparison.go. score.go computes the scores,
// and report.go writes the report.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	data := flag.String("data", "", "directory with NAME_windows.json files and the series they name")
	out := flag.String("out", "docs", "directory of anomaly-md and plots")
	flag.Parse()
	if err := run(*data, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench-anomaly:", err)
		os.Exit(1)
	}
}

func run(data, out string) error {
	sets, err := ReadSets(data)
	if err != nil {
		return err
	}
	return WriteReport(sets, out)
}
