// Package drill stages failures on scratch warehouses, runs the real agent on them as a
// process of its own, and measures what the agent detected, repaired, lost and did
// twice. Begin with [Drill.Run]. failures.go has the failures of an embedded warehouse,
// servers.go those of PostgreSQL servers.
package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/demo"
)

// Servers says whether private PostgreSQL servers take part.
type Servers string

// Auto leaves servers out where PostgreSQL is not installed. With On that is an error.
const (
	Auto Servers = "auto"
	On   Servers = "on"
	Off  Servers = "off"
)

// Drill configures a drill. The running executable is the agent.
type Drill struct {
	Servers Servers
	Clock   sentinel.Clock
}

// Outcome is what became of one failure.
type Outcome struct {
	Name     string
	Detected time.Duration // below 0: not measured
	Repaired time.Duration // until all was well; below 0: not measured
	Lost     int           // rows, ticks or notifications
	Twice    int           // rows, ticks, notifications or repairs
	Wrong    int           // incidents that blamed data which was fine
	Note     string
}

// Bad counts what went wrong.
func (o Outcome) Bad() int { return o.Lost + o.Twice + o.Wrong }

// Run stages all failures, on both kinds of warehouse at once. On an error it returns
// the outcomes so far.
func (d Drill) Run(ctx context.Context) (outcomes []Outcome, err error) {
	dir, err := os.MkdirTemp("", "sentinel-drill-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	embedded, served := filepath.Join(dir, "embedded"), filepath.Join(dir, "servers")
	if err := errors.Join(os.Mkdir(embedded, 0o700), os.Mkdir(served, 0o700)); err != nil {
		return nil, err
	}
	var onServers []Outcome
	var failed error
	var parts sync.WaitGroup
	if d.Servers != Off {
		parts.Go(func() { onServers, failed = d.onServers(ctx, served) })
	}
	outcomes, err = d.onEmbedded(ctx, embedded)
	parts.Wait()
	return append(outcomes, onServers...), errors.Join(err, failed)
}

// waitLimit limits each wait for the agent.
const waitLimit = 2 * time.Minute

func until(ctx context.Context, met func() (bool, error)) error {
	return demo.Poll(ctx, waitLimit, met)
}

// staged runs failures one after the other.
func staged(ctx context.Context, failures ...func(context.Context) (Outcome, error)) (outcomes []Outcome, err error) {
	for _, failure := range failures {
		o, err := failure(ctx)
		if err != nil {
			return outcomes, fmt.Errorf("%s: %w", o.Name, err)
		}
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}

// Report writes a table with a line for each Outcome.
func Report(out io.Writer, outcomes []Outcome) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-32s %-12s %-12s %-5s %-6s %-6s %s\n",
		"FAILURE", "DETECTED IN", "WELL IN", "LOST", "TWICE", "FALSE", "")
	for _, o := range outcomes {
		fmt.Fprintf(&b, "%-32s %-12s %-12s %-5d %-6d %-6d %s\n",
			o.Name, took(o.Detected), took(o.Repaired), o.Lost, o.Twice, o.Wrong, o.Note)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func took(d time.Duration) string {
	if d < 0 {
		return "-"
	}
	return d.Round(100 * time.Millisecond).String()
}
