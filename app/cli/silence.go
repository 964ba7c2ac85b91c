package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sentinel-dq/sentinel/agent"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/store"
)

// newSilence is the command that keeps notifications back for a time.
func newSilence() *cobra.Command {
	var s notify.Silence
	var lasts time.Duration
	cmd := &cobra.Command{
		Use:   "silence [ID]",
		Short: "Stop notifications of an incident, a dataset, a check, an owner or a tier for a time",
		Long:  "Checks continue to run. When the silence ends, incidents that are still open are notified.",
		Example: `  sentinel incidents silence 0cq1k4mg3s8qo --for 2h --why 'loader is being fixed'
  sentinel incidents silence --dataset 'shop.staging.*' --for 1h --why 'migration'`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				s.Incident = args[0]
			}
			s.From, s.Who = clock().UTC().Truncate(time.Second), userName()
			s.Until = s.From.Add(lasts)
			s.ID = "s" + s.From.Format("20060102t150405.000")
			if err := s.Validate(); err != nil {
				return err
			}
			err := change{
				path:    "silences",
				body:    s,
				offline: func(ctx context.Context, a *agent.Agent, _ *store.Store) error { return a.Silence(ctx, s) },
			}.apply(cmd)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "silent until %s\n", s.Until.Format(time.RFC3339))
			return err
		},
	}
	f := cmd.Flags()
	f.DurationVar(&lasts, "for", time.Hour, "length of the silence")
	f.StringVar(&s.Dataset, "dataset", "", "warehouse.schema.table, with * for any text")
	f.StringVar(&s.Check, "check", "", "a check's id")
	f.StringVar(&s.Tier, "tier", "", "critical, warning or info")
	f.StringVar(&s.Owner, "owner", "", "an owner")
	f.StringVar(&s.Why, "why", "", "reason, kept with the silence")
	return cmd
}
