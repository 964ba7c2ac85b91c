package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/store"
)

// newLabel is the command that takes points of a series out of its baseline.
func newLabel() *cobra.Command {
	var l store.Label
	var from, to string
	var include bool
	cmd := &cobra.Command{
		Use:   "label",
		Short: "Exclude points from the baseline of a check, or include them again",
		Long: `Points with the label --exclude are not part of any baseline. The detectors of the
check learn again from the other recorded points. --include removes a label.`,
		Example: `  sentinel history label --check shop.public.orders/row_count:day \
    --from 2026-11-01 --to 2026-11-03 --exclude --why 'backfill ran twice'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if l.Exclude == include {
				return errors.New("give --exclude, or --include to remove a label")
			}
			if l.From, err = parseWhen(from); err != nil {
				return fmt.Errorf("--from: %w", err)
			}
			if l.To, err = parseWhen(to); err != nil {
				return fmt.Errorf("--to: %w", err)
			}
			l.Who = userName()
			err = change{
				path:    "labels",
				body:    l,
				offline: func(ctx context.Context, a *agent.Agent, _ *store.Store) error { return a.Label(ctx, l) },
			}.apply(cmd)
			if err != nil {
				return err
			}
			_, err = printf(cmd.OutOrStdout(), "labelled %s from %s to %s\n",
				l.Check, l.From.Format(time.RFC3339), l.To.Format(time.RFC3339))
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&l.Check, "check", "", "id of the check")
	f.StringVar(&l.Segment, "segment", "", "segment, such as country=DE")
	f.StringVar(&from, "from", "", "first point, such as 2026-11-01 or 2026-11-01T06:00:00Z")
	f.StringVar(&to, "to", "", "last point")
	f.BoolVar(&l.Exclude, "exclude", false, "exclude these points from the baseline")
	f.BoolVar(&include, "include", false, "include these points in the baseline again")
	f.StringVar(&l.Why, "why", "", "reason, recorded with the label")
	for _, name := range []string{"check", "from", "to", "why"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // named above
		}
	}
	return cmd
}

func parseWhen(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q: want a time such as 2026-11-01 or 2026-11-01T06:00:00Z", s)
}
