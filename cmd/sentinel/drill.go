package main

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

	"github.com/spf13/cobra"
)

func newDrill() *cobra.Command {
	servers := "auto"
	c := &cobra.Command{
		Use: "drill", Short: "Stage failures on scratch warehouses and say what was detected, repaired, lost and done twice",
		Long: `Makes scratch warehouses, runs the real agent on them as a process of its own, and
stages failures. On an embedded one: the loader stops, a partition is lost, the source
has a new column, the database is away, the receiver of notices is dead, the agent is
killed. On private PostgreSQL servers, where initdb and pg_basebackup are installed: the
database is killed, the replica is promoted. Run it regularly: it touches nothing of
yours, and takes about a minute. FALSE counts incidents that blamed data which was fine.
Exit code 1 when something was lost, done twice or blamed, 3 when it did not come back.`,
		Example: "  sentinel drill\n  sentinel drill --servers off", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if servers != "auto" && servers != "on" && servers != "off" {
				return fmt.Errorf("--servers %s: want auto, on or off", servers)
			}
			return drill(cmd.Context(), cmd.OutOrStdout(), servers)
		},
	}
	c.Flags().StringVar(&servers, "servers", servers, "also on private PostgreSQL servers: auto (where they are installed), on, off")
	return c
}

// outcome is one line of the table.
type outcome struct {
	name               string
	detected, repaired time.Duration // below 0: there is nothing to tell
	lost, twice, wrong int
	note               string
}

// drill stages everything, on both kinds of warehouse at once.
func drill(ctx context.Context, out io.Writer, servers string) (err error) {
	dir, err := os.MkdirTemp("", "sentinel-drill-")
	if err != nil {
		return couldNotLook(err)
	}
	defer func() { err = errors.Join(err, couldNotLook(os.RemoveAll(dir))) }()
	embedded, served := filepath.Join(dir, "embedded"), filepath.Join(dir, "servers")
	if err := errors.Join(os.Mkdir(embedded, 0o700), os.Mkdir(served, 0o700)); err != nil {
		return couldNotLook(err)
	}
	var onServers []outcome
	var failed error
	var parts sync.WaitGroup
	if servers != "off" {
		parts.Go(func() { onServers, failed = drillServers(ctx, served, servers == "on") })
	}
	outcomes, err := drillEmbedded(ctx, embedded)
	parts.Wait()
	return errors.Join(report(out, append(outcomes, onServers...)), couldNotLook(errors.Join(err, failed)))
}

// staged runs failures one after the other.
func staged(ctx context.Context, failures ...func(context.Context) (outcome, error)) (outcomes []outcome, err error) {
	for _, failure := range failures {
		o, err := failure(ctx)
		if err != nil {
			return outcomes, fmt.Errorf("%s: %w", o.name, err)
		}
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}

func report(out io.Writer, outcomes []outcome) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-32s %-12s %-12s %-5s %-6s %-6s %s\n", "FAILURE", "DETECTED IN", "WELL IN", "LOST", "TWICE", "FALSE", "")
	bad := 0
	for _, o := range outcomes {
		fmt.Fprintf(&b, "%-32s %-12s %-12s %-5d %-6d %-6d %s\n", o.name, took(o.detected), took(o.repaired), o.lost, o.twice, o.wrong, o.note)
		bad += o.lost + o.twice + o.wrong
	}
	if _, err := io.WriteString(out, b.String()); err != nil {
		return err
	}
	if bad > 0 {
		return &exitCodeError{code: exitFailed}
	}
	return nil
}

func took(d time.Duration) string {
	if d < 0 {
		return "-"
	}
	return d.Round(100 * time.Millisecond).String()
}
