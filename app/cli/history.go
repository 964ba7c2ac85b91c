package cli

import (
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
)

func newHistory() *cobra.Command {
	var check, metric, segment string
	var limit int
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Print what is remembered of a check",
		Long: `Without --metric the check's runs, newest first; with --metric its numbers, oldest first.
Without --check the remembered series.`,
		Example: "  sentinel history --check shop.public.orders/row_count --metric row_count",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s, err := reader(cmd)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			tw := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			switch {
			case check == "":
				series, err := s.SeriesOf(cmd.Context(), "")
				if err != nil {
					return unavailable(err)
				}
				for _, v := range series {
					fmt.Fprintf(tw, "%s\t%s\t%s\n", v.Check, v.Metric, v.Segment)
				}
			case metric == "":
				runs, err := s.Runs(cmd.Context(), check, time.Unix(0, 0), limit)
				if err != nil {
					return unavailable(err)
				}
				for _, r := range runs {
					fmt.Fprintf(tw, "%s\t%s\t%s\n", r.Tick.Format(time.RFC3339), r.Status, r.Message)
				}
			default:
				points, err := s.Points(cmd.Context(), check, metric, segment, time.Time{}, limit)
				if err != nil {
					return unavailable(err)
				}
				for _, p := range points {
					fmt.Fprintf(tw, "%s\t%s\n", p.Time.Format(time.RFC3339), sentinel.Float(p.Value))
				}
			}
			return tw.Flush()
		},
	}
	cmd.Flags().StringVar(&check, "check", "", "the check's id")
	cmd.Flags().StringVar(&metric, "metric", "", "row_count, freshness_seconds, ...")
	cmd.Flags().StringVar(&segment, "segment", "", "segment, such as country=DE")
	cmd.Flags().IntVar(&limit, "limit", 100, "newest at most")
	cmd.AddCommand(newLabel())
	return cmd
}
