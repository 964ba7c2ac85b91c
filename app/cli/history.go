package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/anomaly"
	"github.com/sentinel-dq/sentinel/store"
)

func newHistory() *cobra.Command {
	var check, metric, segment string
	var limit int
	var explain bool
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Print the recorded runs or values of a check",
		Long: `Without --check: the recorded series. With --check: the runs of the check, newest
first. With --metric as well: the values of that metric, oldest first.

With --explain: what the check's anomaly: expected of each value, and why. The values are
judged again from the recorded past.`,
		Example: `  sentinel history --check shop.public.orders/row_count --metric row_count
  sentinel history --check shop.public.orders/row_count --metric row_count --explain --limit 7`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s, err := reader(cmd)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			tw := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			of := store.Series{Check: check, Metric: metric, Segment: segment}
			if explain {
				err = explainHistory(cmd, s, tw, of, limit)
			} else {
				err = printHistory(cmd.Context(), s, tw, of, limit)
			}
			return errors.Join(err, tw.Flush())
		},
	}
	cmd.Flags().StringVar(&check, "check", "", "id of the check")
	cmd.Flags().StringVar(&metric, "metric", "", "metric, such as row_count or freshness_seconds")
	cmd.Flags().StringVar(&segment, "segment", "", "segment, such as country=DE")
	cmd.Flags().IntVar(&limit, "limit", 100, "highest number of lines; the newest are printed")
	cmd.Flags().BoolVar(&explain, "explain", false, "print what was expected of each value, and why")
	cmd.AddCommand(newLabel())
	return cmd
}

// printHistory prints all series, the runs of a check, or its values, by what of a series is named.
func printHistory(ctx context.Context, s *store.Store, w io.Writer, of store.Series, limit int) error {
	switch {
	case of.Check == "":
		series, err := s.SeriesOf(ctx, "")
		if err != nil {
			return unavailable(err)
		}
		for _, v := range series {
			printf(w, "%s\t%s\t%s\n", v.Check, v.Metric, v.Segment)
		}
	case of.Metric == "":
		runs, err := s.Runs(ctx, of.Check, time.Unix(0, 0), limit)
		if err != nil {
			return unavailable(err)
		}
		for _, r := range runs {
			printf(w, "%s\t%s\t%s\n", r.Tick.Format(time.RFC3339), r.Status, r.Message)
		}
	default:
		points, err := s.Points(ctx, of, time.Time{}, limit)
		if err != nil {
			return unavailable(err)
		}
		for _, p := range points {
			printf(w, "%s\t%s\n", p.Time.Format(time.RFC3339), sentinel.Float(p.Value))
		}
	}
	return nil
}

// explainHistory prints the newest values of a series with what was expected of them, and why.
func explainHistory(cmd *cobra.Command, s *store.Store, w io.Writer, of store.Series, limit int) error {
	c, err := detectorOf(cmd, s, of.Check)
	if err != nil {
		return err
	}
	if of.Metric == "" {
		of.Metric = c.Metric
	}
	if of.Metric != c.Metric {
		return fmt.Errorf("--metric %s: anomaly watches %s of %s", of.Metric, c.Metric, of.Check)
	}
	_, most := anomaly.LookBack()
	points, err := s.Points(cmd.Context(), of, time.Time{}, most)
	if err != nil {
		return unavailable(err)
	}
	judged, err := anomaly.Replay(c, points)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "TIME\tVALUE\tSTATE\tWHY")
	for _, j := range judged[max(0, len(judged)-limit):] {
		why := j.Reason
		if j.Why != nil {
			why = j.Why.Words(c)
		}
		printf(w, "%s\t%s\t%s\t%s\n", j.Time.Format(time.RFC3339), sentinel.Float(j.Value), j.State, why)
	}
	return nil
}

// detectorOf returns by which configuration the values of a check are judged.
func detectorOf(cmd *cobra.Command, s *store.Store, check string) (c anomaly.Config, err error) {
	if check == "" {
		return c, errors.New("--explain needs --check: `sentinel history` lists the recorded series")
	}
	cfg, err := loadFor(cmd, "state")
	if err != nil {
		return c, err
	}
	found, err := setupOf(cfg).RememberedDatasets(cmd.Context(), s)
	if err != nil {
		return c, unavailable(err)
	}
	for _, d := range found.Datasets {
		for _, o := range d.Checks {
			switch options := o.Common(); {
			case options.ID != check:
			case options.Anomaly == nil:
				return c, fmt.Errorf("--check %s: it has no `anomaly:`, so nothing is expected of its values", check)
			default:
				return *options.Anomaly, nil
			}
		}
	}
	return c, fmt.Errorf("--check %s: no dataset of the configuration has such a check", check)
}
