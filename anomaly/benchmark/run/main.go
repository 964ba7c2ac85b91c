// Command run judges every detector on the labelled series of a directory and
// writes the report with its plots.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/sentinel-dq/sentinel/anomaly/benchmark"
)

func main() {
	data := flag.String("data", "", "directory with NAME_windows.json files and the series they name")
	out := flag.String("out", "docs", "directory of anomaly-benchmark.md and plots")
	flag.Parse()
	if err := run(*data, *out); err != nil {
		fmt.Fprintln(os.Stderr, "bench-anomaly:", err)
		os.Exit(1)
	}
}

func run(data, out string) error {
	sets, err := benchmark.ReadSets(data)
	if err != nil {
		return err
	}
	return benchmark.WriteReport(sets, out)
}
