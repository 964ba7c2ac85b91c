package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sentinel-dq/sentinel/tools/internal/scaled"
)

// scrapes is how many scrapes make one sample. It is their median.
const scrapes = 5

// soak is one run.
type soak struct {
	options
	world  *world
	agent  *scaled.Agent
	values [4][]float64 // by measure, one of each sample
	last   scaled.Metrics
	play   error // what ended the events
}

// measure takes samples until the time is over, and prints each. What the agent did while
// it started is not measured.
func (s *soak) measure(ctx context.Context, played <-chan error) error {
	every := s.length / time.Duration(s.samples*scrapes)
	tick := time.NewTicker(every)
	defer tick.Stop()
	fmt.Fprintf(s.out, "%8s %8s %12s %12s %11s %11s %8s %8s\n",
		"WALL", "CLOCK", "MEMORY MiB", "DESCRIPTORS", "GOROUTINES", "STATE MiB", "RESULTS", "NOTICES")
	begin := s.world.clock.Now()
	for n := range s.samples {
		var sample [4][]float64
		for range scrapes {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case s.play = <-played:
				return errors.New("the events have ended")
			case <-tick.C:
			}
			now, err := s.scrape(ctx)
			if err != nil {
				return err
			}
			for m := range now {
				sample[m] = append(sample[m], now[m])
			}
		}
		for m := range sample {
			s.values[m] = append(s.values[m], median(sample[m]))
		}
		fmt.Fprintf(s.out, "%8s %8s %12.1f %12.0f %11.0f %11.2f %8.0f %8d\n",
			(time.Duration((n+1)*scrapes) * every).Round(time.Second),
			fmt.Sprintf("%.1fd", s.world.clock.Now().Sub(begin).Hours()/24),
			s.values[0][n], s.values[1][n], s.values[2][n], s.values[3][n],
			s.last.Sum("sentinel_check_results_total"), s.world.notices.Load())
	}
	return nil
}

// scrape measures once, in the order of the measures.
func (s *soak) scrape(ctx context.Context) (values [4]float64, err error) {
	const mib = 1 << 20
	if s.last, err = s.agent.Scrape(ctx); err != nil {
		return values, err
	}
	state, err := s.world.stateSize()
	return [4]float64{
		s.last.Sum("process_resident_memory_bytes") / mib, s.last.Sum("process_open_fds"),
		s.last.Sum("go_goroutines"), float64(state) / mib,
	}, err
}

// judge prints what the agent did and a verdict for each measure. The first half of the
// time is left out, in which the state fills up to its retention.
func (s *soak) judge() (flat bool) {
	fmt.Fprintln(s.out)
	flat = true
	for _, did := range []struct {
		what string
		n    float64
	}{
		{"results", s.last.Sum("sentinel_check_results_total")},
		{"failed checks", s.last.Sum("sentinel_check_results_total", "status=fail")},
		{"checks in error", s.last.Sum("sentinel_check_results_total", "status=error")},
		{"incidents opened", s.last.Sum("sentinel_incidents_total", "transition=opened")},
		{"repairs that helped", s.last.Sum("sentinel_repairs_total", "outcome=succeeded")},
		{"notices delivered", float64(s.world.notices.Load())},
		{"notices tried again", s.last.Sum("sentinel_notifications_total", "outcome=retried")},
		{"reloads", float64(s.world.reloads)},
	} {
		fmt.Fprintf(s.out, "%-20s %8.0f\n", did.what, did.n)
		if did.n == 0 {
			fmt.Fprintf(s.out, "NOT JUDGED: there were no %s\n", did.what)
			flat = false
		}
	}
	fmt.Fprintln(s.out)
	for m, of := range measures {
		values := s.values[m]
		ok, why := of.verdict(values[len(values)/2:], s.growth)
		word := "flat"
		if !ok {
			word, flat = "NOT FLAT", false
		}
		fmt.Fprintf(s.out, "%-12s %-8s %s\n", of.name, word, why)
	}
	return flat
}
