// Command bench-state measures what the state of a fleet of checks takes on disk, and what
// recording costs in processor time.
//
//	go run -C tools ./bench-state -checks 400 -every 30m -days 90
//	go run -C tools ./bench-state -state postgres://user@host/database
//
// It records the ticks of a simulated fleet, prunes once a day as the agent does, and prints
// the bytes of the state over all results that were recorded. Without -state the state is a
// file in a temporary directory. A database must be empty.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/sentinel-dq/sentinel/store"
)

// options are those of the command line.
type options struct {
	state     string
	checks    int
	every     time.Duration
	days      int
	retention time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.state, "state", "", "where the state is; default: a temporary file")
	flag.IntVar(&o.checks, "checks", 400, "checks of the fleet, four a dataset")
	flag.DurationVar(&o.every, "every", 30*time.Minute, "time between two ticks")
	flag.IntVar(&o.days, "days", 90, "days to simulate")
	flag.DurationVar(&o.retention, "retention", 90*24*time.Hour, "how long history is kept")
	profile := flag.String("cpuprofile", "", "where to write a profile of the processor time")
	flag.Parse()
	if err := profiled(*profile, func() error { return run(context.Background(), o) }); err != nil {
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
	if o.state == "" {
		dir, err := os.MkdirTemp("", "bench-state")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		o.state = "sqlite:" + filepath.Join(dir, "state.db")
	}
	s, err := store.Open(ctx, o.state)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	fleet := newFleet(o.checks/checksADataset, o.every)
	fmt.Printf("%d checks every %s for %d days, kept for %s\n", o.checks, o.every, o.days, o.retention)
	fmt.Printf("%6s %10s %10s %14s %18s %18s\n", "DAY", "RESULTS", "MB", "BYTES/RESULT", "RECORD us/RESULT", "PRUNE us/RESULT")
	var spent cost
	for day := 1; day <= o.days; day++ {
		if err := fleet.day(ctx, s, o, &spent); err != nil {
			return err
		}
		if day == 1 || day == 7 || day == 30 || day == o.days {
			st, err := s.Stats(ctx)
			if err != nil {
				return err
			}
			n := float64(spent.results)
			fmt.Printf("%6d %10d %10.1f %14.1f %18.1f %18.1f\n", day, spent.results, float64(st.Bytes)/1e6,
				float64(st.Bytes)/n, float64(spent.record.Microseconds())/n, float64(spent.prune.Microseconds())/n)
		}
	}
	return printTables(ctx, o.state, spent.results)
}

// cost is what the fleet has spent.
type cost struct {
	results       int
	record, prune time.Duration // of processor time
}

// day records the ticks of one day, and prunes once.
func (f *fleet) day(ctx context.Context, s *store.Store, o options, spent *cost) error {
	began := processorTime()
	for end := f.now.Add(24 * time.Hour); f.now.Before(end); f.now = f.now.Add(f.every) {
		for _, b := range f.tick() {
			if _, err := s.Record(ctx, b); err != nil {
				return err
			}
			spent.results += len(b.Results)
		}
	}
	recorded := processorTime()
	_, err := s.Prune(ctx, f.now, o.retention)
	spent.record += recorded - began
	spent.prune += processorTime() - recorded
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

// printTables prints what each table takes with its indexes.
func printTables(ctx context.Context, state string, results int) (err error) {
	driver, query := "sqlite", `
SELECT m.tbl_name, sum(s.pgsize) FROM dbstat s JOIN sqlite_master m ON m.name = s.name
GROUP BY 1 ORDER BY 2 DESC LIMIT 8`
	path, file := strings.CutPrefix(state, "sqlite:")
	if !file {
		driver, query = "pgx", `
SELECT relname, pg_total_relation_size(oid) FROM pg_class
WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace ORDER BY 2 DESC LIMIT 8`
	}
	db, err := sql.Open(driver, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var bytes int64
		if err := rows.Scan(&name, &bytes); err != nil {
			return err
		}
		fmt.Printf("%-12s %10.1f MB %10.1f bytes/result\n", name, float64(bytes)/1e6, float64(bytes)/float64(results))
	}
	return rows.Err()
}
