// Command bench-state measures what the state of a fleet of checks takes on disk, and what
// recording costs in processor time.
//
//	go run -C tools ./bench-state -checks 400 -every 30m -days 90
//	go run -C tools ./bench-state -states sqlite:state.db,postgres://user@host/database
//	go run -C tools ./bench-state -growth 1000,10000,100000 -growth-days 7,90,365
//
// It records the ticks of a simulated fleet, prunes once a day as the agent does, and prints
// the bytes of the state over all results that were recorded. Without -states the state is a
// file in a temporary directory. Several states get the same ticks, a day in turn, so that a
// machine that is busy is fair to all. A database must be empty. Days pass in seconds, so that
// the autovacuum of a server does not come: once in a simulated hour the bench vacuums the
// tables of which each tick replaces the rows. The last command starts real agents on states
// that have one tick a day, and prints what they take; see growth.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"github.com/sentinel-dq/sentinel/store"
	"github.com/sentinel-dq/sentinel/tools/internal/scaled"
)

// options are those of the command line.
type options struct {
	states    string
	checks    int
	every     time.Duration
	days      int
	retention time.Duration
}

func main() {
	scaled.Child()
	var o options
	flag.StringVar(&o.states, "states", "file", "where states are, with commas; file: a temporary file")
	flag.IntVar(&o.checks, "checks", 400, "checks of the fleet, four a dataset")
	flag.DurationVar(&o.every, "every", 30*time.Minute, "time between two ticks")
	flag.IntVar(&o.days, "days", 90, "days to simulate")
	flag.DurationVar(&o.retention, "retention", 90*24*time.Hour, "how long history is kept")
	grow := flag.String("growth", "", "measure agents on growing states instead, of these numbers of checks (1000,10000)")
	ages := flag.String("growth-days", "7,90,365", "days of the growing states")
	profile := flag.String("cpuprofile", "", "where to write a profile of the processor time")
	flag.Parse()
	err := profiled(*profile, func() error {
		if *grow != "" {
			return growth(context.Background(), *grow, *ages)
		}
		return run(context.Background(), o)
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-state:", err)
		os.Exit(1)
	}
}

// profiled runs do, and writes a profile of it to path unless that is empty.
func profiled(path string, do func() error) error {
	if path == "" {
		return do()
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return errors.Join(err, f.Close())
	}
	err = do()
	pprof.StopCPUProfile()
	return errors.Join(err, f.Close())
}

func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "bench-state")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var benches []*bench
	defer func() {
		for _, b := range benches {
			err = errors.Join(err, b.close())
		}
	}()
	for n, address := range strings.Split(o.states, ",") {
		if address == "file" {
			address = "sqlite:" + filepath.Join(dir, fmt.Sprintf("state-%d.db", n))
		}
		b, err := open(ctx, o, address)
		if err != nil {
			return err
		}
		benches = append(benches, b)
	}
	fmt.Printf("%d checks every %s for %d days, kept for %s\n", o.checks, o.every, o.days, o.retention)
	fmt.Printf("%-9s %6s %10s %10s %14s %18s %18s\n",
		"STATE", "DAY", "RESULTS", "MB", "BYTES/RESULT", "RECORD us/RESULT", "PRUNE us/RESULT")
	for day := 1; day <= o.days; day++ {
		for _, b := range benches {
			if err := b.day(ctx); err != nil {
				return err
			}
			if day == 1 || day == 7 || day == 30 || day == o.days {
				if err := b.print(ctx, day); err != nil {
					return err
				}
			}
		}
	}
	for _, b := range benches {
		fmt.Println(b.database.engine)
		if err := b.database.printTables(ctx, b.results); err != nil {
			return err
		}
	}
	return nil
}

// bench is one run, and what it has spent.
type bench struct {
	options
	store         *store.Store
	database      database
	fleet         *fleet
	results       int
	record, prune time.Duration // of processor time
}

func open(ctx context.Context, o options, address string) (*bench, error) {
	db, err := openDatabase(address)
	if err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, address)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &bench{options: o, store: s, database: db, fleet: newFleet(o.checks/checksADataset, o.every)}, nil
}

func (b *bench) close() error { return errors.Join(b.store.Close(), b.database.Close()) }

// print prints what the state takes and has cost until now.
func (b *bench) print(ctx context.Context, day int) error {
	st, err := b.store.Stats(ctx)
	if err != nil {
		return err
	}
	n := float64(b.results)
	fmt.Printf("%-9s %6d %10d %10.1f %14.1f %18.1f %18.1f\n", b.database.engine, day, b.results, float64(st.Bytes)/1e6,
		float64(st.Bytes)/n, float64(b.record.Microseconds())/n, float64(b.prune.Microseconds())/n)
	return nil
}

// day records the ticks of one day, and prunes once.
func (b *bench) day(ctx context.Context) error {
	f := b.fleet
	for end := f.now.Add(24 * time.Hour); f.now.Before(end); f.now = f.now.Add(f.every) {
		batches := f.tick()
		began := processorTime()
		for _, batch := range batches {
			if _, err := b.store.Record(ctx, batch); err != nil {
				return err
			}
			b.results += len(batch.Results)
		}
		b.record += processorTime() - began
		if f.now.Minute() == 0 {
			if err := b.database.vacuum(ctx); err != nil {
				return err
			}
		}
	}
	recorded := processorTime()
	_, err := b.store.Prune(ctx, f.now, b.retention)
	b.prune += processorTime() - recorded
	return err
}

// processorTime is the processor time of this process, which is zero if the system does not
// tell.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
