// Command record-alerts runs real agents through situations, by a clock that is faster than
// the machine's, and writes the series that the rules use to rules/testdata. The tests of the
// rules judge them.
//
//	make record-alerts RECORD="[-only NAME,NAME]"
//
// situations.go has the situations, run.go runs one, and series.go writes what was scraped.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"

	"github.com/sentinel-dq/sentinel/tools/internal/scaled"
)

func main() {
	scaled.Child()
	only := flag.String("only", "", "names of situations, with commas between them; default: all")
	out := flag.String("out", "../rules/testdata", "folder of the recordings")
	at := flag.Int("at-once", 4, "situations that run at a time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	used, err := usedByRules()
	if err != nil {
		fmt.Fprintln(os.Stderr, "record-alerts:", err)
		os.Exit(2)
	}
	var failed sync.Map
	var running sync.WaitGroup
	free := make(chan struct{}, *at)
	for _, s := range situations() {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), s.name) {
			continue
		}
		free <- struct{}{}
		running.Go(func() {
			defer func() { <-free }()
			if err := record(ctx, s, used, *out); err != nil {
				failed.Store(s.name, err)
				fmt.Fprintf(os.Stderr, "record-alerts: %s: %v\n", s.name, err)
				return
			}
			fmt.Println("recorded", s.name)
		})
	}
	running.Wait()
	if private != nil {
		private.Stop()
	}
	failed.Range(func(any, any) bool { os.Exit(1); return false })
}
