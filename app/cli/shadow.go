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
		Short:   "How often plans that were only recorded would have been right",
		Args:    cobra.NoArgs,
		Example: "  sentinel repair shadow --days 14",
		Long: `Tells, by policy, of plans of mode shadow, outside of the roll-out, or of dry_run:
confirmed by the same repair that was applied after all, contradicted by it, or
needless because the incident ended by itself within --grace.`,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s, err := reader(cmd)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			reports, err := repair.ShadowReports(cmd.Context(), s, clock().AddDate(0, 0, -days), grace)
			if err != nil {
				return unavailable(err)
			}
			if len(reports) == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), "no plan was recorded without being applied")
				return err
			}
			tw := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(tw, "POLICY\tPLANNED\tCONFIRMED\tCONTRADICTED\tNEEDLESS\tREFUSED\tUNTOLD\tOPEN\tRIGHT")
			for _, r := range reports {
				right := "-"
				if share, ok := r.Right(); ok {
					right = fmt.Sprintf("%.0f %%", 100*share)
				}
				fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n",
					r.Policy, r.Planned, r.Confirmed, r.Contradicted, r.Needless, r.Refused, r.Untold, r.Open, right)
			}
			return tw.Flush()
		},
	}
	cmd.Flags().IntVar(&days, "days", 30, "how far to look back")
	cmd.Flags().DurationVar(&grace, "grace", 10*time.Minute, "how long a repair takes")
	return cmd
}
