package demo

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/internal/wait"
	"github.com/sentinel-dq/sentinel/store"
)

const (
	waitLimit  = 2 * time.Minute  // for each thing that the agent must do
	quietTime  = 15 * time.Second // between two incidents, once all were staged
	checkCount = 14               // of the configuration
	lineFormat = "%-27s %-8s %-9s %-28s %s\n"
)

// stage breaks and mends the warehouse, and prints how long the agent took to detect
// it.
type stage struct {
	Demo
	state     *store.Store
	warehouse *Warehouse
}

func (s *stage) run(ctx context.Context) error {
	fmt.Fprintf(s.Out, lineFormat, "STAGED", "SEEN IN", "CLEAR IN", "REPAIR", "WHAT SENTINEL SAID")
	start := s.Clock.Now()
	// Every check runs once before, so that there are baselines.
	if err := Poll(ctx, waitLimit, func() (bool, error) {
		results, err := s.state.LastResults(ctx, store.Filter{})
		return len(results) >= checkCount, err
	}); err != nil {
		return err
	}
	for _, i := range incidents {
		if err := s.play(ctx, i); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.Out, "\n%d incidents staged, %d seen and cleared, %d rows loaded, in %s\n",
		len(incidents), len(incidents), s.warehouse.Rows(), s.Clock.Now().Sub(start).Round(time.Second))
	if s.Once {
		return nil
	}
	fmt.Fprintln(s.Out, "\nThe loader goes on, and breaks now and then. Ctrl-C ends it.")
	return s.repeat(ctx)
}

// repeat stages incidents until ctx ends. Incidents that the agent repairs are staged
// only once, because its attempts per hour are bounded.
func (s *stage) repeat(ctx context.Context) error {
	again := slices.DeleteFunc(slices.Clone(incidents), func(i incident) bool { return i.repairState() != "" })
	for n := 0; ; n++ {
		if !wait.For(ctx, quietTime) {
			return ctx.Err()
		}
		if err := s.play(ctx, again[n%len(again)]); err != nil {
			return err
		}
	}
}

// play stages one incident, waits until it is detected, repaired and resolved, and
// prints its line.
func (s *stage) play(ctx context.Context, i incident) error {
	begin := s.Clock.Now()
	message, err := s.seen(ctx, i)
	if err != nil {
		return fmt.Errorf("%s: %w", i.name, err)
	}
	seen := s.Clock.Now().Sub(begin)
	begin = s.Clock.Now()
	repaired, err := s.mended(ctx, i)
	if err != nil {
		return fmt.Errorf("%s: %w", i.name, err)
	}
	cleared := s.Clock.Now().Sub(begin)
	_, err = fmt.Fprintf(s.Out, lineFormat, i.name,
		seen.Round(100*time.Millisecond), cleared.Round(100*time.Millisecond), repaired, message)
	return err
}

// seen causes an incident and waits until the agent has detected it. The agent may have
// repaired it by then.
func (s *stage) seen(ctx context.Context, i incident) (message string, err error) {
	since := s.Clock.Now().Add(-time.Second)
	if err := i.cause(ctx, s.warehouse); err != nil {
		return "", err
	}
	err = Poll(ctx, waitLimit, func() (bool, error) {
		found, err := s.state.Incidents(ctx, store.IncidentFilter{Check: i.check, Resolved: true})
		for _, o := range found {
			for _, f := range o.Findings {
				if i.is(f) && f.Updated.After(since) {
					message = f.Message
				}
			}
		}
		return message != "", err
	})
	if err != nil {
		return "", fmt.Errorf("not seen: %w", err)
	}
	return message, nil
}

// mended waits for the agent's repair, or mends without the agent, and waits until the
// incident is resolved. It returns how the incident was mended.
func (s *stage) mended(ctx context.Context, i incident) (how string, err error) {
	how = "by hand"
	if end := i.repairState(); end != "" {
		if err := Poll(ctx, waitLimit, func() (bool, error) { return s.repairEnded(ctx, i.check, end) }); err != nil {
			return "", fmt.Errorf("no repair that is %s: %w", end, err)
		}
		how = "verified"
	}
	if i.unhelpful {
		how = "not applied, then by hand"
	}
	if i.mend != nil {
		if err := i.mend(ctx, s.warehouse); err != nil {
			return "", err
		}
	}
	if err := Poll(ctx, waitLimit, func() (bool, error) { return s.cleared(ctx, i) }); err != nil {
		return "", fmt.Errorf("not cleared: %w", err)
	}
	return how, nil
}

func (s *stage) cleared(ctx context.Context, i incident) (bool, error) {
	open, err := s.state.OpenIncidents(ctx)
	for _, o := range open {
		if slices.ContainsFunc(o.OpenFindings(), i.is) {
			return false, err
		}
	}
	return err == nil, err
}

// repairEnded reports whether the newest repair of the check has ended.
func (s *stage) repairEnded(ctx context.Context, check string, end sentinel.RepairState) (bool, error) {
	repairs, err := s.state.Repairs(ctx, store.RepairFilter{Check: check, Limit: 1})
	if err != nil || len(repairs) == 0 {
		return false, err
	}
	r := repairs[0]
	if r.State.Final() && r.State != end && r.State != sentinel.RepairCancelled {
		return false, fmt.Errorf("repair %s: %s: %s", r.ID, r.State, r.Message)
	}
	return r.State == end, nil
}
