package cli

import (
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/repair"
)

// newShadow reports on plans that were recorded and not applied.
func newShadow() *cobra.Command {
	var days int
	var grace time.Duration
	cmd := &cobra.Command{
		Use:     "shadow",
		Short:   "Report how often recorded plans would have been right",
		Args:    cobra.NoArgs,
		Example: "  sentinel repair shadow --days 14",
		Long: `Reports on plans that were recorded and not applied, by policy. These are plans of
mode shadow, plans outside the roll-out, and plans under dry_run.

CONFIRMED     the same repair was applied later and helped
CONTRADICTED  the same repair was applied later and did not help
NEEDLESS      the incident ended by itself within --grace
REFUSED       the plan itself said that it must not be applied
UNDECIDED     the incident lasted longer than --grace, and nobody tried the repair
OPEN          the incident has not ended
RIGHT         share of CONFIRMED among CONFIRMED, CONTRADICTED and NEEDLESS`,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s, err := reader(cmd)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			reports, err := repair.ShadowReports(cmd.Context(), s, clock.Now().AddDate(0, 0, -days), grace)
			if err != nil {
				return unavailable(err)
			}
			if len(reports) == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "no plan was recorded without being applied")
				return err
			}
			tw := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(tw, "POLICY\tPLANNED\tCONFIRMED\tCONTRADICTED\tNEEDLESS\tREFUSED\tUNDECIDED\tOPEN\tRIGHT")
			for _, r := range reports {
				right := "-"
				if share, ok := r.Right(); ok {
					right = fmt.Sprintf("%.0f %%", 100*share)
				}
				printf(tw, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n",
					r.Policy, r.Planned, r.Confirmed, r.Contradicted, r.Needless, r.Refused, r.Unknown, r.Open, right)
			}
			return tw.Flush()
		},
	}
	cmd.Flags().IntVar(&days, "days", 30, "number of days to report on")
	cmd.Flags().DurationVar(&grace, "grace", 10*time.Minute, "time that a repair takes")
	return cmd
}
