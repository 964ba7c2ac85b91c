// Command bench-anomaly judges every detector on the labelled series of a directory,
// and writes docs/anomaly-benchmark.md with its plots. It compares the detector of the
// product with the textbook detectors of comparison.go. score.go computes the scores,
// and report.go writes the report. With -constants it compares values of constants
// (constants.go).
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	data := flag.String("data", "", "directory with NAME_windows.json files and the series they name")
	out := flag.String("out", "docs", "directory of anomaly-md and plots")
	compare := flag.Bool("constants", false, "only compare constants of the tests for changes")
	flag.Parse()
	if err := run(*data, *out, *compare); err != nil {
		fmt.Fprintln(os.Stderr, "bench-anomaly:", err)
		os.Exit(1)
	}
}

func run(data, out string, compare bool) error {
	sets, err := ReadSets(data)
	if err != nil {
		return err
	}
	if compare {
		return WriteConstants(os.Stdout, sets)
	}
	return WriteReport(sets, out)
}
