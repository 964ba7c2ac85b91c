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
		Short: "Stage failures on scratch warehouses and report what was detected, repaired, lost or done twice",
		Long: `Creates scratch warehouses, runs the real agent on them as a separate process, and
stages failures.

Embedded warehouse: the loader stops, a partition is lost, the source of a repair would
not help, the source gets a new column, the database is unavailable, the receiver of
notifications is unavailable, the agent is killed, its state is lost and restored from
a backup.
Private PostgreSQL servers, if initdb and pg_basebackup are installed: the database
is killed, the replica is promoted.

The drill touches none of your data and takes about a minute. Run it regularly.
FALSE counts incidents about data that was fine.

Exit codes: 0 fine; 1 something was lost, was done twice, or was a false incident;
3 the system did not recover.`,
		Example: `  sentinel drill
  sentinel drill --servers off`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if servers != "auto" && servers != "on" && servers != "off" {
				return fmt.Errorf("--servers %s: want auto, on or off", servers)
			}
			d := drill.Drill{Servers: drill.Servers(servers), Clock: clock}
			outcomes, err := d.Run(cmd.Context())
			return errors.Join(drill.Report(cmd.OutOrStdout(), outcomes), drillVerdict(outcomes, err))
		},
	}
	const usage = "private PostgreSQL servers too: auto (if PostgreSQL is installed), on or off"
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
