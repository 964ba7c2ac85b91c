package cli

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/store"
)

func newSegments() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "segments",
		Short:   "List the remembered segments of a check, and accept that some are gone",
		Example: "  sentinel segments list --check shop.public.orders/row_count:country",
	}
	var v store.Acceptance
	list := &cobra.Command{
		Use:     "list",
		Short:   "List the segments that a check with by: remembers, and since when they have no rows",
		Example: "  sentinel segments list --check shop.public.orders/row_count:country",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return listSegments(cmd, v.Check) },
	}
	accept := &cobra.Command{
		Use:   "accept",
		Short: "Accept that segments are gone: the check forgets them, and their incidents end",
		Long: `A segment that had rows and has none counts as 0 rows until it is back or accepted as
gone. Without --segment all segments of the check that are gone are accepted.`,
		Example: `  sentinel segments accept --check shop.public.orders/row_count:country \
    --segment country=IT --why 'the shop in Italy has closed'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return acceptSegments(cmd, v) },
	}
	for _, c := range []*cobra.Command{list, accept} {
		c.Flags().StringVar(&v.Check, "check", "", "id of the check")
		if err := c.MarkFlagRequired("check"); err != nil {
			panic(err) // named above
		}
	}
	accept.Flags().StringArrayVar(&v.Segments, "segment", nil, "segment, such as country=IT; may be repeated")
	accept.Flags().StringVar(&v.Why, "why", "", "reason, recorded in the audit log")
	cmd.AddCommand(list, accept)
	return cmd
}

func listSegments(cmd *cobra.Command, check string) (err error) {
	s, err := reader(cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	known, _, err := agent.RememberedSegments(cmd.Context(), s, check)
	if err != nil {
		return unavailable(err)
	}
	if len(known) == 0 {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "no segments")
		return err
	}
	tw := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "SEGMENT\tFIRST SEEN\tGONE SINCE")
	for _, k := range known {
		printf(tw, "%s\t%s\t%s\n", k.Name, timeText(k.First), timeText(k.Gone))
	}
	return tw.Flush()
}

func acceptSegments(cmd *cobra.Command, v store.Acceptance) error {
	v.Who = userName()
	var names []string
	err := change{
		path:   "segments/accept",
		body:   v,
		answer: &names,
		offline: func(ctx context.Context, a *agent.Agent, _ *store.Store) (err error) {
			names, err = a.AcceptSegments(ctx, v)
			return err
		},
	}.apply(cmd)
	for _, n := range names {
		printf(cmd.OutOrStdout(), "%s  accepted as gone\n", n)
	}
	return err
}
