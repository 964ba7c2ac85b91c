// Command soak runs a real agent for long beside warehouses where something goes wrong again
// and again, with a clock that is faster than the machine's, and says whether its memory,
// descriptors, goroutines and state stay flat. It exits with 1 if one of them does not.
//
//	make soak SOAK="[-length 60m] [-of 720h]"
//
// world.go makes the warehouses, events.go is what happens to them, and verdict.go judges.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel/testenv"
	"github.com/sentinel-dq/sentinel/tools/internal/scaled"
)

// options are what a soak is made of.
type options struct {
	length   time.Duration // on the machine's clock
	of       time.Duration // the time that passes for the agent
	samples  int           // how often it is measured
	growth   float64       // part of its median that a measure may grow by
	postgres string        // DSN of a database
	mysql    string
	out      io.Writer
}

func main() {
	scaled.Child()
	o := options{out: os.Stdout, samples: 60, growth: 0.1}
	flag.DurationVar(&o.length, "length", time.Hour, "how long the agent runs")
	flag.DurationVar(&o.of, "of", 30*24*time.Hour, "the time that passes for it meanwhile")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	flat, err := o.onServers(ctx)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(2)
	case !flat:
		os.Exit(1)
	}
}

// onServers soaks on servers of its own.
func (o options) onServers(ctx context.Context) (flat bool, err error) {
	pg, err := testenv.StartPostgres("fsync=off")
	if err != nil {
		return false, err
	}
	defer pg.Stop()
	my, err := testenv.StartMySQL()
	if err != nil {
		return false, err
	}
	defer my.Stop()
	admin, err := sql.Open("mysql", my.DSN)
	if err != nil {
		return false, err
	}
	_, err = admin.ExecContext(ctx, "CREATE DATABASE soak")
	if err := errors.Join(err, admin.Close()); err != nil {
		return false, err
	}
	o.postgres, o.mysql = pg.DSN, strings.Replace(my.DSN, ")/", ")/soak", 1)
	dir, err := os.MkdirTemp("", "sentinel-soak-")
	if err != nil {
		return false, err
	}
	flat, err = o.run(ctx, dir)
	if err != nil || !flat {
		fmt.Fprintln(o.out, "the agent's log, state and heap profile are kept in", dir)
		return flat, err
	}
	return flat, os.RemoveAll(dir)
}

// run soaks in a directory.
func (o options) run(ctx context.Context, dir string) (flat bool, err error) {
	rate := float64(o.of) / float64(o.length)
	clock := scaled.NewClock(time.Now().Truncate(time.Hour), rate)
	w, err := newWorld(ctx, dir, o, clock)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	a, err := scaled.Start(w.config(), w.address, filepath.Join(dir, "sentinel.log"), clock)
	if err != nil {
		return false, err
	}
	if err := a.AwaitReady(ctx); err != nil {
		return false, errors.Join(err, a.Kill())
	}
	fmt.Fprintf(o.out, "%s of the agent's time in %s, %.0f times as fast as the machine's\n\n", o.of, o.length, rate)
	s := &soak{options: o, world: w, agent: a}
	playing, stop := context.WithCancel(ctx)
	played := make(chan error, 1)
	go func() { played <- w.play(playing, a) }()
	measured := s.measure(ctx, played)
	stop()
	if flat = measured == nil && s.judge(); !flat {
		measured = errors.Join(measured, a.ProfileHeap())
	}
	return flat, errors.Join(measured, s.play, a.Stop())
}
