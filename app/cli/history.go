package cli

import (
	"errors"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/store"
)

func newHistory() *cobra.Command {
	var check, metric, segment string
	var limit int
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Print the recorded runs or values of a check",
		Long: `Without --check: the recorded series. With --check: the runs of the check, newest
first. With --metric as well: the values of that metric, oldest first.`,
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
					printf(tw, "%s\t%s\t%s\n", v.Check, v.Metric, v.Segment)
				}
			case metric == "":
				runs, err := s.Runs(cmd.Context(), check, time.Unix(0, 0), limit)
				if err != nil {
					return unavailable(err)
				}
				for _, r := range runs {
					printf(tw, "%s\t%s\t%s\n", r.Tick.Format(time.RFC3339), r.Status, r.Message)
				}
			default:
				series := store.Series{Check: check, Metric: metric, Segment: segment}
				points, err := s.Points(cmd.Context(), series, time.Time{}, limit)
				if err != nil {
					return unavailable(err)
				}
				for _, p := range points {
					printf(tw, "%s\t%s\n", p.Time.Format(time.RFC3339), sentinel.Float(p.Value))
				}
			}
			return tw.Flush()
		},
	}
	cmd.Flags().StringVar(&check, "check", "", "id of the check")
	cmd.Flags().StringVar(&metric, "metric", "", "metric, such as row_count or freshness_seconds")
	cmd.Flags().StringVar(&segment, "segment", "", "segment, such as country=DE")
	cmd.Flags().IntVar(&limit, "limit", 100, "highest number of lines; the newest are printed")
	cmd.AddCommand(newLabel())
	return cmd
}
