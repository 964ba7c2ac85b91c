package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/drill"
)

func newDrill() *cobra.Command {
	servers := "auto"
	c := &cobra.Command{
		Use:   "drill",
		Short: "Stage failures on scratch warehouses and say what was detected, repaired, lost and done twice",
		Long: `Makes scratch warehouses, runs the real agent on them as a process of its own, and,
stages failures. On an embedded one: the loader stops, a partition is lost, the source
has a new column, the database is away, the receiver of notifications is dead, the agent
is killed. On private PostgreSQL servers, where initdb and pg_basebackup are installed:
the database is killed, the replica is promoted. Run it regularly: it touches nothing of
yours, and takes about a minute. FALSE counts incidents that blamed data which was fine.
Exit code 1 when something was lost, done twice or blamed, 3 when it did not come back.`,
		Example: `  sentinel drill
  sentinel drill --servers off`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if servers != "auto" && servers != "on" && servers != "off" {
				return fmt.Errorf("--servers %s: want auto, on or off", servers)
			}
			d := drill.Drill{Servers: drill.Servers(servers), Now: clock}
			outcomes, err := d.Run(cmd.Context())
			return errors.Join(drill.Report(cmd.OutOrStdout(), outcomes), drillVerdict(outcomes, err))
		},
	}
	const usage = "also on private PostgreSQL servers: auto (where they are installed), on, off"
	c.Flags().StringVar(&servers, "servers", servers, usage)
	return c
}

// drillVerdict turns outcomes into the exit code. What went wrong outweighs a
// drill that did not come to its end.
func drillVerdict(outcomes []drill.Outcome, err error) error {
	for _, o := range outcomes {
		if o.Bad() > 0 {
			return &exitCodeError{exitFailed, err}
		}
	}
	return unavailable(err)
}
